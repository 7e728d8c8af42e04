package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// clientReport is what the clients saw since the last "begin", or of joining
// clients since they began to.
type clientReport struct {
	Messages  uint64 // rows
	Frames    uint64 // WebSocket messages
	Bytes     uint64 // all of them, and of their frames
	Reads     uint64
	Latency   spread // of each row, slow clients' apart
	Pass      spread // of each event, until the last client had it
	CPU       cpu
	Joins     joinReport
	States    []state // that sampled clients were in
	Converged bool
	Why       string // not converged
}

// joinReport is about snapshots, and what clients resume with instead.
type joinReport struct {
	Clients int
	Took    spread // from the request to the last row
	All     time.Duration
	Bytes   uint64
	Rows    uint64
	Same    uint64         // rows that the client held already
	Kinds   map[string]int // of first frames
	CPU     cpu
}

// crowd is all clients.
type crowd struct {
	spec    spec
	bare    bool
	at      address
	members []*member
	wg      sync.WaitGroup
	begun   cpu

	mu      sync.Mutex // guards all below, and what members hold
	changed *sync.Cond // something came, or a member failed
	err     error
	report  clientReport
	latency histogram
	passes  histogram
	pending []pass        // of events still under way, by number modulo its length
	loose   bool          // slow clients are not slow now
	freed   chan struct{} // closed when loose turns true
	joins   joins
}

// joins is about those who wait for a snapshot.
type joins struct {
	left              int
	took              histogram
	bytes, rows, same uint64
	kinds             map[string]int
}

// pass is how far an event has come.
type pass struct{ seq, got int }

func (c *crowd) answer(ctx context.Context, q call) (reply, error) {
	switch q.Do {
	case "bare", "connect":
		c.bare = q.Do == "bare"
		return c.connect(ctx, q)
	case "begin":
		return reply{}, c.begin(ctx, q)
	case "end":
		return reply{Clients: c.end(ctx, q)}, nil
	case "cut":
		return reply{}, c.cut()
	case "resume":
		return c.resume(ctx)
	case "arrive":
		return c.arrive(ctx, q)
	}
	return reply{}, fmt.Errorf("clients cannot %q", q.Do)
}

// follow reads until the connection ends.
func (c *crowd) follow(m *member) {
	defer close(m.done)
	for {
		n, err := m.fill()
		now := time.Now()
		c.mu.Lock()
		if n > 0 {
			c.report.Reads++
		}
		var took bool
		for err == nil {
			if took, err = c.take(m, now); !took || !m.slow || c.loose {
				break
			}
			freed := c.freed
			c.mu.Unlock()
			think(freed)
			c.mu.Lock()
		}
		if err != nil && !m.gone && c.err == nil {
			c.err = fmt.Errorf("client %d: %w", m.id+1, err)
		}
		c.changed.Broadcast()
		c.mu.Unlock()
		if err != nil {
			_ = m.Close()
			return
		}
	}
}

// think is what a slow client does between two messages.
func think(freed <-chan struct{}) {
	t := time.NewTimer(slowPause)
	defer t.Stop()
	select {
	case <-t.C:
	case <-freed:
	}
}

// free lets slow clients read as fast as they can. The crowd is locked.
func (c *crowd) free() {
	if !c.loose {
		c.loose = true
		close(c.freed)
	}
}

// begin starts counting once everything there was has come.
func (c *crowd) begin(ctx context.Context, q call) error {
	if err := c.upToDate(ctx, q); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report, c.latency, c.passes = clientReport{}, histogram{}, histogram{}
	c.begun = cpuNow()
	c.loose, c.freed = false, make(chan struct{})
	return nil
}

// end waits until every client has what it should have.
func (c *crowd) end(ctx context.Context, q call) clientReport {
	c.mu.Lock()
	out := c.report // without what slow clients get from now on
	c.free()
	c.mu.Unlock()
	err := c.upToDate(ctx, q)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.spec.Slow == 0 {
		out = c.report
	}
	out.Latency, out.Pass = c.latency.spread(), c.passes.spread()
	out.CPU = cpuNow().minus(c.begun)
	for _, m := range c.members {
		out.States = append(out.States, m.states...)
	}
	if err != nil {
		out.Why = err.Error()
	}
	out.Converged = err == nil
	return out
}

// upToDate waits until every client holds the true rows, or as a bare one has
// got the last event.
func (c *crowd) upToDate(ctx context.Context, q call) error {
	if c.bare {
		return c.wait(ctx, "every client to get the last event", func() bool {
			some, all := false, true
			for _, m := range c.members {
				some = some || m.last >= q.Last
				all = all && m.last >= q.Last
			}
			return all || some && c.spec.One
		})
	}
	behind := slices.Clone(c.members)
	why := ""
	err := c.poll(ctx, "every client to hold the true rows", func() bool {
		still := behind[:0]
		for _, m := range behind {
			if key, differs := m.differs(q.Truth); differs {
				if len(still) == 0 {
					why = fmt.Sprintf("client %d holds another row of key %d than the source", m.id+1, key+1)
				}
				still = append(still, m)
			}
		}
		behind = still
		return len(behind) == 0
	})
	if err != nil && len(behind) > 0 {
		return fmt.Errorf("%w: %s; %d clients in all", err, why, len(behind))
	}
	return err
}

// poll waits like wait, but looks only now and then: ok is expensive.
func (c *crowd) poll(ctx context.Context, what string, ok func() bool) error {
	t := time.NewTicker(10 * time.Millisecond)
	defer t.Stop()
	limit := time.After(patience)
	for {
		c.mu.Lock()
		done, err := ok(), c.err
		c.mu.Unlock()
		if done || err != nil {
			return err
		}
		select {
		case <-t.C:
		case <-limit:
			return fmt.Errorf("waited too long for %s", what)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// wait waits until ok, which is called with the crowd locked.
func (c *crowd) wait(ctx context.Context, what string, ok func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, filling)
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
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return fmt.Errorf("waited too long for %s", what)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		c.changed.Wait()
	}
	return c.err
}

// leave ends clients and waits for their readers.
func (c *crowd) leave(members ...*member) {
	c.mu.Lock()
	for _, m := range members {
		m.gone = true
	}
	c.mu.Unlock()
	for _, m := range members {
		if m.wire != nil {
			_ = m.Close()
		}
	}
	for _, m := range members {
		if m.done != nil {
			<-m.done
		}
	}
}

func (c *crowd) close() {
	if c.changed == nil {
		return // never connected
	}
	c.mu.Lock()
	c.free()
	c.mu.Unlock()
	c.leave(c.members...)
	c.wg.Wait()
}
