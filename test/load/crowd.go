package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"github.com/tycostream/tycostream/internal/transport/wsframe"
)

// clientReport is what the clients saw since the last "begin".
type clientReport struct {
	Messages  uint64
	Bytes     uint64
	Reads     uint64
	Latency   spread // of each message
	Pass      spread // of each event, until the last client had it
	CPU       cpu
	Converged bool
	Why       string // not converged
}

// crowd is all clients.
type crowd struct {
	seed    maphash.Seed
	spec    spec
	bare    bool
	addr    string
	members []*member
	wg      sync.WaitGroup
	begun   cpu

	mu      sync.Mutex // guards all below, and what members hold
	changed *sync.Cond // a message came, or a member failed
	inserts int
	err     error
	report  clientReport
	latency histogram
	passes  histogram
	pending []pass // of events still under way, by number modulo its length
	closing bool
}

// pass is how far an event has come.
type pass struct{ seq, got int }

// member is one client.
type member struct {
	*wire
	rows []uint64 // by key minus one: digest of the row
	last int      // newest event
}

func (c *crowd) answer(ctx context.Context, q call) (reply, error) {
	switch q.Do {
	case "bare", "connect":
		c.bare = q.Do == "bare"
		return reply{}, c.connect(ctx, q)
	case "begin":
		return reply{}, c.begin(ctx, q.Last)
	case "end":
		return reply{Clients: c.end(ctx, q.Last)}, nil
	}
	return reply{}, fmt.Errorf("clients cannot %q", q.Do)
}

func (c *crowd) connect(ctx context.Context, q call) error {
	if err := needFiles(uint64(q.Spec.Clients) + 50); err != nil { //nolint:gosec // small
		return err
	}
	if c.changed == nil {
		c.seed, c.changed, c.pending = maphash.MakeSeed(), sync.NewCond(&c.mu), make([]pass, 1<<14)
	}
	c.mu.Lock()
	c.spec, c.addr = q.Spec, q.Addr
	expected := c.inserts
	c.mu.Unlock()
	for i := range q.Spec.Clients {
		keys := []int{0}
		if q.Spec.Filters > 0 {
			keys = keys[:0]
			for f := range q.Spec.Filters {
				keys = append(keys, i*q.Spec.Filters+f+1)
			}
			expected += len(keys)
		} else if !c.bare {
			expected += q.Spec.Rows
		}
		m, err := c.join(ctx, keys)
		if err != nil {
			return fmt.Errorf("client %d: %w", i+1, err)
		}
		c.members = append(c.members, m)
	}
	return c.wait(ctx, "every snapshot", func() bool { return c.inserts >= expected })
}

func (c *crowd) join(ctx context.Context, keys []int) (*member, error) {
	w, err := dial(ctx, c.addr)
	if err != nil {
		return nil, err
	}
	if !c.bare {
		if err := w.open(keys); err != nil {
			_ = w.Close()
			return nil, err
		}
	}
	m := &member{wire: w, rows: make([]uint64, c.spec.Rows)}
	c.wg.Go(func() { c.follow(m) })
	return m, nil
}

// follow reads until the connection ends.
func (c *crowd) follow(m *member) {
	take := c.takeFrames
	if c.bare {
		take = c.takeBare
	}
	for {
		err := m.fill()
		now := time.Now()
		c.mu.Lock()
		c.report.Reads++
		if err == nil {
			err = take(m, now)
		}
		if err != nil && !c.closing && c.err == nil {
			c.err = err
		}
		c.changed.Broadcast()
		c.mu.Unlock()
		if err != nil {
			_ = m.Close()
			return
		}
	}
}

// takeBare uses up the whole events. The crowd is locked.
func (c *crowd) takeBare(m *member, now time.Time) error {
	for ; m.end-m.start >= c.spec.Bytes; m.start += c.spec.Bytes {
		p := m.buf[m.start:]
		seq := int(binary.LittleEndian.Uint64(p))                                              //nolint:gosec // our own server's
		c.count(m, seq, int64(binary.LittleEndian.Uint64(p[8:bareHeader])), c.spec.Bytes, now) //nolint:gosec // see above
	}
	return nil
}

