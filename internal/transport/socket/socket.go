package socket

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/tycostream/tycostream/internal/transport/delivery"
	"github.com/tycostream/tycostream/internal/transport/wsframe"
)

// CloseWait is how long a closing connection waits for the peer's part.
const CloseWait = 2 * time.Second

// The close codes that come from here. See wsframe for those of the protocol.
const (
	CodeAbnormal   = 1006 // never sent: the connection just ended
	CodeTryLater   = 1013 // too slow
	CodeBadMessage = 4400 // a binary message
)

// Config is what sockets of a kind have in common.
type Config struct {
	PingInterval time.Duration
	SlowTimeout  time.Duration   // what a silent peer has that was sent data
	MessageBytes int             // length of one message
	Beat         []byte          // a text message that goes with each ping; nil: none
	Received     func(bytes int) // called for each text message
}

// Socket is one connection.
//
// The reader's deadline is the connection's only clock. It fires when Arm says,
// then every PingInterval, and at the end of CloseWait.
type Socket struct {
	cfg    *Config
	nc     net.Conn
	conn   *delivery.Conn
	reader *wsframe.Reader

	// The reading goroutine's own.
	heard  bool      // something came since the last tick
	pinged bool      // and nothing since a ping
	life   time.Time // when something last came
	read   uint64    // bytes that the peer has read for certain

	mu      sync.Mutex // guards what follows; taken alone
	closing bool
	code    int // how it ended
}

// New returns a socket whose writing side is conn. cfg is kept.
func New(nc net.Conn, conn *delivery.Conn, cfg *Config) *Socket {
	return &Socket{
		cfg: cfg, nc: nc, conn: conn, code: CodeAbnormal, life: time.Now(),
		reader: wsframe.NewReader(nc, cfg.MessageBytes),
	}
}

// NewStream returns a stream without a source; see delivery.Conn.
func (s *Socket) NewStream(env delivery.Envelope, end func(err error) []byte) *delivery.Stream {
	return s.conn.NewStream(env, end)
}

// Arm sets the clock, unless closing has set it for good.
func (s *Socket) Arm(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing {
		_ = s.nc.SetReadDeadline(time.Now().Add(d)) // a dead connection shows in the next read
	}
}

// beginClose marks the connection as closing with the code. It reports whether
// this call was the first.
func (s *Socket) beginClose(code int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.closing, s.code = true, code
	_ = s.nc.SetReadDeadline(time.Now().Add(CloseWait))
	return true
}

