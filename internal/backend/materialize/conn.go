package materialize

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
)

// conn is one connection, taken over from pgconn once it was ready: pgconn's
// own message loop starts a goroutine for each context and, when something
// fails, dials once more in the background.
type conn struct {
	net   net.Conn
	front *pgproto3.Frontend
	read  *reader

	unwatch func() bool
	closed  chan struct{} // closed when the context's end has closed net
}

// reader sets a deadline before each read, when it has a patience.
type reader struct {
	src      io.Reader
	net      net.Conn
	patience time.Duration
}

func (r *reader) Read(p []byte) (int, error) {
	if r.patience > 0 {
		if err := r.net.SetReadDeadline(time.Now().Add(r.patience)); err != nil {
			return 0, err
		}
	}
	return r.src.Read(p)
}

// dials remembers the connections of one attempt, so that nothing that pgconn
// does in the background outlives it.
type dials struct {
	dial pgconn.DialFunc
	over atomic.Bool
	mu   sync.Mutex // guards open
	open []net.Conn
}

func (d *dials) dialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if d.over.Load() {
		return nil, net.ErrClosed
	}
	c, err := d.dial(ctx, network, address)
	if err == nil {
		d.mu.Lock()
		d.open = append(d.open, c)
		d.mu.Unlock()
	}
	return c, err
}

func (d *dials) abort() {
	d.over.Store(true)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.open {
		_ = c.Close()
	}
}

// connect returns a connection that is ready for a query and closes when ctx
// ends.
func (b *Backend) connect(ctx context.Context) (*conn, error) {
	cfg := b.pg.Copy()
	d := &dials{dial: cfg.DialFunc}
	cfg.DialFunc = d.dialContext
	c := &conn{closed: make(chan struct{})}
	cfg.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		c.read = &reader{src: r}
		return pgproto3.NewFrontend(c.read, w)
	}
	cfg.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { b.notice(n.Code, n.Message) }
	pc, err := pgconn.ConnectConfig(ctx, cfg)
	if err != nil {
		d.abort()
		return nil, classify(connecting, err)
	}
	hijacked, err := pc.Hijack()
	if err != nil {
		d.abort()
		return nil, classify(connecting, err)
	}
	c.net, c.front = hijacked.Conn, hijacked.Frontend
	c.read.net = c.net
	c.unwatch = context.AfterFunc(ctx, func() {
		_ = c.net.Close()
		close(c.closed)
	})
	return c, nil
}

// close ends the connection without a farewell: in the middle of a SUBSCRIBE
// nothing may be sent, and the server notices within a second.
func (c *conn) close() {
	if !c.unwatch() {
		<-c.closed
		return
	}
	_ = c.net.Close()
}

// notice logs what deserves it: a setting of ours that names nothing.
func (b *Backend) notice(code, message string) {
	if strings.HasPrefix(code, "MZ") {
		b.log.Warn("notice from the database", "code", code, "notice", message)
		return
	}
	b.log.Debug("notice from the database", "code", code, "notice", message)
}

// receive returns the next message that is not a notice. An error message is
// returned as a *pgconn.PgError.
func (b *Backend) receive(c *conn) (pgproto3.BackendMessage, error) {
	for {
		msg, err := c.front.Receive()
		if err != nil {
			return nil, c.explain(err)
		}
		switch msg := msg.(type) {
		case *pgproto3.ErrorResponse:
			return nil, pgconn.ErrorResponseToPgError(msg)
		case *pgproto3.NoticeResponse:
			b.notice(msg.Code, msg.Message)
		case *pgproto3.ParameterStatus:
		default:
			return msg, nil
		}
	}
}

// explain tells a silent, a broken and a garbled connection apart.
func (c *conn) explain(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%w for %v", source.ErrStalled, c.read.patience)
	}
	_, network := errors.AsType[net.Error](err)
	for _, known := range []error{io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed} {
		network = network || errors.Is(err, known)
	}
	if !network {
		return fmt.Errorf("%w: %w", source.ErrMalformed, err)
	}
	return err
}

// send sends messages that an answer will follow.
func (c *conn) send(msgs ...pgproto3.FrontendMessage) error {
	for _, m := range msgs {
		c.front.Send(m)
	}
	return c.front.Flush()
}

// ready reads up to the ReadyForQuery that ends an exchange, calling each with
// what comes before, and returns the error message that was among it.
func (b *Backend) ready(c *conn, each func(pgproto3.BackendMessage)) error {
	var failed error
	for {
		msg, err := b.receive(c)
		if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Severity == "ERROR" {
			failed = e
			continue
		}
		if err != nil {
			return err
		}
		if _, end := msg.(*pgproto3.ReadyForQuery); end {
			return failed
		}
		each(msg)
	}
}

// query runs a statement in the simple protocol and returns its rows.
func (b *Backend) query(c *conn, sql string) ([]relation.Row, error) {
	if err := c.send(&pgproto3.Query{String: sql}); err != nil {
		return nil, err
	}
	var rows []relation.Row
	var cells relation.Builder
	err := b.ready(c, func(msg pgproto3.BackendMessage) {
		row, ok := msg.(*pgproto3.DataRow)
		if !ok {
			return
		}
		for _, v := range row.Values {
			if v == nil {
				cells.AppendNull()
			} else {
				cells.Append(v)
			}
		}
		rows = append(rows, cells.Row())
	})
	return rows, err
}

// field is a column of a statement's result.
type field struct {
	name string
	oid  uint32
}

// fields returns the columns of a statement without running it.
func (b *Backend) fields(c *conn, sql string) ([]field, error) {
	err := c.send(&pgproto3.Parse{Query: sql}, &pgproto3.Describe{ObjectType: 'S'}, &pgproto3.Sync{})
	if err != nil {
		return nil, err
	}
	var fields []field
	err = b.ready(c, func(msg pgproto3.BackendMessage) {
		if desc, ok := msg.(*pgproto3.RowDescription); ok {
			for _, f := range desc.Fields {
				fields = append(fields, field{string(f.Name), f.DataTypeOID})
			}
		}
	})
	return fields, err
}
