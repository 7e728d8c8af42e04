package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"syscall"

	"github.com/gorilla/websocket"
)

// message is one of graphql-transport-ws.
type message struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// socket is a connection that speaks graphql-transport-ws. A goroutine reads
// until the connection ends.
type socket struct {
	conn *websocket.Conn
	done chan struct{} // closed when the reader has ended
	end  error         // why; valid after done

	mu   sync.Mutex // guards what follows, and writing
	subs map[string]func(message)
	last int
}

var errNotAcknowledged = errors.New("no connection_ack")

// opening are the ways to open a socket.
type opening struct {
	header http.Header
	// With a gate nothing is read behind the acknowledgment before it closes,
	// and the kernel buffers little.
	gate <-chan struct{}
}

// open connects, and returns once the server has acknowledged.
func open(ctx context.Context, addr string, o opening) (*socket, error) {
	dialer := websocket.Dialer{Subprotocols: []string{"graphql-transport-ws"}}
	if o.gate != nil {
		dialer.NetDialContext = dialNarrow
	}
	conn, res, err := dialer.DialContext(ctx, "ws://"+addr+"/graphql", o.header)
	if err != nil {
		if res != nil {
			return nil, fmt.Errorf("%w: %s", err, res.Status)
		}
		return nil, err
	}
	if err := res.Body.Close(); err != nil {
		return nil, err
	}
	s := &socket{conn: conn, done: make(chan struct{}), subs: map[string]func(message){}}
	if err := s.send(message{Type: "connection_init"}); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	var first message
	if err := conn.ReadJSON(&first); err != nil || first.Type != "connection_ack" {
		return nil, errors.Join(errNotAcknowledged, err, conn.Close())
	}
	go s.read(o.gate)
	return s, nil
}

// dialNarrow connects with a small receive buffer, set before the handshake.
func dialNarrow(ctx context.Context, network, addr string) (net.Conn, error) {
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		var inner error
		err := c.Control(func(fd uintptr) {
			inner = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096)
		})
		return errors.Join(err, inner)
	}}
	return dialer.DialContext(ctx, network, addr)
}

func (s *socket) read(gate <-chan struct{}) {
	defer close(s.done)
	if gate != nil {
		<-gate
	}
	for {
		var m message
		if err := s.conn.ReadJSON(&m); err != nil {
			s.end = errors.Join(err, s.conn.Close())
			return
		}
		if m.Type == "ping" {
			_ = s.send(message{Type: "pong"}) // a broken connection shows at the next read
			continue
		}
		s.mu.Lock()
		handle := s.subs[m.ID]
		s.mu.Unlock()
		if handle != nil {
			handle(m)
		}
	}
}

func (s *socket) send(m message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn.WriteJSON(m)
}

// subscribe starts an operation; handle gets its messages, in order.
func (s *socket) subscribe(document string, variables map[string]any, handle func(message)) (string, error) {
	payload, err := json.Marshal(map[string]any{"query": document, "variables": variables})
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	s.last++
	id := strconv.Itoa(s.last)
	s.subs[id] = handle
	s.mu.Unlock()
	return id, s.send(message{ID: id, Type: "subscribe", Payload: payload})
}

// complete ends an operation from the client's side.
func (s *socket) complete(id string) error { return s.send(message{ID: id, Type: "complete"}) }

// close drops the connection without a word and waits for the reader.
func (s *socket) close() {
	_ = s.conn.NetConn().Close() // it may be closed already
	<-s.done
}

// code is the close code with which the server ended the connection.
func (s *socket) code() int {
	<-s.done
	if e, ok := errors.AsType[*websocket.CloseError](s.end); ok {
		return e.Code
	}
	return 0
}
