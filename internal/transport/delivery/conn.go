package delivery

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// What ends a connection's writing side.
var (
	ErrClosed = errors.New("connection is closed")
	ErrSlow   = errors.New("client took nothing for too long")
)

// highWater is how much may wait in Send's queue before Send blocks.
const highWater = 64 << 10

// blockingPiece is what one blocking write takes: the client must take that
// much within SlowTimeout.
const blockingPiece = 16 << 10

type state uint8

const (
	idle state = iota
	queued
	running
	blocked
)

// Conn is the writing side of a connection.
type Conn struct {
	pool *Pool
	nc   net.Conn
	sock net.Conn        // what raw belongs to: nc, or what is beneath it
	raw  syscall.RawConn // nil: every write may block
	link *Conn           // in the pool's queue; guarded by pool.mu
	sent atomic.Uint64   // bytes of frames taken by the socket
	all  *Counters       // of the connection's kind

	tls     *tls.Conn // nil: frames are written as they are
	under   *beneath  // of tls
	sealing int       // bytes that TLS added to what the socket has not taken yet; of whom the pass belongs to

	mu      sync.Mutex // guards what follows; taken before pool.mu, after no other lock
	room    sync.Cond  // out has shrunk, or the connection ended
	state   state
	waiting int    // goroutines in Send
	out     []byte // whole frames that wait, sent before any stream's
	ready   list   // streams to look at
	then    func() // after Finish: called when all is written
	ending  bool   // Finish was called
	err     error  // set once: the end
}

// NewConn returns the writing side of nc, which counts into all. Nothing else
// may write to nc, or set its write deadline, from now on.
func (p *Pool) NewConn(nc net.Conn, all *Counters) *Conn {
	c := &Conn{pool: p, nc: nc, sock: nc, all: all}
	c.room.L = &c.mu
	if c.tls, c.under = below(nc); c.tls != nil {
		c.sock = c.under.Conn
		c.under.keep(c.wake)
	}
	c.raw = rawConn(c.sock)
	return c
}

func (c *Conn) enqueue(s *Stream) {
	c.mu.Lock()
	c.ready.push(s)
	push := c.scheduleLocked()
	c.mu.Unlock()
	if push {
		c.pool.push(c)
	}
}

// wake schedules a pass for what TLS has to say by itself.
func (c *Conn) wake() {
	c.mu.Lock()
	push := c.scheduleLocked()
	c.mu.Unlock()
	if push {
		c.pool.push(c)
	}
}

// Send queues whole frames. It blocks while too much waits already, and
// returns ErrClosed when the connection has ended or is about to.
func (c *Conn) Send(frames []byte) error {
	c.mu.Lock()
	for len(c.out) > highWater && c.err == nil && !c.ending {
		c.waiting++
		c.room.Wait()
		c.waiting--
	}
	if c.err != nil || c.ending {
		c.mu.Unlock()
		return ErrClosed
	}
	c.queueLocked(frames)
	return nil
}

// Finish queues the last frames. Nothing is pulled or queued any more; then is
// called when all is written, by a worker, and must not block. It reports
// whether this call was the first.
func (c *Conn) Finish(frames []byte, then func()) bool {
	c.mu.Lock()
	if c.err != nil || c.ending {
		c.mu.Unlock()
		return false
	}
	c.ending, c.then = true, then
	c.room.Broadcast()
	c.queueLocked(frames)
	return true
}

// queueLocked unlocks c.mu.
func (c *Conn) queueLocked(frames []byte) {
	c.out = append(c.out, frames...)
	c.pool.queued.Add(int64(len(frames)))
	push := c.scheduleLocked()
	c.mu.Unlock()
	if push {
		c.pool.push(c)
	}
}

// Abort closes the connection at once. It may be called more than once.
func (c *Conn) Abort() { c.fail(ErrClosed) }

// Err returns why the connection ended, nil while it has not.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Blocked reports whether the socket is full.
func (c *Conn) Blocked() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state == blocked
}

