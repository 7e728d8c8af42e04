package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tycostream/tycostream/internal/webhook"
)

const (
	defaultPage = 100
	resendBatch = 500
)

// States implements webhook.Log. The index is locked meanwhile: yield must not
// call the store.
func (s *Store) States(_ context.Context, id string, yield func(key string, seq uint64, state []byte) bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.blind {
		return webhook.ErrFailed
	}
	t := s.triggers[id]
	if t == nil {
		return nil
	}
	for _, l := range t.rows {
		key, ok := untoken(l.token)
		if !ok {
			key = l.key
		}
		if l.state != "" && !yield(key, l.last, []byte(l.state)) {
			return nil
		}
	}
	return nil
}

// Triggers implements webhook.Log.
func (s *Store) Triggers(ctx context.Context) ([]string, error) {
	ids := map[string]bool{}
	info, err := s.deadInfo(ctx, jetstream.WithSubjectFilter("dead.>"))
	if err != nil {
		return nil, err
	}
	for subject := range info.State.Subjects {
		_, rest, _ := strings.Cut(subject, ".")
		id, _, _ := strings.Cut(rest, ".")
		ids[id] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.triggers {
		ids[id] = true
	}
	return slices.Sorted(maps.Keys(ids)), nil
}

// Forget implements webhook.Log. The purges are one sync per stream.
func (s *Store) Forget(ctx context.Context, id string) error {
	if err := checkTrigger(id); err != nil {
		return err
	}
	if err := s.room(0); err != nil {
		return fmt.Errorf("forget a trigger: %w", err)
	}
	return s.use(func(b *broker) error {
		s.writing.Lock()
		defer s.writing.Unlock()
		s.forget(id)
		for _, p := range []struct {
			stream  jetstream.Stream
			subject string
		}{
			{b.outbox, rowSpace},
			{b.outbox, onceSpace},
			{b.dead, "dead"},
			{b.marks, "mark." + rowSpace},
			{b.marks, "mark." + onceSpace},
		} {
			if err := b.purge(ctx, p.stream, p.subject+"."+id+".>", 0); err != nil {
				return s.wrote(ctx, "forget a trigger", err)
			}
		}
		return nil
	})
}

// forget takes a trigger out of the index.
func (s *Store) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.triggers[id]
	if t == nil {
		return
	}
	for _, lanes := range []map[string]*lane{t.rows, t.once} {
		s.lanes -= len(lanes)
		for _, l := range lanes {
			l.gone = true
			for _, seq := range l.pending {
				s.bodies.drop(seq)
			}
		}
	}
	delete(s.triggers, id)
}

// PendingOf implements webhook.Admin.
func (s *Store) PendingOf(ctx context.Context, id string, p webhook.Page) ([]webhook.Delivery, error) {
	type entry struct {
		seq      uint64
		attempts webhook.Attempts
	}
	limit := cmp.Or(p.Limit, defaultPage)
	var page []entry
	trim := func() {
		slices.SortFunc(page, func(a, b entry) int { return cmp.Compare(a.seq, b.seq) })
		page = page[:min(len(page), limit)]
	}
	s.mu.Lock()
	if t := s.triggers[id]; t != nil {
		for _, lanes := range []map[string]*lane{t.rows, t.once} {
			for _, l := range lanes {
				for _, seq := range l.pending {
					if seq > p.After {
						page = append(page, entry{seq, l.attemptsOf(seq)})
					}
				}
				if len(page) > 4*limit {
					trim()
				}
			}
		}
	}
	s.mu.Unlock()
	trim()
	list := make([]webhook.Delivery, 0, len(page))
	for _, e := range page {
		var d webhook.Delivery
		err := s.use(func(b *broker) (err error) {
			d, err = b.delivery(ctx, e.seq)
			return err
		})
		if errors.Is(err, webhook.ErrNotFound) {
			continue // delivered since
		}
		if err != nil {
			return nil, err
		}
		d.Attempts = e.attempts
		list = append(list, d)
	}
	return list, nil
}

func (l *lane) attemptsOf(seq uint64) webhook.Attempts {
	if l.mark != nil && l.mark.head == seq {
		return l.mark.attempts
	}
	return noAttempts
}

// DeadOf implements webhook.Admin.
func (s *Store) DeadOf(ctx context.Context, id string, p webhook.Page) ([]webhook.Delivery, error) {
	var list []webhook.Delivery
	for after := p.After; len(list) < cmp.Or(p.Limit, defaultPage); {
		l, err := s.nextDead(ctx, id, after)
		if errors.Is(err, webhook.ErrNotFound) {
			break
		}
		if err != nil {
			return nil, err
		}
		list, after = append(list, l.Delivery), l.Seq
	}
	return list, nil
}

// letter is a dead letter: what people see of it, and its record.
type letter struct {
	webhook.Delivery

	rec record
}

