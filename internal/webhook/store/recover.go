package store

import (
	"context"
	"fmt"
)

// recover reads the streams into the index, once, before anything is written:
//
//  1. the marks, by the subject they are of;
//  2. the outbox in its order: the last message of a subject is the row's
//     state, and what its mark does not cover is pending;
//  3. what is delivered and superseded, and marks of nothing, go to the
//     sweeper.
func (s *Store) recover(ctx context.Context) error {
	marks := map[string]mark{}
	err := s.broker.scan(ctx, marksStream, "mark.>", func(subject string, _ uint64, data []byte) error {
		if subject == lastMark {
			return nil
		}
		m, err := decodeMark(data)
		if err != nil {
			return fmt.Errorf("mark %s: %w", subject, err)
		}
		marks[subject] = m
		return nil
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err = s.broker.scan(ctx, outboxStream, ">", func(subject string, seq uint64, data []byte) error {
		return s.recoverLocked(marks, subject, seq, data)
	})
	if err != nil {
		return err
	}
	for _, t := range s.triggers {
		for _, rows := range []map[string]*lane{t.rows, t.once} {
			for _, l := range rows {
				s.settleLocked(l)
				delete(marks, l.markSubject())
			}
		}
	}
	for subject := range marks {
		s.orphans = append(s.orphans, subject)
	}
	return nil
}

// recoverLocked takes one message in. A mark covers it, and all before it,
// only by naming this very message.
func (s *Store) recoverLocked(marks map[string]mark, subject string, seq uint64, data []byte) error {
	once, trig, tok, err := parseSubject(subject)
	if err != nil {
		return err
	}
	r, err := decodeRecord(data)
	if err != nil {
		return fmt.Errorf("message %d of the outbox: %w", seq, err)
	}
	l := s.laneLocked(once, trig, tok)
	s.addLocked(l, seq, &r)
	m, ok := marks["mark."+subject]
	if !ok {
		return nil
	}
	if l.mark == nil {
		l.mark = &mark{}
	}
	if m.done == seq && m.doneSum == sum(r.id) {
		l.mark.done, l.mark.doneSum = seq, m.doneSum
		l.trig.pending -= len(l.pending)
		l.pending = nil
	}
	if m.head == seq && m.headSum == sum(r.id) {
		l.mark.head, l.mark.headSum, l.mark.attempts = seq, m.headSum, m.attempts
	}
	return nil
}

// settleLocked ends the recovery of a lane.
func (s *Store) settleLocked(l *lane) {
	if m := l.mark; m != nil && (len(l.pending) == 0 || m.head != l.pending[0]) {
		m.head, m.headSum, m.attempts = 0, 0, noAttempts
	}
	s.cleanLocked(l)
}