// Sent returns how many bytes the socket has taken, without what TLS adds.
func (c *Conn) Sent() uint64 { return c.sent.Load() }

func (c *Conn) fail(err error) {
	c.mu.Lock()
	first := c.err == nil
	if first {
		c.err = err
		c.pool.queued.Add(-int64(len(c.out)))
		c.out, c.ready = nil, list{}
		c.room.Broadcast()
	}
	c.mu.Unlock()
	if first {
		_ = c.nc.Close()
	}
}

// scheduleLocked reports whether the caller must push c into the pool's queue
// once it has unlocked.
func (c *Conn) scheduleLocked() bool {
	if c.state != idle || c.err != nil {
		return false
	}
	c.state = queued
	return true
}

// take begins a pass: what waits becomes the caller's.
func (c *Conn) take() (out []byte, ready list, ending, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return nil, list{}, false, false
	}
	c.state = running
	out, c.out = c.out, nil
	if len(out) > 0 {
		c.pool.queued.Add(-int64(len(out)))
	}
	if !c.ending {
		ready, c.ready = c.ready, list{}
	}
	if c.waiting > 0 {
		c.room.Broadcast()
	}
	return out, ready, c.ending, true
}

// settle ends a pass or a block: everything that was taken is written.
func (c *Conn) settle() {
	c.mu.Lock()
	c.state = idle
	push := false
	var then func()
	switch {
	case c.err != nil:
	case len(c.out) > 0 || c.ready.head != nil && !c.ending || c.under != nil && c.under.waiting():
		push = c.scheduleLocked()
	case c.ending:
		then, c.then = c.then, nil
	}
	c.mu.Unlock()
	if push {
		c.pool.push(c)
	}
	if then != nil {
		then()
	}
}

// putBack returns streams that a pass did not reach, which come first next
// time, and those that have more, which come last.
func (c *Conn) putBack(rest list, more []*Stream) {
	if rest.head == nil && len(more) == 0 {
		return
	}
	c.mu.Lock()
	c.ready.prepend(rest)
	for _, s := range more {
		if !s.ready.Swap(true) {
			c.ready.push(s)
		}
	}
	c.mu.Unlock()
}

// block makes a goroutine finish the tail of a pass. The tail is the
// goroutine's; done is called when it is not needed any more.
func (c *Conn) block(tail []byte, from moment, done func()) {
	c.pool.queued.Add(int64(len(tail)))
	c.pool.blocked.Add(1)
	c.mu.Lock()
	c.state = blocked
	c.mu.Unlock()
	c.pool.wg.Go(func() {
		err := c.writeAll(tail)
		if done != nil {
			done()
		}
		c.pool.blocked.Add(-1)
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				c.pool.slow.Add(1)
				err = ErrSlow
			}
			c.fail(err)
		} else {
			c.pool.late.taken(from, c.pool.cfg.Clock())
		}
		c.settle()
	})
}

// writeAll writes p, which counts as queued, waiting for room. Every byte taken
// starts the clock anew.
func (c *Conn) writeAll(p []byte) error {
	timeout, queued := c.pool.cfg.SlowTimeout, &c.pool.queued
	defer func() { queued.Add(-int64(len(p))) }()
	for len(p) > 0 {
		var n int
		var err error
		if c.raw != nil {
			n, err = writeWait(c.sock, c.raw, p, timeout)
		} else if err = c.sock.SetWriteDeadline(time.Now().Add(timeout)); err == nil {
			n, err = c.sock.Write(p[:min(len(p), blockingPiece)])
		}
		p = p[n:]
		queued.Add(-int64(n))
		c.count(n)
		if err != nil {
			return err
		}
	}
	return c.sock.SetWriteDeadline(time.Time{})
}

func (c *Conn) count(n int) {
	c.all.Bytes.Add(uint64(n)) //nolint:gosec // what was written is not negative
	added := min(n, c.sealing)
	c.sealing -= added
	c.sent.Add(uint64(n - added)) //nolint:gosec // see above
}