// takeFrames uses up the whole frames. The crowd is locked.
func (c *crowd) takeFrames(m *member, now time.Time) error {
	for {
		start := m.start
		op, p, ok := m.frame()
		if !ok {
			return nil
		}
		switch op {
		case wsframe.Ping:
			if err := m.say(wsframe.Pong, p); err != nil {
				return fmt.Errorf("answer a ping: %w", err)
			}
			continue
		case wsframe.Text:
		default:
			return fmt.Errorf("unexpected frame: opcode %d, %.80q", op, p)
		}
		if !bytes.Contains(p[:min(len(p), 40)], []byte(`"type":"next"`)) {
			return fmt.Errorf("unexpected message: %.200q", p)
		}
		e, err := parseEvent(p)
		if err != nil {
			return fmt.Errorf("%w: %.400q", err, p)
		}
		if e.key < 1 || e.key > len(m.rows) {
			return fmt.Errorf("a row that is not: key %d", e.key)
		}
		m.rows[e.key-1] = maphash.Bytes(c.seed, e.data)
		if e.insert {
			c.inserts++
			continue
		}
		c.count(m, e.seq, e.sent, m.start-start, now)
	}
}

// count counts one event at one client.
func (c *crowd) count(m *member, seq int, sent int64, size int, now time.Time) {
	m.last = max(m.last, seq)
	c.report.Messages++
	c.report.Bytes += uint64(size) //nolint:gosec // not negative
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

// begin starts counting once everything up to event last has come.
func (c *crowd) begin(ctx context.Context, last int) error {
	if err := c.upToDate(ctx, last); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report, c.latency, c.passes = clientReport{}, histogram{}, histogram{}
	c.begun = cpuNow()
	return nil
}

// upToDate waits until every client has got event last, or with filters, until
// one has.
func (c *crowd) upToDate(ctx context.Context, last int) error {
	return c.wait(ctx, "every client to be up to date", func() bool {
		some, all := false, true
		for _, m := range c.members {
			some = some || m.last >= last
			all = all && m.last >= last
		}
		return all || some && c.spec.Filters > 0
	})
}

// wait waits until ok, which is called with the crowd locked.
func (c *crowd) wait(ctx context.Context, what string, ok func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.changed.Broadcast()
	})()
	c.mu.Lock()
	defer c.mu.Unlock()
	for !ok() {
		if c.err != nil {
			return c.err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("waited too long for %s", what)
		}
		c.changed.Wait()
	}
	return c.err
}

// end waits until every client has what it should have, and compares the
// clients with a late joiner.
func (c *crowd) end(ctx context.Context, last int) clientReport {
	err := c.upToDate(ctx, last)
	c.mu.Lock()
	out := c.report
	out.Latency, out.Pass = c.latency.spread(), c.passes.spread()
	out.CPU = cpuNow().minus(c.begun)
	c.mu.Unlock()
	if err == nil && !c.bare {
		err = c.compare(ctx)
	}
	if err != nil {
		out.Why = err.Error()
	}
	out.Converged = err == nil
	return out
}

// compare compares what every client holds with what a client gets that joins
// now.
func (c *crowd) compare(ctx context.Context) error {
	c.mu.Lock()
	want := c.inserts + c.spec.Rows
	c.mu.Unlock()
	late, err := c.join(ctx, []int{0})
	if err != nil {
		return fmt.Errorf("join late: %w", err)
	}
	defer func() { _ = late.Close() }()
	if err := c.wait(ctx, "the late joiner's snapshot", func() bool { return c.inserts >= want }); err != nil {
		return err
	}
	var diff error
	_ = c.wait(ctx, "clients to agree", func() bool { // with filters, some events may still be on their way
		diff = c.difference(late)
		return diff == nil || c.spec.Filters == 0
	})
	c.mu.Lock()
	c.closing = true // the late joiner leaves
	c.mu.Unlock()
	return diff
}

// difference tells a row in which a client differs from the late joiner. The
// crowd is locked.
func (c *crowd) difference(late *member) error {
	for i, m := range c.members {
		from, to := 0, len(m.rows)
		if f := c.spec.Filters; f > 0 {
			from, to = i*f, (i+1)*f
		}
		for key := from; key < to; key++ {
			if m.rows[key] != late.rows[key] {
				return fmt.Errorf("client %d holds another row of key %d than a late joiner", i+1, key+1)
			}
		}
	}
	return nil
}

func (c *crowd) close() {
	c.mu.Lock()
	c.closing = true
	c.mu.Unlock()
	for _, m := range c.members {
		_ = m.Close()
	}
	c.wg.Wait()
}
