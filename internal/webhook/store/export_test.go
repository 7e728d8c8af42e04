package store

import (
	"errors"
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

// Break has the store believe that a write failed.
func (s *Store) Break() { _ = s.fail(errors.New("broken by a test")) }

// Lose removes the messages of a row of t1 behind the store's back.
func (s *Store) Lose(tb testing.TB, key string) {
	tb.Helper()
	tok, _ := token(key)
	err := s.use(func(b *broker) error { return b.purge(tb.Context(), b.outbox, subject(false, "t1", tok), 0) })
	if err != nil {
		tb.Fatal(err)
	}
}

// Raw writes a message as it is.
func (s *Store) Raw(tb testing.TB, subject string, data []byte) {
	tb.Helper()
	err := s.use(func(b *broker) error {
		_, err := b.publish(tb.Context(), subject, data)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
}
