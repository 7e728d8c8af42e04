package transport

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/tycostream/tycostream/internal/transport/delivery"
	"github.com/tycostream/tycostream/internal/transport/wsframe"
)

// closeWait is how long a closing connection waits for the peer's part.
const closeWait = 2 * time.Second

// peer is one WebSocket below its sub-protocol: reading, pings, closing.
//
// The reader's deadline is the connection's only clock. It fires after
// InitTimeout, then every PingInterval, and at the end of closeWait.
type peer struct {
	h      *Handler
	kind   Kind
	nc     net.Conn
	conn   *delivery.Conn
	reader *wsframe.Reader

	// The reading goroutine's own.
	heard    bool      // something came since the last tick
	pinged   bool      // a ping is unanswered
	life     time.Time // when something last came
	lifeSent uint64    // what the socket had taken by then
	pings    uint64    // bytes of the pings since

	mu      sync.Mutex // guards what follows
	closing bool
	code    int // how it ended
}

func newPeer(h *Handler, nc net.Conn, kind Kind) *peer {
	return &peer{
		h: h, kind: kind, nc: nc, conn: h.pool.NewConn(nc, &h.stats.kinds[kind].out), code: codeAbnormal, life: time.Now(),
		reader: wsframe.NewReader(nc, h.opts.MessageBytes),
	}
}

// arm sets the clock, unless closing has set it for good.
func (p *peer) arm(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closing {
		_ = p.nc.SetReadDeadline(time.Now().Add(d)) // a dead connection shows in the next read
	}
}

// beginClose marks the connection as closing with the code. It reports whether
// this call was the first.
func (p *peer) beginClose(code int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return false
	}
	p.closing, p.code = true, code
	_ = p.nc.SetReadDeadline(time.Now().Add(closeWait))
	return true
}

func (p *peer) isClosing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closing
}

func (p *peer) endedWith() int {
	if errors.Is(p.conn.Err(), delivery.ErrSlow) {
		return codeTryLater // nothing could be written, so nothing could say it
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.code
}

// sendClose queues the close frame. Once it is out the peer gets an end of
// file, so that it never waits for more, and answers.
func (p *peer) sendClose(code int, reason string) {
	p.conn.Finish(wsframe.AppendClose(nil, code, reason), func() {
		if half, ok := p.nc.(*net.TCPConn); ok {
			_ = half.CloseWrite()
		}
	})
}

// shut closes the connection politely.
func (p *peer) shut(code int, reason string) {
	if p.beginClose(code) {
		p.sendClose(code, reason)
	}
}

func (p *peer) abort() { p.conn.Abort() }

func (p *peer) send(text []byte) {
	_ = p.conn.Send(wsframe.Append(nil, wsframe.Text, text)) // it fails only when the connection ends, which the reader sees
}

// read returns the next text message. At each tick of the clock it calls
// expired or sends a ping; ok is false at the end of the connection, which has
// then been closed as it should be. shut is the owner's.
func (p *peer) read(expired func() bool, shut func(code int, reason string)) (text []byte, ok bool) {
	for {
		m, err := p.reader.Next()
		switch {
		case err == nil:
		case isTimeout(err):
			if p.isClosing() || !expired() && !p.ping() {
				return nil, false
			}
			continue
		default:
			p.readFailed(err, shut)
			return nil, false
		}
		p.heard = true
		switch m.Op {
		case wsframe.Close:
			p.answerClose(m.Payload)
			return nil, false
		case wsframe.Ping:
			if p.conn.Send(wsframe.Append(nil, wsframe.Pong, m.Payload)) != nil && !p.isClosing() {
				return nil, false
			}
		case wsframe.Text:
			p.h.stats.received(p.kind, len(m.Payload))
			if !p.isClosing() {
				return m.Payload, true
			}
		case wsframe.Binary:
			shut(codeBadMessage, "Invalid message received: send text frames")
		case wsframe.Pong, wsframe.Continuation:
		}
	}
}

// ping runs at each tick: it decides whether the peer is alive, and pings.
// While the socket is full nothing can be decided. A peer that was sent data
// and is silent may just not read: it has SlowClientTimeout; one that was sent
// nothing but a ping and did not answer is gone.
func (p *peer) ping() (alive bool) {
	now := time.Now()
	defer p.arm(p.h.opts.PingInterval)
	if p.heard || p.conn.Blocked() {
		p.life, p.heard, p.pinged = now, false, false
		p.lifeSent, p.pings = p.conn.Sent(), 0
	}
	if p.conn.Blocked() {
		return true
	}
	if p.pinged {
		idle := p.conn.Sent() <= p.lifeSent+p.pings
		if idle || now.Sub(p.life) > p.h.opts.SlowClientTimeout {
			return false
		}
	}
	frames := wsframe.AppendHeader(nil, wsframe.Ping, 0)
	if p.kind == KindLegacy {
		frames = wsframe.Append(frames, wsframe.Text, keepAlive)
	}
	p.pinged = true
	p.pings += uint64(len(frames))
	return p.conn.Send(frames) == nil
}

// readFailed closes after an error. What still comes is thrown away for a
// while: closing at once would reset the connection and take the reason with it.
func (p *peer) readFailed(err error, shut func(int, string)) {
	bad, ok := errors.AsType[*wsframe.ProtocolError](err)
	if !ok {
		return
	}
	text := bad.Text
	if bad.Code == wsframe.CodeTooBig {
		text += ": the setting limits.message_bytes"
	}
	shut(bad.Code, text)
	_, _ = io.Copy(io.Discard, p.nc)
}

// answerClose answers the peer's close frame and waits until the answer is
// out.
func (p *peer) answerClose(payload []byte) {
	code, _, err := wsframe.ParseClose(payload)
	answer := code
	switch {
	case err != nil:
		answer = wsframe.CodeProtocol
		code = wsframe.CodeProtocol
	case code == wsframe.CodeNone:
		answer = 0
	}
	if !p.beginClose(code) {
		return // it was the answer to ours
	}
	out := make(chan struct{})
	if !p.conn.Finish(wsframe.AppendClose(nil, answer, ""), func() { close(out) }) {
		return
	}
	t := time.NewTimer(closeWait)
	defer t.Stop()
	select {
	case <-out:
	case <-t.C:
	}
}