// nextDead returns the first dead letter of a trigger after a sequence of the
// stream DEAD.
func (s *Store) nextDead(ctx context.Context, id string, after uint64) (l letter, err error) {
	if err := checkTrigger(id); err != nil {
		return l, err
	}
	err = s.use(func(b *broker) error {
		m, err := b.dead.GetMsg(ctx, after+1, jetstream.WithGetMsgSubject("dead."+id+".>"))
		l, err = readDead(id, m, err)
		return err
	})
	return l, err
}

// readDead turns an answer of the stream DEAD into a dead letter.
func readDead(id string, m *jetstream.RawStreamMsg, err error) (letter, error) {
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return letter{}, webhook.ErrNotFound
	}
	if err != nil {
		return letter{}, fmt.Errorf("read dead letters: %w", err)
	}
	key, attempts, r, err := decodeDead(m.Data)
	if err != nil {
		return letter{}, fmt.Errorf("dead letter %d: %w", m.Sequence, err)
	}
	l := letter{r.delivery(id, key, m.Sequence), r}
	l.Attempts = attempts
	return l, nil
}

// Resend implements webhook.Admin.
func (s *Store) Resend(ctx context.Context, trigger, id string) error {
	if err := checkTrigger(trigger); err != nil {
		return err
	}
	var l letter
	err := s.use(func(b *broker) error {
		m, err := b.dead.GetLastMsgForSubject(ctx, deadSubject(trigger, id))
		l, err = readDead(trigger, m, err)
		return err
	})
	if err != nil {
		return err
	}
	return s.revive(ctx, []letter{l})
}

// ResendAll implements webhook.Admin. Those that die again meanwhile are not
// among them.
func (s *Store) ResendAll(ctx context.Context, trigger string) (int, error) {
	info, err := s.deadInfo(ctx)
	if err != nil {
		return 0, err
	}
	n := 0
	for after, more := uint64(0), true; more; {
		var list []letter
		for len(list) < resendBatch {
			l, err := s.nextDead(ctx, trigger, after)
			if more = err == nil && l.Seq <= info.State.LastSeq; !more {
				if err != nil && !errors.Is(err, webhook.ErrNotFound) {
					return n, err
				}
				break
			}
			list, after = append(list, l), l.Seq
		}
		if err := s.revive(ctx, list); err != nil {
			return n, err
		}
		n += len(list)
	}
	return n, nil
}

// revive queues dead letters beside the rows and removes them from the list.
func (s *Store) revive(ctx context.Context, list []letter) error {
	msgs := make([]staged, len(list))
	for i, l := range list {
		tok, hashed := token(l.Key)
		l.rec.resent = true
		if hashed {
			l.rec.key = l.Key
		}
		msgs[i] = staged{once: true, trigger: l.Trigger, token: tok, key: l.Key, rec: l.rec}
		if err := msgs[i].encode(); err != nil {
			return err
		}
	}
	if _, err := s.submit(msgs); err != nil {
		return err
	}
	if err := s.room(0); err != nil {
		return fmt.Errorf("remove a dead letter: %w", err)
	}
	return s.use(func(b *broker) error {
		for _, l := range list {
			if err := b.erase(ctx, b.dead, l.Seq); err != nil {
				return s.wrote(ctx, "remove a dead letter", err)
			}
		}
		return nil
	})
}

// deadInfo describes the stream of dead letters. It does not wait while the
// server is started anew: metrics ask for it.
func (s *Store) deadInfo(ctx context.Context, opts ...jetstream.StreamInfoOpt) (*jetstream.StreamInfo, error) {
	if !s.life.TryRLock() {
		return nil, webhook.ErrFailed
	}
	defer s.life.RUnlock()
	if s.broker == nil {
		return nil, webhook.ErrFailed
	}
	info, err := s.broker.dead.Info(ctx, opts...)
	if err != nil {
		return nil, fmt.Errorf("read dead letters: %w", err)
	}
	return info, nil
}

// Dead implements webhook.Admin.
func (s *Store) Dead(ctx context.Context, trigger string) (int, error) {
	if trigger == "" {
		info, err := s.deadInfo(ctx)
		if err != nil {
			return 0, err
		}
		return int(info.State.Msgs), nil //nolint:gosec // bounded by Options.DeadMax
	}
	info, err := s.deadInfo(ctx, jetstream.WithSubjectFilter("dead."+trigger+".>"))
	if err != nil {
		return 0, err
	}
	return len(info.State.Subjects), nil
}

// Pending implements webhook.Admin.
func (s *Store) Pending(trigger string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if trigger != "" {
		if t := s.triggers[trigger]; t != nil {
			n = t.pending
		}
		return n
	}
	for _, t := range s.triggers {
		n += t.pending
	}
	return n
}
