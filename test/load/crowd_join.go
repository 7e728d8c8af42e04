package main

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"
)

// dialers is how many connections are opened at the same time, unless all are.
const dialers = 16

// connect opens connections, and waits until each has its snapshot.
func (c *crowd) connect(ctx context.Context, q call) (reply, error) {
	if err := needFiles(uint64(q.Spec.Clients+len(c.members)) + 50); err != nil { //nolint:gosec // small
		return reply{}, err
	}
	if c.changed == nil {
		c.changed, c.pending = sync.NewCond(&c.mu), make([]pass, 1<<14)
		c.loose = true
	}
	c.mu.Lock()
	c.spec, c.at = q.Spec, q.At
	c.mu.Unlock()
	members := make([]*member, q.Spec.Clients)
	for i := range members {
		members[i] = newMember(q.Spec, i)
	}
	c.members = append(c.members, members...)
	width := dialers
	if q.Spec.Together {
		width = len(members)
	}
	return c.bring(ctx, members, width)
}

// cut ends all connections at once.
func (c *crowd) cut() error {
	c.leave(c.members...)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// resume opens all connections again, at once, from where they were.
func (c *crowd) resume(ctx context.Context) (reply, error) {
	return c.bring(ctx, c.members, len(c.members))
}

// bring lets members join, so many at the same time, and reports how they did.
func (c *crowd) bring(ctx context.Context, members []*member, width int) (reply, error) {
	c.expect(len(members))
	begun, start := time.Now(), cpuNow()
	if err := c.joinAll(ctx, members, width); err != nil {
		return reply{}, err
	}
	if !c.bare {
		err := c.wait(ctx, "every snapshot", func() bool { return c.joins.left == 0 })
		if err != nil {
			return reply{}, err
		}
	}
	out := c.joined(len(members))
	out.All, out.CPU = time.Since(begun), cpuNow().minus(start)
	return reply{Clients: clientReport{Joins: out}}, nil
}

func (c *crowd) expect(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.joins = joins{left: n, kinds: make(map[string]int)}
}

func (c *crowd) joined(n int) joinReport {
	c.mu.Lock()
	defer c.mu.Unlock()
	j := &c.joins
	return joinReport{Clients: n, Took: j.took.spread(), Bytes: j.bytes, Rows: j.rows, Same: j.same, Kinds: maps.Clone(j.kinds)}
}

// joinAll lets members join, so many at the same time.
func (c *crowd) joinAll(ctx context.Context, members []*member, width int) error {
	var wg sync.WaitGroup
	next := make(chan *member)
	errs := make([]error, width)
	for i := range errs {
		wg.Go(func() {
			for m := range next {
				if errs[i] == nil {
					errs[i] = c.join(ctx, m)
				}
			}
		})
	}
	for _, m := range members {
		next <- m
	}
	close(next)
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// join connects and subscribes a member, and starts its reader.
func (c *crowd) join(ctx context.Context, m *member) error {
	w, err := dial(ctx, c.at)
	if err != nil {
		return fmt.Errorf("client %d: %w", m.id+1, err)
	}
	m.wire, m.done = w, make(chan struct{})
	c.mu.Lock()
	m.gone = false
	c.mu.Unlock()
	if !c.bare {
		if err = w.upgrade(); err == nil {
			err = m.subscribe()
		}
	}
	if err != nil {
		close(m.done)
		_ = w.Close()
		return fmt.Errorf("client %d: %w", m.id+1, err)
	}
	c.wg.Go(func() { c.follow(m) })
	return nil
}

// arrive lets clients come, each with a filter of its own on the keys behind
// those of the others, and leave again: half of the time one after the other
// comes, and each stays for the other half.
func (c *crowd) arrive(ctx context.Context, q call) (reply, error) {
	if err := needFiles(uint64(q.Count+len(c.members)) + 50); err != nil { //nolint:gosec // small
		return reply{}, err
	}
	stay := q.Over / 2
	begun, start := time.Now(), cpuNow()
	c.expect(q.Count)
	errs := make(chan error, q.Count)
	for i := range q.Count {
		due := begun.Add(stay * time.Duration(i) / time.Duration(q.Count))
		c.wg.Go(func() { errs <- c.visit(ctx, c.spec.Clients+i, due, stay) })
	}
	var failed error
	for range q.Count {
		if err := <-errs; err != nil && failed == nil {
			failed = err
		}
	}
	out := c.joined(q.Count)
	out.All, out.CPU = time.Since(begun), cpuNow().minus(start)
	return reply{Clients: clientReport{Joins: out}}, failed
}

// visit is one client that comes and goes.
func (c *crowd) visit(ctx context.Context, id int, due time.Time, stay time.Duration) error {
	if err := until(ctx, due); err != nil {
		return err
	}
	m := &member{spec: c.spec, id: id, first: id * c.spec.Filters, rows: make([]uint64, c.spec.Filters), transient: true}
	if err := c.join(ctx, m); err != nil {
		return err
	}
	err := until(ctx, due.Add(stay))
	if err == nil { // long since, as a rule
		err = c.wait(ctx, fmt.Sprintf("the snapshot of client %d", id+1), func() bool { return m.ready })
	}
	c.leave(m)
	return err
}

// until waits for a moment.
func until(ctx context.Context, moment time.Time) error {
	t := time.NewTimer(time.Until(moment))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
