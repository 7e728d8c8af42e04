package main

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/tycostream/tycostream/internal/transport/wsframe"
)

// slowPause is how long a slow client thinks about each message.
const slowPause = time.Second

// maxStates is how many of its states a sampled client remembers.
const maxStates = 500

// member is one client. The crowd's lock guards all but the wire and done.
type member struct {
	*wire
	done chan struct{} // closed when its reader has ended
	spec spec
	id   int

	first     int      // key of the first row that it watches, minus one
	rows      []uint64 // digests of the rows that it holds; 0: none
	sum       uint64   // of rows
	last      int      // newest event
	kind      string   // of the first set of frames of the operation that runs
	before    string   // kind of the newest frame
	whole     bool     // it ended a set
	cursor    []byte   // of the last whole set
	inserts   int      // since it subscribed
	ready     bool     // has its snapshot, or the difference that it resumed with
	subs      time.Time
	wide      bool // has no filter
	slow      bool // one message a second
	gone      bool // shall end, or has ended
	transient bool // comes and goes, and does not count
	sampled   bool // remembers its states
	states    []state
}

// newMember returns a client that watches what the spec says of the id-th.
func newMember(s spec, id int) *member {
	m := &member{spec: s, id: id, slow: id >= s.Clients-s.Slow}
	m.wide = s.Filters == 0 || id >= s.Clients-s.Wide
	if m.wide {
		m.rows = make([]uint64, s.Rows)
		m.sampled = s.History && (m.slow || id%100 == 0 || s.Filters > 0)
	} else {
		m.first, m.rows = id*s.Filters, make([]uint64, s.Filters)
	}
	return m
}

// subscribe begins all operations, from its cursor if it has one. The crowd is
// not locked: nobody else touches the member before its reader runs.
func (m *member) subscribe() error {
	m.subs, m.ready, m.inserts, m.whole = time.Now(), false, 0, true
	_ = m.SetWriteDeadline(time.Now().Add(patience))
	keys := []int{0}
	if !m.wide {
		keys = keys[:0]
		for i := range m.rows {
			keys = append(keys, m.first+i+1)
		}
	}
	for _, key := range keys {
		if err := m.wire.subscribe(key, m.spec.query(key, string(m.cursor))); err != nil {
			return fmt.Errorf("subscribe: %w", err)
		}
	}
	return m.SetWriteDeadline(time.Time{})
}

// differs returns the first key, minus one, of which the member does not hold
// what it should.
func (m *member) differs(truth []uint64) (key int, differs bool) {
	for i, have := range m.rows {
		if have != truth[m.first+i] {
			return m.first + i, true
		}
	}
	return 0, false
}

// take uses up what was read, of a slow client one message, and reports
// whether there was any. The crowd is locked.
func (c *crowd) take(m *member, now time.Time) (some bool, err error) {
	if c.bare {
		return c.takeBare(m, now), nil
	}
	for {
		start := m.start
		op, p, ok := m.frame()
		if !ok {
			return some, nil
		}
		switch op {
		case wsframe.Ping:
			if err := m.say(wsframe.Pong, p); err != nil {
				return some, fmt.Errorf("answer a ping: %w", err)
			}
			continue
		case wsframe.Text:
		default:
			return some, fmt.Errorf("unexpected frame: opcode %d, %.80q", op, p)
		}
		some = true
		if err := c.takeMessage(m, p, m.start-start, now); err != nil {
			return some, fmt.Errorf("%w: %.400q", err, p)
		}
		if m.slow && !c.loose {
			return some, nil
		}
	}
}

// takeBare uses up the whole events.
func (c *crowd) takeBare(m *member, now time.Time) (some bool) {
	size := c.spec.Bytes
	for ; m.end-m.start >= size; m.start += size {
		some = true
		p := m.buf[m.start:]
		seq := int(binary.LittleEndian.Uint64(p))                  //nolint:gosec // our own server's
		sent := int64(binary.LittleEndian.Uint64(p[8:bareHeader])) //nolint:gosec // see above
		c.report.Frames++
		c.report.Bytes += uint64(size) //nolint:gosec // not negative
		c.count(m, seq, sent, now)
		m.last = max(m.last, seq)
	}
	return some
}

// takeMessage takes one message of a subscription.
func (c *crowd) takeMessage(m *member, p []byte, size int, now time.Time) error {
	c.report.Frames++
	c.report.Bytes += uint64(size) //nolint:gosec // not negative
	if !m.ready {
		c.joins.bytes += uint64(size) //nolint:gosec // not negative
	}
	if m.spec.Frames {
		return c.takeFrame(m, p, now)
	}
	e, _, ok := nextEvent(p)
	if !ok {
		return errNoEvent
	}
	snapshot := !m.ready
	if err := c.takeEvent(m, e, true, now); err != nil {
		return err
	}
	if snapshot && m.inserts >= len(m.rows) {
		c.arrived(m, kindSnapshot, now)
	}
	return nil
}

// takeFrame takes a frame.
func (c *crowd) takeFrame(m *member, p []byte, now time.Time) error {
	h, p, err := parseHead(p)
	if err != nil {
		return err
	}
	if (m.whole || h.kind != m.before) && (h.kind == kindReset || h.kind == kindSnapshot) {
		clear(m.rows) // a new set begins
		m.sum = 0
	}
	if !m.ready {
		m.kind = h.kind
	}
	m.whole, m.before = h.last, h.kind
	for {
		e, rest, ok := nextEvent(p)
		if !ok {
			break
		}
		if err := c.takeEvent(m, e, h.kind == kindLive, now); err != nil {
			return err
		}
		p = rest
	}
	if !h.last {
		return nil
	}
	m.cursor = append(m.cursor[:0], h.cursor...)
	if m.sampled && len(m.states) < maxStates {
		m.states = append(m.states, state{h.time, m.sum})
	}
	if !m.ready {
		c.arrived(m, m.kind, now)
	}
	return nil
}

// takeEvent takes one change of a row.
func (c *crowd) takeEvent(m *member, e event, live bool, now time.Time) error {
	i := e.key - 1 - m.first
	if i < 0 || i >= len(m.rows) {
		return fmt.Errorf("a row that the client did not ask for: key %d", e.key)
	}
	row := uint64(0)
	if e.op != 'D' {
		row = digest(e.data)
	}
	if !m.ready {
		m.inserts++
		c.joins.rows++
		c.report.Messages++
		if row == m.rows[i] {
			c.joins.same++
		}
	}
	m.sum += row - m.rows[i]
	m.rows[i] = row
	if m.spec.Exact && live && m.ready && e.seq != m.last+1 {
		return fmt.Errorf("event %d came behind event %d", e.seq, m.last)
	}
	m.last = max(m.last, e.seq)
	switch {
	case !m.ready: // counted
	case live && e.op != 'D':
		c.count(m, e.seq, e.sent, now)
	default:
		c.report.Messages++
	}
	return nil
}

// arrived notes that a client has what it subscribed for.
func (c *crowd) arrived(m *member, kind string, now time.Time) {
	m.ready = true
	c.joins.left--
	c.joins.took.add(now.Sub(m.subs))
	c.joins.kinds[kind]++
}

// count counts one event at one client.
func (c *crowd) count(m *member, seq int, sent int64, now time.Time) {
	c.report.Messages++
	if m.slow || m.transient {
		return
	}
	took := time.Duration(now.UnixNano() - sent)
	c.latency.add(took)
	p := &c.pending[seq%len(c.pending)]
	if p.seq != seq {
		*p = pass{seq: seq}
	}
	if p.got++; p.got == len(c.members) {
		c.passes.add(took)
	}
}
