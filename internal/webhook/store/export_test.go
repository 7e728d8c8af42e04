package store

import (
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// Messages returns how many messages the outbox and the marks hold.
func (s *Store) Messages(t testing.TB) int {
	t.Helper()
	n := 0
	for _, stream := range []jetstream.Stream{s.broker.outbox, s.broker.marks} {
		info, err := stream.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n += int(info.State.Msgs)
	}
	return n
}
