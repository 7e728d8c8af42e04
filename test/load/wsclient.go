package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/tycostream/tycostream/internal/transport/wsframe"
)

// wire is a connection and what was read but not used yet. It costs the
// process as little as possible: what it measures shares the machine.
type wire struct {
	net.Conn
	buf        []byte
	start, end int
}

func dial(ctx context.Context, addr string) (*wire, error) {
	nc, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &wire{Conn: nc, buf: make([]byte, 1<<10)}, nil
}

// fill reads once more, making room first.
func (c *wire) fill() error {
	if c.start == c.end {
		c.start, c.end = 0, 0
	}
	if c.end == len(c.buf) {
		if c.start > 0 {
			c.end = copy(c.buf, c.buf[c.start:c.end])
			c.start = 0
		} else {
			c.buf = append(c.buf, make([]byte, 2*len(c.buf))...)
		}
	}
	n, err := c.Read(c.buf[c.end:])
	c.end += n
	return err
}

// frame returns the next whole frame, or false when more must be read.
// The payload is valid until the next fill.
func (c *wire) frame() (op wsframe.Opcode, payload []byte, ok bool) {
	p := c.buf[c.start:c.end]
	if len(p) < 2 {
		return 0, nil, false
	}
	n, head := int(p[1]&0x7f), 2
	switch {
	case n == 126 && len(p) >= 4:
		n, head = int(binary.BigEndian.Uint16(p[2:])), 4
	case n == 127 && len(p) >= 10:
		n, head = int(binary.BigEndian.Uint64(p[2:])), 10 //nolint:gosec // our own server's
	case n >= 126:
		return 0, nil, false
	}
	if len(p) < head+n {
		return 0, nil, false
	}
	c.start += head + n
	return wsframe.Opcode(p[0] & 0xf), p[head : head+n], true
}

func (c *wire) say(op wsframe.Opcode, text []byte) error {
	_, err := c.Write(wsframe.AppendMasked(nil, true, op, [4]byte{1, 2, 3, 4}, text))
	return err
}

// open upgrades, and subscribes: once to all rows, or with one filter for each
// key.
func (c *wire) open(keys []int) error {
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	request := "GET /graphql HTTP/1.1\r\nHost: load\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
		"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
	if _, err := io.WriteString(c, request); err != nil {
		return err
	}
	headEnd := []byte("\r\n\r\n")
	for !bytes.Contains(c.buf[:c.end], headEnd) {
		if err := c.fill(); err != nil {
			return fmt.Errorf("upgrade: %w", err)
		}
	}
	if !bytes.HasPrefix(c.buf, []byte("HTTP/1.1 101 ")) {
		return fmt.Errorf("upgrade refused: %.80q", c.buf[:c.end])
	}
	c.start = bytes.Index(c.buf[:c.end], headEnd) + len(headEnd)
	if err := c.say(wsframe.Text, []byte(`{"type":"connection_init"}`)); err != nil {
		return err
	}
	if err := c.awaitAck(); err != nil {
		return err
	}
	for _, key := range keys {
		where := ""
		if key > 0 {
			where = "(where: {instrumentId: {_eq: " + strconv.Itoa(key) + "}})"
		}
		text := fmt.Appendf(nil, `{"id":"%d","type":"subscribe","payload":{"query":%q}}`, key, fmt.Sprintf(document, where))
		if err := c.say(wsframe.Text, text); err != nil {
			return err
		}
	}
	return c.SetDeadline(time.Time{})
}

func (c *wire) awaitAck() error {
	for {
		if _, p, ok := c.frame(); ok {
			if !bytes.Contains(p, []byte(`"connection_ack"`)) {
				return fmt.Errorf("want an acknowledgment, got %.80q", p)
			}
			return nil
		}
		if err := c.fill(); err != nil {
			return fmt.Errorf("await the acknowledgment: %w", err)
		}
	}
}

// event is one message of a subscription to document.
type event struct {
	key    int
	seq    int
	sent   int64  // nanoseconds since 1970
	data   []byte // the row
	insert bool
}

var errNoEvent = errors.New("a message is not what a subscriber of live_pnl gets")

// parseEvent takes a message apart. It knows the order of the selection, and
// that no text of the world needs an escape.
func parseEvent(p []byte) (event, error) {
	var e event
	const data = `"data":{"instrumentId":`
	i := bytes.Index(p, []byte(data))
	if i < 0 {
		return e, errNoEvent
	}
	e.insert = bytes.Contains(p[:i], []byte(`"INSERT"`))
	e.data = p[i:]
	j := bytes.IndexByte(e.data, '}')
	if j < 0 {
		return e, errNoEvent
	}
	e.data = e.data[:j]
	var ok [3]bool
	var sent int
	e.key, ok[0] = number(e.data, data)
	e.seq, ok[1] = number(e.data, `,"seq":`)
	sent, ok[2] = number(e.data, `,"sentAt":"`)
	if ok != [3]bool{true, true, true} {
		return e, errNoEvent
	}
	e.sent = int64(sent)
	return e, nil
}

// number returns the number that stands behind the last occurrence of what.
func number(p []byte, what string) (n int, ok bool) {
	i := bytes.LastIndex(p, []byte(what))
	if i < 0 {
		return 0, false
	}
	for _, c := range p[i+len(what):] {
		if c < '0' || c > '9' {
			break
		}
		n, ok = 10*n+int(c-'0'), true
	}
	return n, ok
}
