package postgres

import "sync"

// clock says up to which moment everything has arrived.
//
// The time that a keep-alive carries proves nothing: a server that is behind
// with decoding sends it too. So the watch asks now and then, on the other
// connection, how far the log goes and what time it is (a mark). Once the
// stream has passed a mark's position, everything up to its time has arrived.
//
// One case is left: the log may end in the middle of a record, and then the
// stream stops short of the mark. So two keep-alives some time apart at the same
// position, with no data between them, count as well: the server had
// nothing to decode, and everything up to the first one's time has arrived.
type clock struct {
	mu    sync.Mutex
	marks []mark // ascending

	// Of the stream's goroutine.
	wall int64
	last mark // the last keep-alive, zero after data
}

// mark is a position in the log and the time at which the log went so far.
type mark struct {
	lsn  uint64
	wall int64 // microseconds since 1970
}

// apart is how far two keep-alives must be from each other: closer ones may be
// two answers in one breath. In microseconds.
const apart = 200_000

// marksMax bounds the marks while the stream is behind; the newer half is
// given up then.
const marksMax = 4096

// mark notes that the log goes up to lsn now. Called by the watch.
func (c *clock) mark(m mark) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.marks) == marksMax {
		c.marks = c.marks[:marksMax/2]
	}
	if n := len(c.marks); n > 0 && c.marks[n-1].lsn == m.lsn {
		c.marks[n-1] = m
		return
	}
	c.marks = append(c.marks, m)
}

// passed notes that everything before lsn has arrived.
func (c *clock) passed(lsn uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for n < len(c.marks) && c.marks[n].lsn <= lsn {
		c.advance(c.marks[n].wall)
		n++
	}
	c.marks = c.marks[n:]
}

func (c *clock) advance(wall int64) { c.wall = max(c.wall, wall) }

// data notes that the server had something to decode.
func (c *clock) data() { c.last = mark{} }

// alive takes a keep-alive: position and server time.
func (c *clock) alive(m mark) {
	c.passed(m.lsn)
	switch {
	case c.last.lsn != m.lsn:
		c.last = m
	case m.wall-c.last.wall >= apart:
		c.advance(c.last.wall)
		c.last = m
	}
}
