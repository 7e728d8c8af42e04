package store

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// sweep is the sweeper's goroutine. It purges messages that are delivered and
// superseded, and all of a row that is at rest. Under Always the server syncs
// each purge, so the sweeper rests as long as each took: appends get at least
// half of the disk. Nobody waits for it, and a row that fires again before its
// turn has its old messages replaced by that append.
func (s *Store) sweep() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.purgeOrphans(ctx)
	for {
		l := s.nextDirty()
		if l == nil {
			select {
			case <-s.wakeSweeper:
				continue
			case <-s.stop:
				return
			}
		}
		took, err := s.clean(ctx, l)
		if err != nil {
			// The messages stay until the next start finds them again.
			s.opts.Log.Warn("outbox: purge", "subject", l.subject(), "err", err)
		}
		if !s.rest(took) {
			return
		}
	}
}

func (s *Store) nextDirty() *lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.dirty) == 0 {
		s.dirty = nil
		return nil
	}
	l := s.dirty[0]
	s.dirty[0] = nil
	s.dirty = s.dirty[1:]
	l.dirty = false
	return l
}

// rest waits for d and reports whether the store is still open.
func (s *Store) rest(d time.Duration) bool {
	if d == 0 || s.opts.Dir == "" || s.opts.Sync != Always {
		return !s.stopped()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.stop:
		return false
	}
}

// clean purges what a lane no longer needs, and the lane when that is all.
func (s *Store) clean(ctx context.Context, l *lane) (took time.Duration, err error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	keep, purge := l.keepFrom(), l.keepFrom() > l.oldest
	gone := l.gone
	s.mu.Unlock()
	if gone {
		return 0, nil
	}
	if purge {
		began := time.Now()
		if err := purgeStream(ctx, s.broker.outbox, l.subject(), keep); err != nil {
			return 0, err
		}
		took = time.Since(began)
	}
	s.mu.Lock()
	l.oldest = keep
	forget := l.idle() && keep > l.last // its last delivery may have been concluded since
	marked := l.mark != nil && s.opts.Dir != ""
	if forget {
		s.dropLocked(l)
	}
	s.mu.Unlock()
	if forget && marked {
		s.broker.settle() // or the mark may come after the purge
		err = purgeStream(ctx, s.broker.marks, l.markSubject(), 0)
	}
	return took, err
}

// purgeStream removes what the subject holds below keep; 0: everything.
func purgeStream(ctx context.Context, stream jetstream.Stream, subject string, keep uint64) error {
	ctx, cancel := context.WithTimeout(ctx, requestWait)
	defer cancel()
	opts := []jetstream.StreamPurgeOpt{jetstream.WithPurgeSubject(subject)}
	if keep > 0 {
		opts = append(opts, jetstream.WithPurgeSequence(keep))
	}
	if err := stream.Purge(ctx, opts...); err != nil {
		return fmt.Errorf("purge %s: %w", subject, err)
	}
	return nil
}

// purgeOrphans removes the marks of lanes that are gone: what a kill between
// the purge of a row and that of its mark leaves.
func (s *Store) purgeOrphans(ctx context.Context) {
	for _, subject := range s.orphans {
		s.writing.Lock()
		err := purgeStream(ctx, s.broker.marks, subject, 0)
		s.writing.Unlock()
		if err != nil {
			s.opts.Log.Warn("outbox: purge", "subject", subject, "err", err)
		}
		if s.stopped() {
			return
		}
	}
	s.orphans = nil
}
