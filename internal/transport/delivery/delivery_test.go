package delivery_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/transport/delivery"
	"github.com/tycostream/tycostream/internal/transport/wsframe"
)

func TestMessagesArriveInOrder(t *testing.T) {
	for _, l := range layers {
		t.Run(string(l), func(t *testing.T) {
			server, nc := pair(t, l)
			p := newPool(t, delivery.Config{})
			all := new(delivery.Counters)
			c := p.NewConn(server, all)
			defer c.Abort()
			src := &numbers{pad: strings.Repeat(".", 200)}
			attach(c, src, "", nil)
			const total = 20_000
			go func() {
				for i := range total {
					src.advance(1)
					if i%1000 == 0 {
						_ = c.Send(wsframe.Append(nil, wsframe.Ping, nil))
					}
				}
			}()
			r := newClient(nc)
			pings := 0
			for want := 1; want <= total; {
				op, got, err := r.next()
				if err != nil {
					t.Fatal(err)
				}
				if op == byte(wsframe.Ping) {
					pings++
					continue
				}
				if got != strconv.Itoa(want)+src.pad {
					t.Fatalf("got %.20q, want %d", got, want)
				}
				want++
			}
			eventually(t, "all counted", func() bool { return all.Messages.Load() == total && all.Bytes.Load() > total*200 })
			if pings == 0 {
				t.Error("no ping came between")
			}
		})
	}
}

func TestBlockedClientCostsNobodyElse(t *testing.T) {
	for _, l := range layers {
		t.Run(string(l), func(t *testing.T) {
			server, nc := pair(t, l)
			p := newPool(t, delivery.Config{Workers: 1})
			slow := p.NewConn(server, new(delivery.Counters))
			defer slow.Abort()
			lazy := &numbers{conflate: true, pad: strings.Repeat(".", 16<<10)}
			attach(slow, lazy, "", nil)
			server2, nc2 := pair(t, plain)
			other := p.NewConn(server2, new(delivery.Counters))
			defer other.Abort()
			quick := &numbers{}
			attach(other, quick, "", nil)
			r2 := newClient(nc2)

			// One write that blocks is not enough: it may be over in a moment.
			for i, pulls, same := 1, 0, 0; !slow.Blocked() || same < 500; i++ {
				if n, _ := lazy.state(); n != pulls {
					pulls, same = n, 0
				}
				same++
				lazy.advance(1)
				quick.advance(1)
				r2.want(t, strconv.Itoa(i))
				if i > 100_000 {
					t.Fatal("never blocked")
				}
			}
			before, _ := lazy.state()
			for range 100 {
				lazy.advance(1)
			}
			quick.advance(1)
			if _, _, err := r2.next(); err != nil {
				t.Fatal(err)
			}
			if after, _ := lazy.state(); after != before {
				t.Errorf("%d pulls while blocked", after-before)
			}
			if got := p.Stats().Blocked; got != 1 {
				t.Errorf("%d blocked", got)
			}

			// It reads again: no frame is torn, no number goes back, and it ends at the newest.
			r := newClient(nc)
			last := 0
			for last < lazy.head {
				_, got, err := r.next()
				if err != nil {
					t.Fatal(err)
				}
				n, err := strconv.Atoi(strings.TrimRight(got, "."))
				if err != nil || n <= last {
					t.Fatalf("got %.20q after %d", got, last)
				}
				last = n
			}
			eventually(t, "unblocked", func() bool { return !slow.Blocked() && p.Stats().Blocked == 0 })
		})
	}
}

func TestSlowClientIsCutOff(t *testing.T) {
	for _, l := range layers {
		t.Run(string(l), func(t *testing.T) {
			server, _ := pair(t, l)
			p := newPool(t, delivery.Config{SlowTimeout: 50 * time.Millisecond})
			c := p.NewConn(server, new(delivery.Counters))
			src := &numbers{pad: strings.Repeat(".", 1<<20)}
			attach(c, src, "", nil)
			src.advance(100)
			eventually(t, "cut off", func() bool { return c.Err() != nil })
			if !errors.Is(c.Err(), delivery.ErrSlow) || p.Stats().Slow != 1 {
				t.Fatalf("%v, %d slow", c.Err(), p.Stats().Slow)
			}
			if err := c.Send([]byte("x")); !errors.Is(err, delivery.ErrClosed) {
				t.Fatalf("send: %v", err)
			}
		})
	}
}

