package store

import (
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// Messages returns how many messages the outbox and the marks hold.
func (s *Store) Messages(tb testing.TB) int {
	tb.Helper()
	n := 0
	s.life.RLock()
	defer s.life.RUnlock()
	for _, stream := range []jetstream.Stream{s.broker.outbox, s.broker.marks} {
		info, err := stream.Info(tb.Context())
		if err != nil {
			tb.Fatal(err)
		}
		n += int(info.State.Msgs)
	}
	return n
}

// Idle reports whether the sweeper has nothing to do but to wait.
func (s *Store) Idle() bool {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.dirty) == 0 && !s.sweeping
}

// Retire has rows at rest go now.
func (s *Store) Retire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since = s.since.Add(-restingAge)
	wake(s.wakeSweeper)
}
