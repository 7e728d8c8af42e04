package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tycostream/tycostream/internal/webhook"
)

var noAttempts webhook.Attempts

// delivery returns what the record says of a delivery.
func (r *record) delivery(trigger, key string, seq uint64) webhook.Delivery {
	return webhook.Delivery{
		Trigger: trigger, Key: key, Kind: r.kind, ID: r.id, Seq: seq, Time: r.time, Body: r.body, Resent: r.resent,
	}
}

// Announce implements webhook.Outbox. What was pending before comes in the
// order in which it was appended.
func (s *Store) Announce(ready func(webhook.Lane, time.Time)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready = ready
	var waiting []*lane
	for l := range s.allLocked() {
		l.out = l.out && ready != nil
		if len(l.pending) > 0 && !l.out {
			waiting = append(waiting, l)
		}
	}
	slices.SortFunc(waiting, func(a, b *lane) int { return cmp.Compare(a.pending[0], b.pending[0]) })
	for _, l := range waiting {
		s.announceLocked(l)
	}
}

// Load implements webhook.Outbox.
func (s *Store) Load(ctx context.Context, handle webhook.Lane) (webhook.Delivery, error) {
	l, ok := handle.(*lane)
	if !ok {
		return webhook.Delivery{}, webhook.ErrNotTaken
	}
	s.mu.Lock()
	if l.gone || !l.out || len(l.pending) == 0 {
		s.mu.Unlock()
		return webhook.Delivery{}, fmt.Errorf("%w: the trigger is gone", webhook.ErrNotFound)
	}
	seq := l.pending[0]
	d, cached := s.bodies.bySeq[seq]
	s.mu.Unlock()
	if !cached {
		err := s.use(func(b *broker) (err error) {
			d, err = b.delivery(ctx, seq)
			return err
		})
		if errors.Is(err, webhook.ErrNotFound) {
			s.opts.Log.Error("outbox: a delivery is lost", "subject", l.subject(), "err", err)
			s.mu.Lock()
			l.taken, l.loaded = seq, 0
			s.mu.Unlock()
		}
		if err != nil {
			return webhook.Delivery{}, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l.taken, l.loaded = seq, sum(d.ID)
	if l.mark != nil && l.mark.head == seq {
		d.Attempts = l.mark.attempts
	}
	return d, nil
}

// delivery reads a message of the outbox.
func (b *broker) delivery(ctx context.Context, seq uint64) (webhook.Delivery, error) {
	m, err := b.outbox.GetMsg(ctx, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return webhook.Delivery{}, fmt.Errorf("%w: message %d of the outbox", webhook.ErrNotFound, seq)
	}
	if err != nil {
		return webhook.Delivery{}, fmt.Errorf("read message %d of the outbox: %w", seq, err)
	}
	_, trig, tok, err := parseSubject(m.Subject)
	if err != nil {
		return webhook.Delivery{}, err
	}
	r, err := decodeRecord(m.Data)
	if err != nil {
		return webhook.Delivery{}, fmt.Errorf("message %d of the outbox: %w", seq, err)
	}
	return r.delivery(trig, r.keyOf(tok), seq), nil
}

// keyOf returns the key of a record under a token.
func (r *record) keyOf(tok string) string {
	if key, ok := untoken(tok); ok {
		return key
	}
	return r.key
}

// Done implements webhook.Outbox.
func (s *Store) Done(handle webhook.Lane, _ webhook.Attempts) error { return s.conclude(handle) }

// conclude takes the lane's first delivery off it. The lane stays out while
// its mark is written, so that the marks of a lane follow each other.
func (s *Store) conclude(handle webhook.Lane) error {
	l, ok := handle.(*lane)
	if !ok {
		return webhook.ErrNotTaken
	}
	s.mu.Lock()
	if l.gone {
		s.mu.Unlock()
		return nil
	}
	if !l.out {
		s.mu.Unlock()
		return webhook.ErrNotTaken
	}
	if len(l.pending) == 0 || l.pending[0] != l.taken { // the store was mended since
		defer s.mu.Unlock()
		l.out = false
		s.announceLocked(l)
		s.cleanLocked(l)
		return nil
	}
	seq := l.pending[0]
	if l.pending = l.pending[1:]; len(l.pending) == 0 {
		l.pending = nil
	}
	l.trig.pending--
	s.bodies.drop(seq)
	l.mark = &mark{done: seq, doneSum: l.loaded}
	s.mu.Unlock()

	s.putMark(l)

	s.mu.Lock()
	defer s.mu.Unlock()
	l.out = false
	s.announceLocked(l)
	s.cleanLocked(l)
	return nil
}

// Retry implements webhook.Outbox.
func (s *Store) Retry(handle webhook.Lane, a webhook.Attempts) error {
	l, ok := handle.(*lane)
	if !ok {
		return webhook.ErrNotTaken
	}
	s.mu.Lock()
	if l.gone {
		s.mu.Unlock()
		return nil
	}
	if !l.out {
		s.mu.Unlock()
		return webhook.ErrNotTaken
	}
	if len(l.pending) == 0 || l.pending[0] != l.taken {
		s.mu.Unlock()
		return nil
	}
	m := mark{head: l.pending[0], headSum: l.loaded, attempts: a}
	if l.mark != nil {
		m.done, m.doneSum = l.mark.done, l.mark.doneSum
	}
	l.mark = &m
	s.mu.Unlock()
	s.putMark(l)
	return nil
}

// putMark writes the lane's mark without waiting for an answer: one that is
// lost repeats a delivery. The lane is out, so nobody else writes its mark.
func (s *Store) putMark(l *lane) {
	s.mu.Lock()
	var data []byte
	if s.opts.Dir != "" && s.failed == nil && l.mark != nil {
		data = l.mark.encode()
	}
	s.mu.Unlock()
	if data == nil {
		return // nobody would keep it; a store that is mended writes what it has
	}
	if err := s.use(func(b *broker) error { return b.nc.Publish(l.markSubject(), data) }); err != nil {
		s.opts.Log.Debug("outbox: a mark is lost", "err", err)
	}
}

// Bury implements webhook.Outbox: the dead letter is written before the
// delivery is taken off its lane.
func (s *Store) Bury(ctx context.Context, handle webhook.Lane, a webhook.Attempts) error {
	d, err := s.Load(ctx, handle)
	if errors.Is(err, webhook.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.room(len(d.Body)); err != nil {
		return fmt.Errorf("write a dead letter: %w", err)
	}
	r := record{kind: d.Kind, resent: d.Resent, time: d.Time, id: d.ID, body: d.Body}
	err = s.use(func(b *broker) error {
		_, err := b.publish(ctx, deadSubject(d.Trigger, d.ID), encodeDead(d.Key, a, &r))
		return s.wrote(ctx, "write a dead letter", err)
	})
	if err != nil {
		return err
	}
	return s.conclude(handle)
}

// deadSubject is where the dead letter of an id is: one that dies twice is
// there once.
func deadSubject(trigger, id string) string {
	tok, _ := token(id)
	return strings.Join([]string{"dead", trigger, tok}, ".")
}
