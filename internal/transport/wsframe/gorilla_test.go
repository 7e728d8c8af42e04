package wsframe_test

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/tycostream/tycostream/internal/transport/wsframe"
)

// canned answers a client's handshake and then plays a stream of bytes.
type canned struct {
	net.Conn
	in  bytes.Buffer
	out bytes.Buffer
}

func (c *canned) Write(p []byte) (int, error) {
	c.in.Write(p)
	if req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(c.in.Bytes()))); err == nil {
		sum := sha1.Sum([]byte(req.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		rest := bytes.Clone(c.out.Bytes())
		c.out.Reset()
		c.out.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
			base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n")
		c.out.Write(rest)
		c.in.Reset()
	}
	return len(p), nil
}

func (c *canned) Read(p []byte) (int, error)       { return c.out.Read(p) }
func (c *canned) Close() error                     { return nil }
func (c *canned) SetDeadline(time.Time) error      { return nil }
func (c *canned) SetWriteDeadline(time.Time) error { return nil }

// FuzzGorillaReads: gorilla's client reads exactly the messages that we wrote.
func FuzzGorillaReads(f *testing.F) {
	f.Add([]byte(`{"id":"1","type":"next","payload":`), []byte(`{"data":null}`), uint16(3), uint16(1000))
	f.Add([]byte{}, []byte{}, uint16(0), uint16(4400))
	f.Fuzz(func(t *testing.T, prefix, payload []byte, times, code uint16) {
		payload = bytes.Repeat(payload, int(times)%2000)
		conn := &canned{}
		frames := wsframe.AppendText(nil, prefix, payload, "}")
		frames = wsframe.Append(frames, wsframe.Ping, []byte("p"))
		frames = wsframe.Append(frames, wsframe.Binary, payload)
		frames = wsframe.AppendClose(frames, 3000+int(code)%2000, "why")
		conn.out.Write(frames)
		c, resp, err := websocket.NewClient(conn, &url.URL{Scheme: "ws", Host: "h"}, nil, 512, 512) //nolint:staticcheck // a dialer would need a listener for every input
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		pings := 0
		c.SetPingHandler(func(string) error { pings++; return nil })
		kind, got, err := c.ReadMessage()
		if err != nil || kind != websocket.TextMessage || !bytes.Equal(got, append(append(bytes.Clone(prefix), payload...), '}')) {
			t.Fatalf("text: %d %q %v", kind, got, err)
		}
		kind, got, err = c.ReadMessage()
		if err != nil || kind != websocket.BinaryMessage || !bytes.Equal(got, payload) || pings != 1 {
			t.Fatalf("binary: %d %q %v, %d pings", kind, got, err, pings)
		}
		if _, _, err = c.ReadMessage(); !websocket.IsCloseError(err, 3000+int(code)%2000) {
			t.Fatalf("close: %v", err)
		}
	})
}
