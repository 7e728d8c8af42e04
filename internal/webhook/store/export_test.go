package store

import (
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// Messages returns how many messages the outbox and the marks hold.
func (s *Store) Messages(tb testing.TB) int {
	tb.Helper()
	n := 0
	for _, stream := range []jetstream.Stream{s.broker.outbox, s.broker.marks} {
		info, err := stream.Info(tb.Context())
		if err != nil {
			tb.Fatal(err)
		}
		n += int(info.State.Msgs)
	}
	return n
}