func (s *Socket) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// Code returns the close code with which the connection ended.
func (s *Socket) Code() int {
	if errors.Is(s.conn.Err(), delivery.ErrSlow) {
		return CodeTryLater // nothing could be written, so nothing could say it
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.code
}

// sendClose queues the close frame. Once it is out the peer gets an end of
// file, so that it never waits for more, and answers.
func (s *Socket) sendClose(code int, reason string) {
	s.conn.Finish(wsframe.AppendClose(nil, code, reason), func() {
		if half, ok := s.nc.(*net.TCPConn); ok {
			_ = half.CloseWrite()
		}
	})
}

// Shut closes the connection politely. It reports whether this call was the
// first.
func (s *Socket) Shut(code int, reason string) bool {
	if !s.beginClose(code) {
		return false
	}
	s.sendClose(code, reason)
	return true
}

// Refuse closes a connection of which nobody reads.
func (s *Socket) Refuse(code int, reason string) {
	s.conn.Finish(wsframe.AppendClose(nil, code, reason), s.conn.Abort)
}

// Abort closes the connection at once.
func (s *Socket) Abort() { s.conn.Abort() }

// Send sends a text message.
func (s *Socket) Send(text []byte) {
	_ = s.conn.Send(wsframe.Append(nil, wsframe.Text, text)) // it fails only when the connection ends, which the reader sees
}

// Read returns the next text message. At each tick of the clock it calls
// expired or sends a ping; ok is false at the end of the connection, which has
// then been closed as it should be. shut is the owner's.
func (s *Socket) Read(expired func() bool, shut func(code int, reason string)) (text []byte, ok bool) {
	for {
		m, err := s.reader.Next()
		switch {
		case err == nil:
		case IsTimeout(err):
			if s.isClosing() || !expired() && !s.ping() {
				return nil, false
			}
			continue
		default:
			s.readFailed(err, shut)
			return nil, false
		}
		s.heard = true
		switch m.Op {
		case wsframe.Close:
			s.answerClose(m.Payload)
			return nil, false
		case wsframe.Ping:
			if s.conn.Send(wsframe.Append(nil, wsframe.Pong, m.Payload)) != nil && !s.isClosing() {
				return nil, false
			}
		case wsframe.Text:
			s.cfg.Received(len(m.Payload))
			if !s.isClosing() {
				return m.Payload, true
			}
		case wsframe.Binary:
			shut(CodeBadMessage, "Invalid message received: send text frames")
		case wsframe.Pong:
			s.answered(m.Payload)
		case wsframe.Continuation:
		}
	}
}

// little is the data that a peer which is gone may have been sent: an
// acknowledgment, a few frames that say that nothing happened.
const little = 1 << 10

// ping runs at each tick: it decides whether the peer is alive, and pings.
// While the socket is full nothing can be decided. A silent peer that has more
// than a little to read may just not read it: it has SlowTimeout. One without
// did not answer a ping and is gone.
//
// A ping says how much was sent before it, and the pong says that again.
func (s *Socket) ping() (alive bool) {
	now := time.Now()
	defer s.Arm(s.cfg.PingInterval)
	if s.heard || s.conn.Blocked() {
		s.life, s.heard, s.pinged = now, false, false
	}
	if s.conn.Blocked() {
		return true
	}
	sent := s.conn.Sent()
	if s.pinged && (sent-s.read <= little || now.Sub(s.life) > s.cfg.SlowTimeout) {
		return false
	}
	frames := wsframe.Append(nil, wsframe.Ping, binary.BigEndian.AppendUint64(nil, sent))
	if s.cfg.Beat != nil {
		frames = wsframe.Append(frames, wsframe.Text, s.cfg.Beat)
	}
	s.pinged = true
	return s.conn.Send(frames) == nil
}

// answered takes what a pong says. It may be anything: none need be an answer.
func (s *Socket) answered(pong []byte) {
	if len(pong) != 8 {
		return
	}
	if at := binary.BigEndian.Uint64(pong); at > s.read && at <= s.conn.Sent() {
		s.read = at
	}
}

// readFailed closes after an error. What still comes is thrown away for a
// while: closing at once would reset the connection and take the reason with it.
func (s *Socket) readFailed(err error, shut func(int, string)) {
	bad, ok := errors.AsType[*wsframe.ProtocolError](err)
	if !ok {
		return
	}
	text := bad.Text
	if bad.Code == wsframe.CodeTooBig {
		text += ": the setting limits.message_bytes"
	}
	shut(bad.Code, text)
	_, _ = io.Copy(io.Discard, s.nc)
}

// answerClose answers the peer's close frame and waits until the answer is
// out.
func (s *Socket) answerClose(payload []byte) {
	code, _, err := wsframe.ParseClose(payload)
	answer := code
	switch {
	case err != nil:
		answer = wsframe.CodeProtocol
		code = wsframe.CodeProtocol
	case code == wsframe.CodeNone:
		answer = 0
	}
	if !s.beginClose(code) {
		return // it was the answer to ours
	}
	out := make(chan struct{})
	if !s.conn.Finish(wsframe.AppendClose(nil, answer, ""), func() { close(out) }) {
		return
	}
	t := time.NewTimer(CloseWait)
	defer t.Stop()
	select {
	case <-out:
	case <-t.C:
	}
}

// IsTimeout reports whether a deadline made an operation on a connection fail.
func IsTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}
