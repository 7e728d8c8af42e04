package transport

import (
	"crypto/tls"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/tycostream/tycostream/internal/transport/socket"
)

// A client over TLS that has gone is noticed by its silence, as any other:
// what TLS adds to pings is no data.
func TestPingsOverTLS(t *testing.T) {
	g := startGateway(t, Options{PingInterval: 30 * time.Millisecond}, true).live(0)
	c := g.modern()
	c.SetPingHandler(func(string) error { return nil })
	start := time.Now()
	c.wantBroken()
	if took := time.Since(start); took < 30*time.Millisecond {
		t.Errorf("after %v", took)
	}
	eventually(t, "gone", func() bool { return active(g.Stats()) == 0 })
}

// wantBroken reads until the connection breaks, without a close that says all is well.
func (c *client) wantBroken() {
	c.Helper()
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	for {
		_, _, err := c.ReadMessage()
		if err == nil {
			continue
		}
		if socket.IsTimeout(err) {
			c.Fatal("it stays")
		}
		if websocket.IsCloseError(err, 1000, 1001) {
			c.Errorf("closed: %v", err)
		}
		return
	}
}

// The close frame is the last one, and TLS says so too.
func TestCloseOverTLS(t *testing.T) {
	g := startGateway(t, Options{}, true).live(0)
	c := g.dial(protocolModern)
	c.say("junk")
	c.wantClose(codeBadMessage, "not JSON")
	raw, _ := c.NetConn().(*tls.Conn)
	_ = raw.SetReadDeadline(time.Now().Add(time.Minute))
	if n, err := raw.Read(make([]byte, 1)); n != 0 || err != io.EOF { //nolint:errorlint // exactly this
		t.Errorf("%d bytes, %v after the close frame", n, err)
	}
}

// Streams over HTTP/2 share a connection: none ends it, and a deadline of a
// write does not strike who has nothing to write.
func TestStreamsOverHTTP2(t *testing.T) {
	g := startGateway(t, Options{SlowClientTimeout: 400 * time.Millisecond, PingInterval: time.Hour}, true).live(1)
	relay := g.open("GET", "/stream/trades", "")
	parts := g.openParts("subscription { trades { data { price } } }", apolloAccept)
	if relay.ProtoMajor != 2 {
		t.Fatal(relay.Proto)
	}
	lines := readLines(t, relay)
	lines.want("timestamp\tdiff\tid\tsymbol\tprice", "1000\t1\t1\tS1\t100")
	parts.want(`{"payload":{"data":{"trades":{"data":{"price":"100"}}}}}`)
	<-time.After(time.Second)
	g.set(1, "S1", "101")
	lines.want("1001\t1\t1\tS1\t101")
	parts.want(`{"payload":{"data":{"trades":{"data":{"price":"101"}}}}}`)

	// One that is done leaves the others alone, and their connection too.
	_ = relay.Body.Close()
	eventually(t, "closed", func() bool { return g.Stats().Kinds[KindRelay].Active == 0 })
	resp, body := g.do("POST", "/graphql", `{"query":"{ trades { price } }"}`, "Content-Type", typeJSON)
	if resp.StatusCode != http.StatusOK || body != `{"data":{"trades":[{"price":"101"}]}}` {
		t.Errorf("%s %s", resp.Status, body)
	}
	g.set(1, "S1", "102")
	parts.want(`{"payload":{"data":{"trades":{"data":{"price":"102"}}}}}`)
}

func TestStreamOverHTTP2IsCutOffWhenSlow(t *testing.T) {
	g := startGateway(t, Options{SlowClientTimeout: 400 * time.Millisecond}, true).live(1)
	g.open("GET", "/stream/trades", "")
	pad, i := strings.Repeat("x", 60_000), 0
	eventually(t, "cut off", func() bool {
		i++
		g.set(1, pad, strconv.Itoa(i))
		s := g.Stats()
		return s.Kinds[KindRelay].Closed[codeTryLater] == 1 && s.SlowClients == 1
	})
}
