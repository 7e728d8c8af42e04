package store

import (
	"fmt"

	"github.com/tycostream/tycostream/internal/webhook"
)

// The last part of the disk is never written to: the server may hang, with a lock
// held, when it cannot write that it removed a message.
const (
	reserveMin = 1 << 20
	reserveMax = 64 << 20
	reservePer = 20 // of the whole disk
)

// room refuses a write of n bytes when the disk is too full for it. Nothing was
// written then, and nothing is in doubt.
func (s *Store) room(n int) error {
	if s.opts.Dir == "" {
		return nil
	}
	free, total, err := space(s.opts.Dir)
	if err != nil {
		return fmt.Errorf("%w: look for room: %w", webhook.ErrFailed, err)
	}
	reserve := min(max(total/reservePer, reserveMin), reserveMax)
	full := free < reserve+uint64(n) //nolint:gosec // a length
	s.mu.Lock()
	changed := s.full != full
	s.full = full
	s.mu.Unlock()
	switch {
	case !full && changed:
		s.opts.Log.Info("outbox: there is room again")
	case full && changed:
		s.opts.Log.Error("outbox: the disk of DATA_DIR is full; triggers tell nothing new until there is room. What waits is delivered meanwhile", "free", free, "wanted", reserve)
		wake(s.wakeMender)
	}
	if full {
		return fmt.Errorf("%w: the disk has %d bytes left", webhook.ErrFailed, free)
	}
	return nil
}