// A client that takes a little now and then stays, however long it takes.
func TestTricklingClientStays(t *testing.T) {
	server, nc := pair(t, plain)
	const timeout = 200 * time.Millisecond
	p := newPool(t, delivery.Config{SlowTimeout: timeout})
	c := p.NewConn(server, new(delivery.Counters))
	defer c.Abort()
	src := &numbers{pad: strings.Repeat(".", 32<<20)}
	attach(c, src, "", nil)
	src.advance(1)
	eventually(t, "blocked", c.Blocked)
	tick := time.NewTicker(timeout / 8)
	defer tick.Stop()
	buf := make([]byte, 64<<10)
	for range 32 { // four times the time-out
		<-tick.C
		if _, err := nc.Read(buf); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Err(); err != nil || !c.Blocked() {
		t.Fatalf("blocked %v, %v", c.Blocked(), err)
	}
}

// Each stream has more than anybody reads, so the first one may be far along before the others
// are attached: what counts begins when all of them have been heard of.
func TestStreamsOfAConnectionShareIt(t *testing.T) {
	server, nc := pair(t, plain)
	p := newPool(t, delivery.Config{PassBytes: 1000})
	c := p.NewConn(server, new(delivery.Counters))
	defer c.Abort()
	var seen [3]int
	for i := range seen {
		attach(c, &numbers{head: math.MaxInt, pad: strings.Repeat(".", 50)}, string(rune('a'+i)), nil)
	}
	r := newClient(nc)
	read := func() {
		_, got, err := r.next()
		if err != nil {
			t.Fatal(err)
		}
		seen[got[0]-'a']++
	}
	for slices.Contains(seen[:], 0) {
		if read(); seen[0]+seen[1]+seen[2] > 1_000_000 {
			t.Fatalf("one stream keeps the others from their turn: %v", seen)
		}
	}
	clear(seen[:])
	for range 3000 {
		read()
	}
	for i, n := range seen {
		if n < 500 {
			t.Errorf("stream %d got %d of 3000", i, n)
		}
	}
}

func TestStreamEnd(t *testing.T) {
	server, nc := pair(t, plain)
	p := newPool(t, delivery.Config{})
	c := p.NewConn(server, new(delivery.Counters))
	defer c.Abort()
	src := &numbers{head: 3}
	boom := errors.New("history is gone")
	attach(c, src, "n", func(err error) []byte { return fmt.Appendf(nil, "end: %v", err) })
	r := newClient(nc)
	for i := range 3 {
		r.want(t, "n"+strconv.Itoa(i+1))
	}
	src.end(boom)
	r.want(t, "end: history is gone")
	if _, closed := src.state(); !closed {
		t.Error("source is open")
	}
}

func TestStreamClose(t *testing.T) {
	server, nc := pair(t, plain)
	p := newPool(t, delivery.Config{})
	c := p.NewConn(server, new(delivery.Counters))
	defer c.Abort()
	src := &numbers{}
	s := attach(c, src, "", nil)
	src.advance(1)
	newClient(nc).want(t, "1")
	s.Close()
	pulls, closed := src.state()
	src.advance(1)
	other := &numbers{head: 1}
	attach(c, other, "x", nil)
	newClient(nc).want(t, "x1")
	if after, _ := src.state(); !closed || after != pulls {
		t.Errorf("closed %v, %d pulls after", closed, after-pulls)
	}

	late := &numbers{}
	s = c.NewStream(delivery.Envelope{}, nil)
	s.Wake()
	s.Close()
	s.Attach(late)
	if _, closed := late.state(); !closed {
		t.Error("a source attached to a closed stream stays open")
	}
}

func TestFinishComesLast(t *testing.T) {
	for _, l := range layers {
		t.Run(string(l), func(t *testing.T) {
			server, nc := pair(t, l)
			p := newPool(t, delivery.Config{})
			c := p.NewConn(server, new(delivery.Counters))
			if err := c.Send(wsframe.Append(nil, wsframe.Text, []byte("a"))); err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			if !c.Finish(wsframe.AppendClose(nil, 1012, "restart"), func() { close(done) }) {
				t.Fatal("not the first")
			}
			if c.Finish(nil, nil) {
				t.Fatal("a second Finish was taken")
			}
			if err := c.Send([]byte("x")); !errors.Is(err, delivery.ErrClosed) {
				t.Fatalf("send: %v", err)
			}
			src := &numbers{head: 10}
			attach(c, src, "", nil)
			<-done
			c.Abort()
			r := newClient(nc)
			r.want(t, "a")
			if op, got, err := r.next(); err != nil || op != byte(wsframe.Close) || got != "\x03\xf4restart" {
				t.Fatalf("op %d %q %v", op, got, err)
			}
			if _, got, err := r.next(); err == nil {
				t.Fatalf("%q after the end", got)
			}
		})
	}
}

func TestSendWaitsForRoom(t *testing.T) {
	server, nc := pair(t, plain)
	p := newPool(t, delivery.Config{})
	c := p.NewConn(server, new(delivery.Counters))
	defer c.Abort()
	const total, size = 400, 64 << 10
	sent := make(chan int, total)
	go func() {
		defer close(sent)
		for i := range total {
			if c.Send(wsframe.Append(nil, wsframe.Binary, make([]byte, size))) != nil {
				return
			}
			sent <- i
		}
	}()
	eventually(t, "blocked", c.Blocked)
	if n := len(sent); n == total {
		t.Fatal("everything was taken at once")
	}
	go func() { _, _ = io.Copy(io.Discard, nc) }()
	eventually(t, "all sent", func() bool { return len(sent) == total })
}

func TestSendEndsWithTheConnection(t *testing.T) {
	server, _ := pair(t, plain)
	p := newPool(t, delivery.Config{})
	c := p.NewConn(server, new(delivery.Counters))
	ended := make(chan error, 1)
	go func() {
		for {
			if err := c.Send(make([]byte, 1<<20)); err != nil {
				ended <- err
				return
			}
		}
	}()
	eventually(t, "blocked", c.Blocked)
	c.Abort()
	if err := <-ended; !errors.Is(err, delivery.ErrClosed) {
		t.Fatal(err)
	}
}

func TestPeerGone(t *testing.T) {
	server, nc := pair(t, plain)
	p := newPool(t, delivery.Config{})
	c := p.NewConn(server, new(delivery.Counters))
	src := &numbers{}
	attach(c, src, "", nil)
	_ = nc.Close()
	eventually(t, "noticed", func() bool { src.advance(1); return c.Err() != nil })
}
