package store

import (
	"context"
	"fmt"
)

// leftovers are what a kill has left: marks of nothing, and messages that came
// back. The sweeper removes them.
type leftovers struct {
	marks    []string
	messages []uint64
}

// recovery reads the streams into the index, before anything is written:
//
//  1. the list of what lives, and the marks, by the subject they are of;
//  2. the outbox in its order: the last message of a subject is the row's
//     state, and what its mark does not cover is pending;
//  3. what is delivered and superseded, and marks of nothing, go to the
//     sweeper.
//
// A store that is mended has an index already. Its lanes stay, as some are with
// the deliverer; its marks are newer than those on disk.
type recovery struct {
	s      *Store
	living living
	marks  map[string]mark
	unsaid []string // marks that the stream does not have as they are
}

// start starts the server and reads what there is. Nobody else uses the store,
// or life is held.
func (s *Store) start(ctx context.Context) error {
	b, err := startBroker(ctx, s.opts, func() { wake(s.wakeMender) })
	if err != nil {
		return err
	}
	if err := s.recover(ctx, b); err != nil {
		b.close()
		return err
	}
	s.broker = b
	return nil
}

func (s *Store) recover(ctx context.Context, b *broker) error {
	if err := s.recoverDefinitions(ctx, b); err != nil {
		return err
	}
	r := recovery{s: s, marks: map[string]mark{}}
	var err error
	if r.living, err = b.readLiving(ctx); err != nil {
		return err
	}
	whole := r.living
	if err := r.readMarks(ctx, b); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blind = true
	r.reset()
	ready := s.ready
	s.ready = nil // a mark may still say that a message is delivered
	err = b.scan(ctx, outboxStream, ">", r.take)
	s.ready = ready
	if err != nil {
		return err
	}
	if whole.upTo > s.last { // after a loss of power: sequences are given out again
		whole.upTo = s.last
		if err := b.writeLiving(ctx, &whole); err != nil {
			return err
		}
	}
	for _, subject := range r.unsaid {
		m := r.marks[subject]
		if err := b.nc.Publish(subject, m.encode()); err != nil {
			return err
		}
	}
	r.settle()
	s.blind = false
	return nil
}

func (r *recovery) readMarks(ctx context.Context, b *broker) error {
	return b.scan(ctx, marksStream, "mark.>", func(subject string, _ uint64, data []byte) error {
		if subject == lastMark {
			return nil
		}
		m, err := decodeMark(data)
		if err != nil {
			return fmt.Errorf("mark %s: %w", subject, err)
		}
		r.marks[subject] = m
		return nil
	})
}

// reset empties the index, but for lanes and their marks. Store.mu is held.
func (r *recovery) reset() {
	s := r.s
	s.last, s.dirty, s.resting, s.leftovers = 0, nil, nil, leftovers{}
	s.bodies = newCache(s.opts.Cache)
	for l := range s.allLocked() {
		if l.mark != nil {
			if r.marks[l.markSubject()] != *l.mark {
				r.unsaid = append(r.unsaid, l.markSubject())
			}
			r.marks[l.markSubject()] = *l.mark
		}
		l.dirty, l.resting, l.state, l.last, l.oldest, l.pending, l.mark = false, false, "", 0, 0, nil, nil
		l.trig.pending = 0
	}
}

// take takes one message in. A mark covers it, and all before it, only by
// naming this very message. Store.mu is held.
func (r *recovery) take(subject string, seq uint64, data []byte) error {
	s := r.s
	s.last = max(s.last, seq)
	if !r.living.has(seq) {
		s.leftovers.messages = append(s.leftovers.messages, seq)
		return nil
	}
	once, trig, tok, err := parseSubject(subject)
	if err != nil {
		return err
	}
	rec, err := decodeRecord(data)
	if err != nil {
		return fmt.Errorf("message %d of the outbox: %w", seq, err)
	}
	l := s.laneLocked(once, trig, tok)
	s.addLocked(l, seq, &rec)
	m, ok := r.marks["mark."+subject]
	if !ok {
		return nil
	}
	if l.mark == nil {
		l.mark = &mark{}
	}
	if m.done == seq && m.doneSum == sum(rec.id) {
		l.mark.done, l.mark.doneSum = seq, m.doneSum
		l.trig.pending -= len(l.pending)
		l.pending = nil
	}
	if m.head == seq && m.headSum == sum(rec.id) {
		l.mark.head, l.mark.headSum, l.mark.attempts = seq, m.headSum, m.attempts
	}
	return nil
}

// settle ends the recovery of all lanes. Store.mu is held.
func (r *recovery) settle() {
	s := r.s
	for l := range s.allLocked() {
		delete(r.marks, l.markSubject())
		if m := l.mark; m != nil && (len(l.pending) == 0 || m.head != l.pending[0]) {
			m.head, m.headSum, m.attempts = 0, 0, noAttempts
		}
		if l.last == 0 && !l.out {
			s.dropLocked(l) // it is not in the stream
			continue
		}
		s.announceLocked(l)
		s.cleanLocked(l)
	}
	for subject := range r.marks {
		s.leftovers.marks = append(s.leftovers.marks, subject)
	}
}
