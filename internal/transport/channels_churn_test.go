package transport

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/tycostream/tycostream/internal/transport/wsframe"
)

// told is any message of the gateway on a row channel.
type told struct {
	Type, Channel, Code, Op string
	New, Old                *struct {
		ID     int
		Symbol string
		Price  string
	}
}

// follower is a client that holds what it is told against the protocol: which
// messages may come now, and which rows it has.
type follower struct {
	*client
	on, whole bool
	held      map[int]string
}

// next takes the next message; it is empty when something is wrong.
func (f *follower) next() string {
	_ = f.SetReadDeadline(time.Now().Add(time.Minute))
	_, text, err := f.ReadMessage()
	if err == nil {
		err = f.take(text)
	}
	if err != nil {
		f.Error(err)
		return ""
	}
	return string(text)
}

// until takes messages until one is it, or something is wrong.
func (f *follower) until(it func(text string) bool) {
	for {
		if text := f.next(); text == "" || it(text) {
			return
		}
	}
}

// send is say for goroutines that are not the test's own.
func (f *follower) send(text string) {
	if err := f.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		f.Error(err)
	}
}

// churn subscribes and unsubscribes, and follows in the end.
func (f *follower) churn(rnd *rand.Rand) {
	for range 10 {
		f.send(withSnapshot)
		for range rnd.IntN(60) {
			f.next()
		}
		f.send(`{"type":"unsubscribe","channel":"trades"}`)
		f.until(func(text string) bool { return text == `{"type":"unsubscribed","channel":"trades"}` })
	}
	f.send(withSnapshot)
	f.until(func(string) bool { return f.whole })
}

func (f *follower) take(text []byte) error {
	var t told
	if err := json.Unmarshal(text, &t); err != nil {
		return err
	}
	switch {
	case t.Type == "subscribed" && !f.on:
		f.on, f.whole, f.held = true, false, map[int]string{}
	case t.Type == "snapshot" && f.on && !f.whole:
		f.whole = true
	case t.Type == "unsubscribed":
		f.on = false
	case t.Type == "subscribed" && f.on, t.Type == "pong":
	case !f.on || t.Op == "":
		return fmt.Errorf("out of place: %s", text)
	case t.Op == "INSERT":
		if _, ok := f.held[t.New.ID]; ok || t.Old != nil {
			return fmt.Errorf("a row that is there: %s", text)
		}
		f.held[t.New.ID] = t.New.Price
	case !f.whole:
		return fmt.Errorf("a change before the snapshot is whole: %s", text)
	case t.Op == "UPDATE":
		was, ok := f.held[t.New.ID]
		if !ok || t.Old.ID != t.New.ID || t.Old.Price != "" && t.Old.Price != was {
			return fmt.Errorf("it was %q: %s", was, text)
		}
		f.held[t.New.ID] = t.New.Price
	case t.Op == "DELETE":
		if _, ok := f.held[t.Old.ID]; !ok || t.New != nil { // old may be news: the last row, of which one who was behind has not heard
			return fmt.Errorf("a row that is not there: %s", text)
		}
		delete(f.held, t.Old.ID)
	}
	return nil
}

// Clients subscribe and unsubscribe while rows come, change and go. Each is told
// what the protocol promises, ends with the rows there are, and leaves nothing.
func TestChannelChurn(t *testing.T) {
	const count, last = 12, "-1"
	g := newGateway(t, Options{}).live(20)
	stop := make(chan struct{})
	var writer, churning, clients sync.WaitGroup
	writer.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				g.set(1, "S", last)
				return
			default:
			}
			id := 1 + i%25
			g.mu.Lock()
			_, there := g.rows[id]
			g.mu.Unlock()
			if there && i%3 == 0 {
				g.drop(id)
			} else {
				g.set(id, "S", strconv.Itoa(i))
			}
		}
	})
	churning.Add(count)
	held := make(chan map[int]string, count)
	for n := range count {
		rnd := rand.New(rand.NewPCG(uint64(n), 3))
		f := &follower{client: g.channels(), held: map[int]string{}}
		clients.Go(func() {
			defer func() { held <- f.held; _ = f.Close() }()
			f.churn(rnd)
			churning.Done()
			f.until(func(string) bool { return f.held[1] == last })
		})
	}
	churning.Wait()
	close(stop)
	writer.Wait()
	clients.Wait()
	want := map[int]string{}
	for id, row := range g.rows {
		want[id] = row.Text(2)
	}
	for range count {
		if got := <-held; !maps.Equal(got, want) {
			t.Errorf("a client holds %v, want %v", got, want)
		}
	}
	g.followers(0)
	eventually(t, "nothing is left", func() bool { return active(g.Stats()) == 0 })
}

