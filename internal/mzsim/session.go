package mzsim

import (
	"crypto/rand"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tycostream/tycostream/internal/mzsim/catalog"
	"github.com/tycostream/tycostream/internal/mzsim/pgerr"
)

// maxMessage is the largest message that a client may send.
const maxMessage = 2 << 20

// flushSize is how much output is collected before it is written.
const flushSize = 32 << 10

// errGone ends a session whose client is not there any more.
var errGone = errors.New("client is gone")

// session is one connection. Everything without a note belongs to the
// goroutine of serve; a second goroutine only reads messages.
type session struct {
	sim    *Sim
	pid    uint32
	secret string     // four bytes
	raw    *faultConn // below TLS
	conn   net.Conn
	be     *pgproto3.Backend // for reading
	out    []byte            // encoded and not yet written

	in        chan pgproto3.FrontendMessage
	gone      chan struct{} // closed when the client cannot be read any more
	kicks     chan *Error   // errors that end the statement, from other goroutines
	streaming atomic.Bool   // a subscription runs

	user     string
	view     *catalog.View
	tx       transaction
	prepared map[string]*prepared
	portals  map[string]*portal
	cursors  map[string]*portal
	idleFrom time.Time // last ReadyForQuery
}

func newSession(sim *Sim, pid uint32, conn net.Conn) *session {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	s := &session{
		sim: sim, pid: pid, secret: string(b[:]),
		in: make(chan pgproto3.FrontendMessage, 256), gone: make(chan struct{}), kicks: make(chan *Error, 1),
		prepared: make(map[string]*prepared), portals: make(map[string]*portal), cursors: make(map[string]*portal),
	}
	s.raw = newFaultConn(conn, sim.faults, s)
	s.setConn(s.raw)
	return s
}

func (s *session) setConn(c net.Conn) {
	s.conn = c
	s.be = pgproto3.NewBackend(c, c)
	s.be.SetMaxBodyLen(maxMessage)
}

// kill cuts the connection. Any goroutine may call it.
func (s *session) kill() { _ = s.raw.Close() }

// inject ends the running statement with an error, or the next one. Any
// goroutine may call it.
func (s *session) inject(e *Error) bool {
	select {
	case s.kicks <- e:
		return true
	default: // one is on its way already
		return false
	}
}

func (s *session) serve() {
	defer s.kill()
	if err := s.startup(); err != nil {
		s.farewell(err)
		return
	}
	s.sim.wg.Go(s.read)
	for {
		select {
		case m := <-s.in:
			if err := s.handle(m); err != nil {
				s.farewell(err)
				return
			}
		case <-s.gone:
			if e, ok := errors.AsType[*Error](s.kicked()); ok && e.Fatal() {
				s.farewell(e)
			} else {
				s.farewell(errGone)
			}
			return
		}
	}
}

// farewell tells the client why its connection ends, if there is a reason.
func (s *session) farewell(err error) {
	for _, c := range s.cursors {
		c.close()
	}
	for _, p := range s.portals {
		p.close()
	}
	e, ok := errors.AsType[*Error](err)
	if ok {
		s.send(e.Response())
		_ = s.flush()
	}
	s.sim.opts.Logger.Debug("session ends", "pid", s.pid, "error", err)
}

// read passes messages on until the connection ends.
func (s *session) read() {
	defer close(s.gone)
	for {
		m, err := s.be.Receive()
		if err != nil {
			if e, ok := errors.AsType[*pgproto3.ExceededMaxBodyLenErr](err); ok {
				s.inject(pgerr.Fatalf("08P01", "message of %d bytes is over the limit of %d", e.ActualBodyLen, e.MaxExpectedBodyLen))
			}
			return
		}
		if _, bye := m.(*pgproto3.Terminate); bye {
			return
		}
		select {
		case s.in <- clone(m):
		case <-s.raw.closed:
			return
		}
	}
}

// clone copies a message, whose bytes are valid only until the next one.
func clone(m pgproto3.FrontendMessage) pgproto3.FrontendMessage {
	switch m := m.(type) {
	case *pgproto3.Query:
		c := *m
		return &c
	case *pgproto3.Parse:
		c := *m
		c.ParameterOIDs = append([]uint32(nil), m.ParameterOIDs...)
		return &c
	case *pgproto3.Bind:
		c := *m
		c.ParameterFormatCodes = append([]int16(nil), m.ParameterFormatCodes...)
		c.ResultFormatCodes = append([]int16(nil), m.ResultFormatCodes...)
		c.Parameters = make([][]byte, len(m.Parameters))
		for i, p := range m.Parameters {
			if p != nil {
				c.Parameters[i] = append([]byte{}, p...)
			}
		}
		return &c
	case *pgproto3.Describe:
		c := *m
		return &c
	case *pgproto3.Execute:
		c := *m
		return &c
	case *pgproto3.Close:
		c := *m
		return &c
	}
	return m // without contents that matter
}

// send encodes a message; flush writes.
func (s *session) send(m pgproto3.BackendMessage) {
	out, err := m.Encode(s.out)
	if err != nil {
		s.sim.opts.Logger.Error("encode", "pid", s.pid, "error", err)
		return
	}
	s.out = out
}

func (s *session) flush() error {
	if len(s.out) == 0 {
		return nil
	}
	_, err := s.conn.Write(s.out)
	s.out = s.out[:0]
	if cap(s.out) > 4*flushSize {
		s.out = nil
	}
	if err != nil {
		return errGone
	}
	return nil
}

// flushSome writes when enough has been collected.
func (s *session) flushSome() error {
	if len(s.out) < flushSize {
		return nil
	}
	return s.flush()
}

// wait blocks until the store changes (changed), the timer fires, or the
// statement has to end, which is the error.
func (s *session) wait(changed <-chan struct{}, timer <-chan time.Time) error {
	select {
	case <-changed:
		return nil
	case <-timer:
		return nil
	case e := <-s.kicks:
		return e
	case <-s.gone:
		return errGone
	case <-s.sim.done:
		return errGone
	}
}

// kicked returns an error that another goroutine wants the statement to end with.
func (s *session) kicked() error {
	select {
	case e := <-s.kicks:
		return e
	default:
	}
	select {
	case <-s.gone:
		return errGone
	default:
		return nil
	}
}

func (s *session) ready() error {
	s.idleFrom = time.Now()
	s.send(&pgproto3.ReadyForQuery{TxStatus: s.tx.status()})
	return s.flush()
}

func (s *session) notice(severity, code, text, hint string) {
	if !s.view.Settings.Shows(severity) {
		return
	}
	s.send(&pgproto3.NoticeResponse{Severity: severity, Code: code, Message: text, Hint: hint})
}
