package delivery

import (
	"bytes"
	"sync/atomic"

	"github.com/tycostream/tycostream/internal/transport/wsframe"
)

// ownOut is the size from which queued frames are written from where they
// stand, instead of being copied beside the streams' messages.
const ownOut = 8 << 10

// keepTail is the size up to which a blocked connection's tail is copied, so
// that a few bytes do not hold a whole buffer.
const keepTail = 8 << 10

// worker makes passes. Its closures are made once: a pass allocates nothing.
type worker struct {
	pool *Pool
	try  tryWriter
	buf  []byte // of the pass: frames, then the records that hold them
	free []byte // the other one of both
	more []*Stream
	cur  *Stream
	msgs uint64
	from moment // of the pass
	emit func([]byte)

	writes atomic.Uint64
	timing timing
}

func newWorker(p *Pool) *worker {
	w := &worker{pool: p, buf: p.buffer()}
	w.emit = w.add
	w.try.init()
	return w
}

func (w *worker) run() {
	for {
		c := w.pool.pop()
		if c == nil {
			return
		}
		w.pass(c)
	}
}

func (w *worker) add(msg []byte) {
	s := w.cur
	w.buf = wsframe.AppendText(w.buf, s.env.Prefix, msg, s.env.Suffix)
	w.msgs++
}

// pass writes what one connection has:
//
//  1. take the frames that wait and the streams that are ready;
//  2. pull from the streams until the buffer is full;
//  3. put back the streams that were not reached or have more;
//  4. under TLS, make records of it;
//  5. write once, without blocking;
//  6. all taken: settle; else the connection is blocked and keeps the tail.
func (w *worker) pass(c *Conn) {
	out, ready, ending, ok := c.take()
	if !ok {
		return
	}
	w.buf, w.msgs, w.from = w.buf[:0], 0, moment{}
	own := len(out) >= ownOut
	if own {
		c.putBack(ready, nil)
	} else {
		w.buf = append(w.buf, out...)
		out = nil
		if !ending {
			w.gather(c, ready)
		}
	}
	p := w.buf
	if own {
		p = out
	}
	var n int
	var err error
	if c.tls != nil {
		p, err = w.seal(c, p, ending)
		own = false
	}
	if err == nil {
		n, err = w.write(c, p)
	}
	switch {
	case err != nil:
		c.fail(err)
		c.settle()
	case n == len(p):
		c.settle()
	default:
		w.block(c, p[n:], own)
	}
	for _, b := range []*[]byte{&w.buf, &w.free} {
		if cap(*b) > 8*w.pool.cfg.PassBytes {
			*b = w.pool.buffer() // one huge message must not stay
		}
	}
}

// seal returns p as TLS records, after those that waited already and before
// the one that says that nothing follows. They stand in w.buf.
func (w *worker) seal(c *Conn, p []byte, last bool) (records []byte, err error) {
	c.under.lend(w.free[:0])
	if len(p) > 0 {
		_, err = c.tls.Write(p)
	}
	if last && err == nil {
		err = c.tls.CloseWrite()
	}
	w.free, w.buf = w.buf, c.under.take()
	c.sealing = max(0, len(w.buf)-len(p))
	return w.buf, err
}

// gather pulls from the ready streams into w.buf.
func (w *worker) gather(c *Conn, ready list) {
	limit := w.pool.cfg.PassBytes
	for len(w.buf) < limit {
		s := ready.pop()
		if s == nil {
			break
		}
		s.ready.Store(false) // before the pull: what comes during it wakes again
		w.cur = s
		more, received, last := s.pull(limit-len(w.buf), w.emit)
		if received != 0 && (w.from.received == 0 || received < w.from.received) {
			w.from.received = received
		}
		if last != nil {
			w.buf = wsframe.Append(w.buf, wsframe.Text, last)
		}
		if more {
			w.more = append(w.more, s)
		}
	}
	w.cur = nil
	c.putBack(ready, w.more)
	clear(w.more)
	w.more = w.more[:0]
}

// write writes what the socket takes without waiting.
func (w *worker) write(c *Conn, p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c.all.Messages.Add(w.msgs)
	w.writes.Add(1)
	clock := w.pool.cfg.Clock
	w.from.began = clock()
	if c.raw == nil {
		return 0, nil
	}
	n, err := w.try.write(c.raw, p)
	if n == len(p) {
		w.timing.taken(w.from, clock())
	}
	c.count(n)
	return n, err
}

func (w *worker) block(c *Conn, tail []byte, own bool) {
	switch {
	case own:
		c.block(tail, w.from, nil)
	case len(tail) <= keepTail:
		c.block(bytes.Clone(tail), w.from, nil)
	default:
		buf := w.buf
		w.buf = w.pool.buffer()
		c.block(tail, w.from, func() { w.pool.release(buf) })
	}
}
