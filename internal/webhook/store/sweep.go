package store

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Rows at rest go together, because each time the living are listed: when they
// are many beside those that stay, or after a while.
const (
	restingMin = 1000
	restingAge = time.Minute
	sweepRetry = 2 * time.Second
)

var errTooManyGaps = errors.New("the outbox has too many gaps; rows at rest stay in it")

// sweep is the sweeper's goroutine. It purges messages that are delivered and
// superseded, and all of a row that is at rest. Under Always the server syncs
// each purge, so the sweeper rests as long as each took: appends get at least
// half of the disk. Nobody waits for it, and a row that fires again before its
// turn has its old messages replaced by that append.
func (s *Store) sweep() {
	look := time.NewTicker(restingAge / 4)
	defer look.Stop()
	for !s.stopped() {
		err := s.purgeLeftovers(s.ctx)
		if err == nil {
			err = s.cleanAll(s.ctx)
		}
		if err == nil && s.restingDue() {
			err = s.retire(s.ctx)
		}
		if err != nil && !s.stopped() {
			s.opts.Log.Warn("outbox: what is delivered stays for now", "err", err)
			s.rest(sweepRetry)
			continue
		}
		select {
		case <-s.wakeSweeper:
		case <-look.C:
		case <-s.ctx.Done():
		}
	}
}

// cleanAll works on dirty lanes until there are none, or many rows are at rest.
func (s *Store) cleanAll(ctx context.Context) error {
	for !s.stopped() && !s.restingDue() {
		l := s.nextDirty()
		if l == nil {
			return nil
		}
		took, err := s.clean(ctx, l)
		if err != nil {
			s.again(l)
			return err
		}
		s.pace(took)
	}
	wake(s.wakeSweeper)
	return nil
}

func (s *Store) nextDirty() *lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweeping = len(s.dirty) > 0
	if !s.sweeping {
		s.dirty = nil
		return nil
	}
	l := s.dirty[0]
	s.dirty[0] = nil
	s.dirty = s.dirty[1:]
	l.dirty = false
	return l
}

// again has a lane swept once more.
func (s *Store) again(l *lane) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cleanLocked(l)
}

// pace rests as long as a purge took, where each is synced.
func (s *Store) pace(took time.Duration) {
	if s.opts.Dir != "" && s.opts.Sync == Always && took > 0 {
		s.rest(took)
	}
}

// rest waits, until the store is closed at the latest.
func (s *Store) rest(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.ctx.Done():
	}
}

// clean purges what a lane no longer needs. A lane of which nothing is needed
// waits for retire.
func (s *Store) clean(ctx context.Context, l *lane) (took time.Duration, err error) {
	err = s.use(func(b *broker) error {
		s.writing.Lock()
		defer s.writing.Unlock()
		s.mu.Lock()
		keep, purge := l.keepFrom(), l.keepFrom() > l.oldest
		if l.idle() && !l.gone && !l.resting {
			if len(s.resting) == 0 {
				s.since = time.Now()
			}
			l.resting = true
			s.resting = append(s.resting, l)
		}
		skip := l.gone || l.resting || !purge
		s.mu.Unlock()
		if skip {
			return nil
		}
		if err := s.room(0); err != nil {
			return err
		}
		began := time.Now()
		if err := s.wrote(ctx, "purge", b.purge(ctx, b.outbox, l.subject(), keep)); err != nil {
			return err
		}
		took = time.Since(began)
		s.mu.Lock()
		defer s.mu.Unlock()
		l.oldest = max(l.oldest, keep)
		return nil
	})
	return took, err
}

// restingDue reports whether rows at rest are to go now.
func (s *Store) restingDue() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.resting)
	return n > 0 && (s.opts.Dir == "" || n >= max(restingMin, (s.lanes-n)/2) || time.Since(s.since) >= restingAge)
}

// retire lists what lives without the rows at rest, and then removes these.
func (s *Store) retire(ctx context.Context) error {
	s.mu.Lock()
	going := slices.DeleteFunc(s.resting, func(l *lane) bool {
		l.resting = false
		return l.gone || !l.idle()
	})
	s.resting, s.sweeping = nil, true
	upTo, seqs := s.neededLocked()
	s.mu.Unlock()
	if s.opts.Dir != "" {
		list := newLiving(upTo, seqs)
		err := s.room(0)
		if err == nil {
			err = s.use(func(b *broker) error { return s.wrote(ctx, "list what lives", b.writeLiving(ctx, &list)) })
		}
		if errors.Is(err, errTooManyGaps) {
			s.opts.Log.Warn("outbox: rows at rest stay", "err", err)
			return nil
		}
		if err != nil {
			s.againAll(going)
			return err
		}
	}
	for i, l := range going {
		took, err := s.remove(ctx, l, upTo)
		if err != nil {
			s.againAll(going[i:])
			return err
		}
		s.pace(took)
		if s.stopped() {
			return nil
		}
	}
	wake(s.wakeSweeper) // to see whether that is all
	return nil
}

func (s *Store) againAll(lanes []*lane) {
	for _, l := range lanes {
		s.again(l)
	}
}

// remove purges a lane that is still at rest, and its mark.
func (s *Store) remove(ctx context.Context, l *lane, upTo uint64) (took time.Duration, err error) {
	err = s.use(func(b *broker) error {
		s.writing.Lock()
		defer s.writing.Unlock()
		s.mu.Lock()
		last, stays := l.last, l.gone || !l.idle() || l.last > upTo
		if stays {
			s.cleanLocked(l)
		}
		s.mu.Unlock()
		if stays {
			return nil
		}
		if err := s.room(0); err != nil {
			return err
		}
		began := time.Now()
		if err := s.wrote(ctx, "purge", b.purge(ctx, b.outbox, l.subject(), last+1)); err != nil {
			return err
		}
		s.mu.Lock()
		marked := l.mark != nil && s.opts.Dir != ""
		s.dropLocked(l)
		s.mu.Unlock()
		if marked {
			// The mark may still be on its way.
			if err := errors.Join(b.settle(ctx), b.purge(ctx, b.marks, l.markSubject(), 0)); err != nil {
				return s.wrote(ctx, "purge a mark", err)
			}
		}
		took = time.Since(began)
		return nil
	})
	return took, err
}

// purgeLeftovers removes what a kill left: messages that came back, and the marks
// of rows that are gone.
func (s *Store) purgeLeftovers(ctx context.Context) error {
	for len(s.leftovers.messages)+len(s.leftovers.marks) > 0 && !s.stopped() {
		err := s.use(func(b *broker) error {
			s.writing.Lock()
			defer s.writing.Unlock()
			if err := s.room(0); err != nil {
				return err
			}
			if list := s.leftovers.messages; len(list) > 0 {
				s.leftovers.messages = list[1:]
				return b.erase(ctx, b.outbox, list[0])
			}
			list := s.leftovers.marks
			s.leftovers.marks = list[1:]
			return b.purge(ctx, b.marks, list[0], 0)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
