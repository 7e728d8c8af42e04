package store

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"time"

	"github.com/tycostream/tycostream/internal/webhook"
)

// How long the mender waits before it tries again, and how much room it wants
// to see first.
const (
	firstMend = time.Second
	lastMend  = 10 * time.Second
	mendRoom  = 8 << 20
)

// fail notes that a write failed, with what of it on disk nobody knows. Nothing
// is accepted until the mender has started the server anew and read what there
// is.
func (s *Store) fail(err error) error {
	if errors.Is(err, webhook.ErrFailed) {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return s.failed
	}
	s.failed = fmt.Errorf("%w: %w", webhook.ErrFailed, err)
	s.opts.Log.Error("outbox: a write failed; triggers tell nothing new until it can be written again. Is there room on the disk of DATA_DIR? What waits is delivered meanwhile", "err", err)
	wake(s.wakeMender)
	return s.failed
}

// giveUp ends the writes that wait for a server that has failed.
func (s *Store) giveUp() {
	_ = s.use(func(b *broker) error {
		b.cancel(webhook.ErrFailed)
		return nil
	})
}

// wrote returns the error of a write, and notes a failure that is not the
// caller's.
func (s *Store) wrote(ctx context.Context, what string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil, errors.Is(err, errTooManyGaps):
		return fmt.Errorf("%s: %w", what, err)
	}
	return s.fail(fmt.Errorf("%s: %w", what, err))
}

// Failed returns why nothing is accepted; nil: all is well.
func (s *Store) Failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil && s.full {
		return fmt.Errorf("%w: the disk is full", webhook.ErrFailed)
	}
	return s.failed
}

// mend is the mender's goroutine: it waits for room on a full disk; after a
// failed write it tries to start the server anew until that succeeds.
func (s *Store) mend() {
	for {
		select {
		case <-s.wakeMender:
		case <-s.ctx.Done():
			return
		}
		for s.room(0) != nil && !s.stopped() {
			s.rest(firstMend)
		}
		if s.opts.Dir == "" || s.sound() {
			continue // what is in memory only would be lost
		}
		s.giveUp()
		wait := firstMend
		for tries := uint(1); !s.stopped(); tries++ {
			s.rest(wait)
			err := s.mendOnce(s.ctx)
			if err == nil {
				s.opts.Log.Info("outbox: it is written again")
				break
			}
			if errors.Is(err, errHangs) {
				s.opts.Log.Error("outbox: after the failed write its server cannot be ended. Restart the gateway: nothing that was accepted is lost")
				return
			}
			if bits.OnesCount(tries) == 1 && !s.stopped() { // ever less often
				s.opts.Log.Error("outbox: it still cannot be written", "tries", tries, "err", err)
			}
			wait = min(2*wait, lastMend)
		}
	}
}

// sound finds out whether the server, which has complained, can still write.
func (s *Store) sound() bool {
	if s.Failed() != nil {
		return false
	}
	return s.use(func(b *broker) error { return s.wrote(s.ctx, "an earlier write", b.check(s.ctx)) }) == nil
}

// mendOnce looks for room, then starts the server anew.
func (s *Store) mendOnce(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.room(mendRoom); err != nil {
		return err
	}
	if err := tryFile(s.opts.Dir); err != nil {
		return err
	}
	s.life.Lock()
	defer s.life.Unlock()
	if b := s.broker; b != nil {
		s.broker = nil
		if err := b.end(); err != nil {
			return err
		}
	}
	if err := s.start(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.failed = nil
	}
	wake(s.wakeSweeper)
	return nil
}

// tryFile writes a file to find out whether that is possible, and removes it.
func tryFile(dir string) (err error) {
	f, err := os.Create(filepath.Join(dir, "room")) //nolint:gosec // the operator's directory
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	block := make([]byte, 64<<10)
	for n := 0; n < mendRoom; n += len(block) {
		if _, err := f.Write(block); err != nil {
			return err
		}
	}
	return f.Sync()
}
