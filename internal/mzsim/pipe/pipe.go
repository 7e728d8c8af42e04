package pipe

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// New returns the two ends of a connection that buffers up to size bytes in
// each direction.
func New(size int) (net.Conn, net.Conn) {
	a, b := newBuffer(size), newBuffer(size)
	return &conn{in: a, out: b}, &conn{in: b, out: a}
}

// buffer is one direction.
type buffer struct {
	size int

	mu      sync.Mutex
	data    []byte
	closed  bool          // no more writes; reads drain, then io.EOF
	broken  bool          // the reading end is gone: writes fail
	changed chan struct{} // closed and replaced at every change
}

func newBuffer(size int) *buffer {
	return &buffer{size: max(size, 1), changed: make(chan struct{})}
}

func (b *buffer) signalLocked() {
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *buffer) close(broken bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	if broken {
		b.broken = true
		b.data = nil
	}
	b.signalLocked()
}

// tryRead moves what there is into p; wait is non-nil when there is nothing yet.
func (b *buffer) tryRead(p []byte) (n int, wait <-chan struct{}, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.broken:
		return 0, nil, net.ErrClosed
	case len(b.data) > 0:
		n = copy(p, b.data)
		b.data = b.data[n:]
		b.signalLocked()
		return n, nil, nil
	case b.closed:
		return 0, nil, io.EOF
	}
	return 0, b.changed, nil
}

// tryWrite takes what fits of p; wait is non-nil when p was not taken whole.
func (b *buffer) tryWrite(p []byte) (n int, wait <-chan struct{}, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.broken || b.closed {
		return 0, nil, io.ErrClosedPipe
	}
	if n = min(len(p), b.size-len(b.data)); n > 0 {
		b.data = append(b.data, p[:n]...)
		b.signalLocked()
	}
	if n < len(p) {
		wait = b.changed
	}
	return n, wait, nil
}

type conn struct {
	in, out       *buffer
	readDeadline  deadline
	writeDeadline deadline
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		expired, over := c.readDeadline.wait()
		if over {
			return 0, os.ErrDeadlineExceeded
		}
		n, wait, err := c.in.tryRead(p)
		if wait == nil {
			return n, err
		}
		select {
		case <-wait:
		case <-expired:
		}
	}
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	total := 0
	for {
		expired, over := c.writeDeadline.wait()
		if over {
			return total, os.ErrDeadlineExceeded
		}
		n, wait, err := c.out.tryWrite(p[total:])
		total += n
		if wait == nil {
			return total, err
		}
		select {
		case <-wait:
		case <-expired:
		}
	}
}

// Close implements net.Conn: the other end reads what was written, then EOF.
func (c *conn) Close() error {
	c.out.close(false)
	c.in.close(true)
	c.readDeadline.stop()
	c.writeDeadline.stop()
	return nil
}

type addr struct{}

func (addr) Network() string { return "pipe" }
func (addr) String() string  { return "pipe" }

// LocalAddr implements net.Conn.
func (c *conn) LocalAddr() net.Addr { return addr{} }

// RemoteAddr implements net.Conn.
func (c *conn) RemoteAddr() net.Addr { return addr{} }

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	c.readDeadline.set(t)
	c.writeDeadline.set(t)
	return nil
}

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error { c.readDeadline.set(t); return nil }

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(t time.Time) error { c.writeDeadline.set(t); return nil }

// deadline is a moment that readers or writers wait for. Every change of it
// closes done, so that those who wait look again.
type deadline struct {
	mu    sync.Mutex
	timer *time.Timer
	done  chan struct{} // nil until somebody waits
	over  bool
}

// wait returns a channel that closes when the deadline passes or is moved, and
// whether it has passed.
func (d *deadline) wait() (<-chan struct{}, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.done == nil {
		d.done = make(chan struct{})
	}
	return d.done, d.over
}

func (d *deadline) wakeLocked() {
	if d.done != nil {
		close(d.done)
		d.done = nil
	}
}

func (d *deadline) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

func (d *deadline) set(t time.Time) {
	d.stop()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.over = false
	d.wakeLocked()
	if t.IsZero() {
		return
	}
	left := time.Until(t)
	if left <= 0 {
		d.over = true
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(left, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.timer == timer { // not moved since
			d.over = true
			d.wakeLocked()
		}
	})
	d.timer = timer
}
