package robustness

import (
	"context"
	"sync"
	"time"
)

// strained is for how long this process may stand still in a calm act. Longer,
// and gateways may rightly take upstream for silent and clients for slow: such an
// act is not calm.
const strained = 250 * time.Millisecond

// strain knows for how long goroutines that were due had to wait for a processor.
type strain struct {
	mu    sync.Mutex // guards worst
	worst time.Duration
}

// watch lives until ctx ends.
func (s *strain) watch(ctx context.Context) {
	const nap = 20 * time.Millisecond
	for ctx.Err() == nil {
		begun := time.Now()
		rest(ctx, nap)
		s.mu.Lock()
		s.worst = max(s.worst, time.Since(begun)-nap)
		s.mu.Unlock()
	}
}

// take returns the longest wait since the last call.
func (s *strain) take() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	worst := s.worst
	s.worst = 0
	return worst
}

// disturb says that from a state and a moment on nothing has been calm.
func (r *round) disturb(state int, at time.Duration) {
	r.m.disturb(state)
	for _, c := range r.clients {
		c.disturb(at)
	}
	for _, c := range r.seers {
		c.disturb(at)
	}
}

func (m *model) disturb(from int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.states[from:] {
		s.calm = false
	}
}

func (c *client) disturb(from time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := len(c.steps) - 1; i >= 0 && c.steps[i].At >= from; i-- {
		c.steps[i].Calm = false
	}
}
