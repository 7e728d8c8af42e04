package robustness

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"

	"github.com/gorilla/websocket"
)

// The transports.
const (
	overWS        = "graphql-transport-ws"
	overLegacy    = "graphql-ws"
	overSSE       = "sse"
	overMultipart = "multipart"
	overPost      = "post"
	overHTTP      = "http" // of the relay
	overWSLines   = "ws"   // of the relay
)

// link is an open subscription. One goroutine calls next; close may be called
// from any, and ends next.
type link struct {
	next  func() ([]byte, error) // the next payload; io.EOF at an orderly end
	close func()
}

// request is an operation as it is sent.
type request struct {
	addr      string
	tls       *tls.Config // nil: plain
	document  string
	variables map[string]any
	path      string // of the relay
	narrow    bool   // let the kernel buffer little, so that a pause is felt
}

func (q *request) scheme(s string) string {
	if q.tls != nil {
		s += "s"
	}
	return s + "://" + q.addr
}

func (q *request) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	if q.narrow {
		d.Control = func(_, _ string, c syscall.RawConn) error {
			var inner error
			err := c.Control(func(fd uintptr) {
				inner = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096)
			})
			return errors.Join(err, inner)
		}
	}
	return d.DialContext(ctx, network, addr)
}

func (q *request) body() ([]byte, error) {
	return json.Marshal(map[string]any{"query": q.document, "variables": q.variables})
}

// open starts the operation.
func open(ctx context.Context, transport string, q *request) (*link, error) {
	switch transport {
	case overWS, overLegacy:
		return openSocket(ctx, transport, q)
	case overWSLines:
		conn, err := q.socket(ctx, q.scheme("ws")+q.path, nil)
		if err != nil {
			return nil, err
		}
		return &link{func() ([]byte, error) { _, b, err := conn.ReadMessage(); return b, err }, closer(conn)}, nil
	}
	return openHTTP(ctx, transport, q)
}

func (q *request) socket(ctx context.Context, url string, protocols []string) (*websocket.Conn, error) {
	d := websocket.Dialer{Subprotocols: protocols, NetDialContext: q.dial, TLSClientConfig: q.tls}
	conn, res, err := d.DialContext(ctx, url, nil)
	if res != nil {
		_ = res.Body.Close() // empty or an explanation that err lacks the use for
	}
	return conn, err
}

func closer(conn *websocket.Conn) func() { return func() { _ = conn.NetConn().Close() } }

// socketMessage is one of either WebSocket protocol.
type socketMessage struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

func openSocket(ctx context.Context, transport string, q *request) (*link, error) {
	conn, err := q.socket(ctx, q.scheme("ws")+"/graphql", []string{transport})
	if err != nil {
		return nil, err
	}
	start := map[string]string{overWS: "subscribe", overLegacy: "start"}[transport]
	body, err := q.body()
	if err == nil {
		err = conn.WriteJSON(socketMessage{Type: "connection_init"})
	}
	if err == nil {
		err = conn.WriteJSON(socketMessage{ID: "1", Type: start, Payload: body})
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &link{func() ([]byte, error) { return readSocket(conn) }, closer(conn)}, nil
}

// readSocket returns the next result.
func readSocket(conn *websocket.Conn) ([]byte, error) {
	for {
		_, b, err := conn.ReadMessage()
		if err != nil {
			return nil, err
		}
		var m socketMessage
		if err := json.Unmarshal(b, &m); err != nil {
			return nil, fmt.Errorf("message %.100q: %w", b, err)
		}
		switch m.Type {
		case "next", "data":
			return m.Payload, nil
		case "error":
			return fmt.Appendf(nil, `{"errors":%s}`, m.Payload), nil
		case "complete":
			return nil, io.EOF
		case "ping":
			if err := conn.WriteJSON(socketMessage{Type: "pong"}); err != nil {
				return nil, err
			}
		case "connection_ack", "pong", "ka":
		default:
			return nil, fmt.Errorf("message of type %q", m.Type)
		}
	}
}

// openHTTP starts a stream over HTTP.
func openHTTP(ctx context.Context, transport string, q *request) (*link, error) {
	method, target, body := http.MethodGet, q.scheme("http")+q.path, []byte(nil)
	accept := map[string]string{
		overSSE: "text/event-stream", overMultipart: `multipart/mixed;subscriptionSpec="1.0"`, overPost: "application/json",
	}[transport]
	if transport != overHTTP {
		var err error
		method, target = http.MethodPost, q.scheme("http")+"/graphql"
		if body, err = q.body(); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		cancel()
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", accept)
	client := &http.Client{Transport: &http.Transport{
		DialContext: q.dial, TLSClientConfig: q.tls.Clone(), DisableKeepAlives: q.tls == nil, ForceAttemptHTTP2: true,
	}}
	res, err := client.Do(req)
	if err != nil {
		cancel()
		return nil, err
	}
	if res.StatusCode == http.StatusServiceUnavailable { // it says so while it ends
		cancel()
		defer client.CloseIdleConnections()
		return nil, errors.Join(errors.New(res.Status), res.Body.Close())
	}
	in := bufio.NewReader(res.Body)
	next := map[string]func(*bufio.Reader) ([]byte, error){
		overSSE: readEvent, overMultipart: readPart, overHTTP: readLine, overPost: readAll,
	}[transport]
	if res.StatusCode != http.StatusOK {
		next = readAll
	}
	return &link{func() ([]byte, error) { return next(in) }, func() { cancel(); _ = res.Body.Close(); client.CloseIdleConnections() }}, nil
}

func readAll(in *bufio.Reader) ([]byte, error) {
	b, err := io.ReadAll(in)
	if err == nil && len(b) == 0 {
		err = io.EOF
	}
	return b, err
}

func readLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadBytes('\n')
	return bytes.TrimRight(line, "\r\n"), err
}

// readEvent returns the data of the next server-sent event.
func readEvent(in *bufio.Reader) ([]byte, error) {
	var data [][]byte
	name := ""
	for {
		line, err := readLine(in)
		if err != nil {
			return nil, err
		}
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch {
		case string(field) == "event":
			name = string(value)
		case string(field) == "data":
			data = append(data, value)
		case len(line) == 0 && name == "complete":
			return nil, io.EOF
		case len(line) == 0 && data != nil:
			return bytes.Join(data, []byte("\n")), nil
		}
	}
}

// readPart returns the payload of the next part. A part is one line of JSON.
func readPart(in *bufio.Reader) ([]byte, error) {
	for {
		line, err := readLine(in)
		if err != nil {
			return nil, err
		}
		if string(line) == "--graphql--" {
			return nil, io.EOF
		}
		if len(line) == 0 || line[0] != '{' {
			continue
		}
		var part struct {
			Payload json.RawMessage `json:"payload"`
			Errors  json.RawMessage `json:"errors"`
		}
		if err := json.Unmarshal(line, &part); err != nil {
			return nil, fmt.Errorf("part %.100q: %w", line, err)
		}
		switch {
		case part.Errors != nil:
			return line, nil
		case part.Payload != nil:
			return part.Payload, nil
		}
	}
}

// relayPath is the relay's URL path for a profile.
func relayPath(p *profile) string {
	v := url.Values{}
	if p.Format != "" {
		v.Set("format", p.Format)
	}
	if p.Filter != "{}" {
		v.Set("where", p.Filter)
	}
	return "/stream/accounts?" + v.Encode()
}
