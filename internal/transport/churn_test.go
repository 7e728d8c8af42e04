package transport

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/tycostream/tycostream/internal/transport/wsframe"
)

// Clients come, subscribe, complete, reuse ids and vanish while rows move.
// Nothing must be left of them.
func TestChurn(t *testing.T) {
	g := newGateway(t, Options{Operations: 5}).live(20)
	stop := make(chan struct{})
	var writer, clients sync.WaitGroup
	writer.Go(func() { g.keepSetting(stop) })
	for n := range 16 {
		rnd := rand.New(rand.NewPCG(uint64(n), 7))
		clients.Go(func() {
			for range 10 {
				g.churn(rnd)
			}
		})
	}
	clients.Wait()
	close(stop)
	writer.Wait()
	eventually(t, "nothing is left", func() bool {
		s := g.Stats()
		return active(s) == 0 && s.of("trades", "rows").Active == 0 && s.of("trades", "changes").Active == 0 && g.feed.Status().Subscribers == 0
	})
}

// keepSetting moves rows 1 to 20 until stop is closed.
func (g *gateway) keepSetting(stop <-chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		default:
			g.set(1+i%20, "S", strconv.Itoa(i))
		}
	}
}

func (g *gateway) churn(rnd *rand.Rand) {
	c, _, err := g.tryDial("/graphql", nil, []string{protocolModern, protocolLegacy}[rnd.IntN(2)])
	if err != nil {
		g.Error(err)
		return
	}
	start, stop := "subscribe", "complete"
	if c.Subprotocol() == protocolLegacy {
		start, stop = "start", "stop"
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for {
			if _, _, err := c.ReadMessage(); err != nil {
				return
			}
		}
	}()
	queries := []string{
		"subscription { trades { operation data { id price } } }",
		"subscription { trades(where: {id: {_lt: 5}}) { operation fields } }",
		"subscription { trades_changes { kind last changes { operation data { id } } } }",
		"{ trades { id } }", "{ nothing }",
	}
	say := func(text string) { _ = c.WriteMessage(websocket.TextMessage, []byte(text)) }
	say(initMessage)
	for range rnd.IntN(12) {
		id := strconv.Itoa(rnd.IntN(8))
		if rnd.IntN(3) == 0 {
			say(`{"id":"` + id + `","type":"` + stop + `"}`)
			continue
		}
		say(`{"id":"` + id + `","type":"` + start + `","payload":{"query":"` + queries[rnd.IntN(len(queries))] + `"}}`)
	}
	if rnd.IntN(2) == 0 {
		_ = c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""))
		<-read
	}
	_ = c.Close()
	<-read
}

// FuzzSession sends junk, one message per line, and sees whether the gateway
// lives and forgets the client.
func FuzzSession(f *testing.F) {
	f.Add([]byte(initMessage+"\n"+`{"id":"1","type":"subscribe","payload":{"query":"subscription { trades { operation } }","variables":{"a":1e999}}}`), false)
	f.Add([]byte(initMessage+"\n"+`{"id":"1","type":"start","payload":{"query":"{ sources { name } }"}}`+"\n"+`{"id":"1","type":"stop"}`), true)
	f.Add([]byte(initMessage+"\n"+`{"id":null,"type":"complete"}`), false)
	f.Add([]byte(`{"type":"ping","payload":[[[[`), false)
	g := newGateway(f, Options{}).live(2)
	f.Fuzz(func(t *testing.T, junk []byte, legacy bool) {
		server, nc := net.Pipe()
		kind := KindWS
		if legacy {
			kind = KindLegacy
		}
		s := &session{peer: newPeer(g.Handler, server, kind), exec: g.opts.Executor()}
		if err := g.accept(s, kind); err != nil {
			t.Fatal(err)
		}
		go s.run()
		sendLines(nc, junk)
		eventually(t, "the client is forgotten", func() bool { return active(g.Stats()) == 0 })
	})
}

// sendLines sends a message per line, and reads and forgets the answers.
func sendLines(nc net.Conn, text []byte) {
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(io.Discard, nc)
	}()
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		if _, err := nc.Write(wsframe.AppendMasked(nil, true, wsframe.Text, [4]byte{9, 8, 7, 6}, line)); err != nil {
			break
		}
	}
	_ = nc.Close()
	<-read
}
