package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

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
func (s *Store) Triggers() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.triggers))
}

// Forget implements webhook.Log. The purges are one sync per stream.
func (s *Store) Forget(ctx context.Context, id string) error {
	if err := checkTrigger(id); err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	if t := s.triggers[id]; t != nil {
		for _, lanes := range []map[string]*lane{t.rows, t.once} {
			for _, l := range lanes {
				l.gone = true
				for _, seq := range l.pending {
					s.bodies.drop(seq)
				}
			}
		}
		delete(s.triggers, id)
	}
	s.mu.Unlock()
	for _, p := range []struct {
		stream  jetstream.Stream
		subject string
	}{
		{s.broker.outbox, rowSpace},
		{s.broker.outbox, onceSpace},
		{s.broker.dead, "dead"},
		{s.broker.marks, "mark." + rowSpace},
		{s.broker.marks, "mark." + onceSpace},
	} {
		if err := purgeStream(ctx, p.stream, p.subject+"."+id+".>", 0); err != nil {
			return err
		}
	}
	return nil
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
		d, err := s.broker.delivery(ctx, e.seq)
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
		d, _, err := s.nextDead(ctx, id, after)
		if errors.Is(err, webhook.ErrNotFound) {
			break
		}
		if err != nil {
			return nil, err
		}
		list, after = append(list, d), d.Seq
	}
	return list, nil
}

// nextDead returns the first dead letter of a trigger after a sequence of the
// stream DEAD.
func (s *Store) nextDead(ctx context.Context, id string, after uint64) (webhook.Delivery, record, error) {
	if err := checkTrigger(id); err != nil {
		return webhook.Delivery{}, record{}, err
	}
	return readDead(id)(s.broker.dead.GetMsg(ctx, after+1, jetstream.WithGetMsgSubject("dead."+id+".>")))
}

// readDead turns an answer of the stream DEAD into a delivery.
func readDead(id string) func(*jetstream.RawStreamMsg, error) (webhook.Delivery, record, error) {
	return func(m *jetstream.RawStreamMsg, err error) (webhook.Delivery, record, error) {
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return webhook.Delivery{}, record{}, webhook.ErrNotFound
		}
		if err != nil {
			return webhook.Delivery{}, record{}, fmt.Errorf("read dead letters: %w", err)
		}
		key, attempts, r, err := decodeDead(m.Data)
		if err != nil {
			return webhook.Delivery{}, record{}, fmt.Errorf("dead letter %d: %w", m.Sequence, err)
		}
		d := r.delivery(id, key, m.Sequence)
		d.Attempts = attempts
		return d, r, nil
	}
}

// Resend implements webhook.Admin.
func (s *Store) Resend(ctx context.Context, trigger, id string) error {
	if err := checkTrigger(trigger); err != nil {
		return err
	}
	d, r, err := readDead(trigger)(s.broker.dead.GetLastMsgForSubject(ctx, deadSubject(trigger, id)))
	if err != nil {
		return err
	}
	return s.revive(ctx, []webhook.Delivery{d}, []record{r})
}

// ResendAll implements webhook.Admin. Those that die again meanwhile are not
// among them.
func (s *Store) ResendAll(ctx context.Context, trigger string) (int, error) {
	info, err := s.broker.dead.Info(ctx)
	if err != nil {
		return 0, fmt.Errorf("read dead letters: %w", err)
	}
	n := 0
	for after, more := uint64(0), true; more; {
		var list []webhook.Delivery
		var records []record
		for len(list) < resendBatch {
			d, r, err := s.nextDead(ctx, trigger, after)
			if more = err == nil && d.Seq <= info.State.LastSeq; !more {
				if err != nil && !errors.Is(err, webhook.ErrNotFound) {
					return n, err
				}
				break
			}
			list, records, after = append(list, d), append(records, r), d.Seq
		}
		if err := s.revive(ctx, list, records); err != nil {
			return n, err
		}
		n += len(list)
	}
	return n, nil
}

// revive queues dead letters beside the rows and removes them from the list.
func (s *Store) revive(ctx context.Context, list []webhook.Delivery, records []record) error {
	msgs := make([]staged, len(list))
	for i, d := range list {
		tok, hashed := token(d.Key)
		r := records[i]
		r.resent = true
		if hashed {
			r.key = d.Key
		}
		msgs[i] = staged{once: true, trigger: d.Trigger, token: tok, key: d.Key, rec: r}
		if err := msgs[i].encode(); err != nil {
			return err
		}
	}
	if _, err := s.submit(msgs); err != nil {
		return err
	}
	for _, d := range list {
		if err := s.broker.dead.DeleteMsg(ctx, d.Seq); err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) && !errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
			return fmt.Errorf("remove a dead letter: %w", err)
		}
	}
	return nil
}

// Count implements webhook.Admin.
func (s *Store) Count(ctx context.Context, trigger string) (webhook.Counts, error) {
	var c webhook.Counts
	s.mu.Lock()
	for id, t := range s.triggers {
		if trigger == "" || id == trigger {
			c.Pending += t.pending
		}
	}
	s.mu.Unlock()
	if trigger == "" {
		info, err := s.broker.dead.Info(ctx)
		if err != nil {
			return c, fmt.Errorf("count dead letters: %w", err)
		}
		c.Dead = int(info.State.Msgs) //nolint:gosec // bounded by Options.DeadMax
		return c, nil
	}
	info, err := s.broker.dead.Info(ctx, jetstream.WithSubjectFilter("dead."+trigger+".>"))
	if err != nil {
		return c, fmt.Errorf("count dead letters: %w", err)
	}
	c.Dead = len(info.State.Subjects)
	return c, nil
}