// Subscribes come faster than anybody reads the answers: the gateway stops
// reading, and keeps no more than it must.
func TestChannelFlood(t *testing.T) {
	g := newGateway(t, Options{}).live(1)
	c := g.channels()
	c.asked(subscribeTrades, subscribedToIt)
	before, long := heap(), strings.Repeat("x", 250)
	const messages = 30_000
	sent := make(chan error, 1)
	go func() {
		var frames []byte
		for range 100 {
			frames = wsframe.AppendMasked(frames, true, wsframe.Text, [4]byte{1, 2, 3, 4}, []byte(`{"type":"subscribe","channel":"`+long+`"}`))
			frames = wsframe.AppendMasked(frames, true, wsframe.Text, [4]byte{1, 2, 3, 4}, []byte(subscribeTrades))
		}
		var err error
		for i := 0; i < messages/200 && err == nil; i++ {
			_, err = c.NetConn().Write(frames)
		}
		sent <- err
	}()
	eventually(t, "it stops reading", func() bool { return g.Stats().Blocked == 1 })
	if grown := heap() - before; grown > 4<<20 {
		t.Errorf("the heap grew by %d KiB", grown>>10)
	}
	g.followers(1)
	answers := map[string]int{}
	for answers["error"] < messages/2 {
		var m told
		if err := json.Unmarshal([]byte(c.next()), &m); err != nil {
			t.Fatal(err)
		}
		answers[m.Type]++
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	g.set(1, "S1", "7")
	for got := ""; !strings.HasPrefix(got, `{"op":"UPDATE"`); {
		got = c.next()
	}
	_ = c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""))
	c.wantClose(1000, "")
	g.followers(0)
}

// A client that does not read costs itself only, and is right once it reads.
func TestSlowChannel(t *testing.T) {
	g := newGateway(t, Options{}).live(1)
	slow, quick := g.channels(), g.channels()
	slow.asked(subscribeTrades, subscribedToIt)
	quick.asked(subscribeTrades, subscribedToIt)
	pad := strings.Repeat("x", 30_000)
	const total = 1000 // 60 MB with both images, far beyond what sockets hold
	for i := 1; i <= total; i++ {
		g.set(1, pad, strconv.Itoa(i))
		if got := quick.next(); !strings.Contains(got, `"new":{"id":1,"symbol":"`+pad+`","price":"`+strconv.Itoa(i)+`"}`) {
			t.Fatalf("%.200s", got)
		}
	}
	n, parts := 0, 0
	for got := ""; !strings.Contains(got, `"price":"`+strconv.Itoa(total)+`"},"old"`); n++ {
		got = slow.next()
		if strings.HasSuffix(got, `"old":{"id":1,"symbol":"`+pad+`"}}`) {
			parts++
		}
	}
	if n > total/2 || parts == 0 {
		t.Errorf("%d messages of %d, %d of them differences: nothing was conflated", n, total, parts)
	}
}

func TestSlowChannelIsCutOff(t *testing.T) {
	g := newGateway(t, Options{SlowClientTimeout: 50 * time.Millisecond}).live(1)
	g.channels().asked(subscribeTrades, subscribedToIt)
	pad, i := strings.Repeat("x", 60_000), 0
	eventually(t, "cut off", func() bool {
		i++
		g.set(1, pad, strconv.Itoa(i))
		return g.Stats().Kinds[KindChannels].Closed[codeTryLater] == 1
	})
	g.followers(0)
}

// FuzzChannels sends junk, one message per line, and sees whether the gateway
// lives and forgets the client.
func FuzzChannels(f *testing.F) {
	f.Add([]byte(subscribeTrades + "\n" + withSnapshot + "\n" + `{"type":"unsubscribe","channel":"allTrades"}`))
	f.Add([]byte(`{"type":"subscribe","channel":"trades","where":{"_not":{"symbol":{"_regex":"("}}}}`))
	f.Add([]byte(`{"type":"subscribe","channel":"trades","where":{"_or":{"price":{"_in":[1e9,"x"]}}},"snapshot":true}` + "\n{\n\n\x00"))
	g := newGateway(f, Options{}).live(2)
	f.Fuzz(func(t *testing.T, junk []byte) {
		server, nc := net.Pipe()
		c := &channels{peer: newPeer(g.Handler, server, KindChannels)}
		if err := g.accept(c, KindChannels); err != nil {
			t.Fatal(err)
		}
		go c.run()
		sendLines(nc, junk)
		eventually(t, "the client is forgotten", func() bool {
			return active(g.Stats()) == 0 && g.feed.Status().Subscribers == 0
		})
	})
}
