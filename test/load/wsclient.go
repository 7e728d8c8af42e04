package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tycostream/tycostream/internal/transport/wsframe"
)

// What clients subscribe to. A row is about 300 bytes on the wire.
const (
	rowFields    = "operation data { instrumentId symbol netPosition latestPrice marketValue avgCostBasis theoreticalPnl seq sentAt }"
	rowsDocument = "subscription { livePnL%s { " + rowFields + " } }"
	// The order is what parseHead relies on.
	framesDocument = "subscription { livePnLChanges%s { kind last timestamp cursor changes { " + rowFields + " } } }"
)

// wire is a connection and what was read but not used yet. It costs the
// process as little as possible: what it measures shares the machine.
type wire struct {
	net.Conn
	buf        []byte
	start, end int
}

// address is where a server listens.
type address struct {
	Addr string
	Cert []byte `json:",omitempty"` // its certificate, PEM, if it speaks TLS
}

func dial(ctx context.Context, a address) (*wire, error) {
	nc, err := new(net.Dialer).DialContext(ctx, "tcp", a.Addr)
	if errors.Is(err, syscall.EADDRNOTAVAIL) {
		return nil, fmt.Errorf("%w: all local ports to one address are in use: widen net.ipv4.ip_local_port_range", err)
	}
	if err != nil {
		return nil, err
	}
	if a.Cert != nil {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(a.Cert)
		tc := tls.Client(nc, &tls.Config{RootCAs: roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12})
		if err := tc.HandshakeContext(ctx); err != nil {
			_ = nc.Close()
			return nil, fmt.Errorf("TLS handshake: %w", err)
		}
		nc = tc
	}
	return &wire{Conn: nc, buf: make([]byte, 1<<10)}, nil
}

// fill reads once more, making room first, and returns how many bytes came.
func (c *wire) fill() (int, error) {
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
	return n, err
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

// upgrade makes the connection a WebSocket that may subscribe.
func (c *wire) upgrade() error {
	_ = c.SetDeadline(time.Now().Add(patience))
	request := "GET /graphql HTTP/1.1\r\nHost: load\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
		"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
	if _, err := io.WriteString(c, request); err != nil {
		return fmt.Errorf("upgrade: %w", err)
	}
	headEnd := []byte("\r\n\r\n")
	for !bytes.Contains(c.buf[:c.end], headEnd) {
		if _, err := c.fill(); err != nil {
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
	return c.awaitAck()
}

func (c *wire) awaitAck() error {
	for {
		if _, p, ok := c.frame(); ok {
			if !bytes.Contains(p, []byte(`"connection_ack"`)) {
				return fmt.Errorf("want an acknowledgment, got %.80q", p)
			}
			return c.SetDeadline(time.Time{})
		}
		if _, err := c.fill(); err != nil {
			return fmt.Errorf("await the acknowledgment: %w", err)
		}
	}
}

// subscribe begins an operation.
func (c *wire) subscribe(id int, query string) error {
	return c.say(wsframe.Text, fmt.Appendf(nil, `{"id":"%d","type":"subscribe","payload":{"query":%q}}`, id, query))
}

// query is what the subscription to one key says, or with key 0 the one to all
// rows.
func (s spec) query(key int, resumeFrom string) string {
	var args []string
	if key > 0 {
		args = append(args, "where: {"+s.where(key)+"}")
	}
	if s.MaxRate > 0 {
		args = append(args, "maxRate: "+strconv.FormatFloat(s.MaxRate, 'g', -1, 64))
	}
	if resumeFrom != "" {
		args = append(args, strconv.Quote(resumeFrom))
		args[len(args)-1] = "resumeFrom: " + args[len(args)-1]
	}
	list := ""
	if len(args) > 0 {
		list = "(" + strings.Join(args, ", ") + ")"
	}
	if s.Frames {
		return fmt.Sprintf(framesDocument, list)
	}
	return fmt.Sprintf(rowsDocument, list)
}

// where is a filter that one key's row alone matches.
func (s spec) where(key int) string {
	switch s.Own {
	case ownLike:
		return fmt.Sprintf(`symbol: {_like: "%%%06d%%"}`, key)
	case ownRegex:
		return fmt.Sprintf(`symbol: {_regex: " 0*%d N"}`, key)
	case ownBlank:
		d := fmt.Sprintf("%06d", key)
		return fmt.Sprintf(`_and: [{symbol: {_like: "____%c_%c_%c%%"}}, {symbol: {_like: "_____%c_%c_%c%%"}}]`, d[0], d[2], d[4], d[1], d[3], d[5])
	default:
		return fmt.Sprintf("instrumentId: {_eq: %d}", key)
	}
}
