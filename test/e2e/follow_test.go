package e2e

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"
)

// client follows one subscription until the test ends, and connects again when
// its connection is lost.
type client struct {
	*rows
	name string
}

// subscription is a subscription's document.
type subscription struct {
	field     string // root field
	document  string
	variables map[string]any
	gate      <-chan struct{}            // nothing is read before it closes; nil: read at once
	check     func(count, sum int) error // of the rows and their column n, whenever a time is whole
}

// follow starts a client.
func follow(t *testing.T, g *gateway, s subscription) *client {
	t.Helper()
	c := &client{rows: newRows(s.field), name: s.document}
	c.check = s.check
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			c.once(ctx, g.address(), &s)
			rest(ctx, 20*time.Millisecond)
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return c
}

// once is one connection's life.
func (c *client) once(ctx context.Context, addr string, s *subscription) {
	sock, err := open(ctx, addr, opening{gate: s.gate})
	if err != nil {
		return // the gateway is away
	}
	c.reset()
	stop := context.AfterFunc(ctx, sock.close)
	defer stop()
	if _, err := sock.subscribe(s.document, s.variables, c.take); err != nil {
		sock.close()
	}
	<-sock.done
}

// holds waits until the client's rows are these lines.
func (c *client) holds(t *testing.T, columns []string, want func() []string) {
	t.Helper()
	eventually(t, c.name, func() error { return differ(c.lines(columns), want()) })
}

// has waits until the client holds so many rows.
func (c *client) has(t *testing.T, n int) {
	t.Helper()
	eventually(t, c.name, func() error {
		held, events := c.counts()
		if held == n {
			return nil
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		return fmt.Errorf("%d rows instead of %d after %d events; %v %v", held, n, events, c.broken, c.failures)
	})
}
