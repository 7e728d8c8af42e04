package transport

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/transport/wsframe"
)

// rawClient is a WebSocket client that costs the process next to nothing.
type rawClient struct{ net.Conn }

func (g *gateway) dialRaw() *rawClient {
	g.Helper()
	nc, err := (&net.Dialer{}).DialContext(g.Context(), "tcp", g.srv.Listener.Addr().String())
	if err != nil {
		g.Fatal(err)
	}
	g.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(time.Minute))
	_, _ = fmt.Fprintf(nc, "GET /graphql HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: %s\r\n\r\n", protocolModern)
	resp, err := http.ReadResponse(bufio.NewReaderSize(nc, 16), nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		g.Fatal(resp, err)
	}
	_ = resp.Body.Close()
	return &rawClient{nc}
}

func (c *rawClient) say(text string) error {
	_, err := c.Write(wsframe.AppendMasked(nil, true, wsframe.Text, [4]byte{1, 2, 3, 4}, []byte(text)))
	return err
}

// until reads until the text has come.
func (c *rawClient) until(text string) error {
	var all []byte
	buf := make([]byte, 512)
	for !strings.Contains(string(all), text) {
		n, err := c.Read(buf)
		if err != nil {
			return err
		}
		all = append(all, buf[:n]...)
	}
	return nil
}

func inUse() uint64 {
	for range 3 {
		runtime.GC() // stacks shrink, pools empty
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// An idle connection with a subscription must stay under 10 KiB, feed and
// client included.
func TestIdleMemory(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector has its own idea of memory")
	}
	const n = 500
	g := newGateway(t, Options{}).live(1)
	g.subscribedRaw() // warms everything up
	before := inUse()
	for range n {
		g.subscribedRaw()
	}
	per := (inUse() - before) / n
	t.Logf("%d bytes per idle subscribed connection", per)
	if per > 10<<10 {
		t.Errorf("%d bytes per connection", per)
	}
}

func (g *gateway) subscribedRaw() *rawClient {
	g.Helper()
	c := g.dialRaw()
	err := c.say(initMessage)
	if err == nil {
		err = c.say(`{"id":"1","type":"subscribe","payload":{"query":"subscription { trades { operation data { id price } fields } }"}}`)
	}
	if err == nil {
		err = c.until(`"operation":"INSERT"`)
	}
	if err != nil {
		g.Fatal(err)
	}
	return c
}
