package trigger

import (
	"context"
	"errors"
	"math/bits"
	"time"

	"github.com/tycostream/tycostream/internal/trigger/spec"
	"github.com/tycostream/tycostream/internal/webhook"
)

// How long to wait before the store is tried again.
const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// persist calls f until it succeeds. Only the end of ctx or of the store makes
// it give up.
func (h *hub) persist(ctx context.Context, what string, f func() error) error {
	wait := firstRetry
	for tries := uint(1); ; tries++ {
		err := f()
		if err == nil || errors.Is(err, webhook.ErrClosed) {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		h.retries.Add(1)
		if bits.OnesCount(tries) == 1 { // ever less often
			h.log.Error("the store of triggers does not take it; trying again", "step", what, "tries", tries, "error", err)
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return context.Cause(ctx)
		case <-t.C:
		}
		wait = min(2*wait, lastRetry)
	}
}

// flushIf appends the batch if it has least items or more.
func (h *hub) flushIf(ctx context.Context, least int) error {
	h.mu.Lock()
	batch := h.batch
	if len(batch) < least {
		h.mu.Unlock()
		return nil
	}
	h.batch = nil
	h.mu.Unlock()
	return h.persist(ctx, "append", func() error {
		h.commit.Lock()
		defer h.commit.Unlock()
		return h.append(ctx, &batch)
	})
}

// append tries to append a batch once. What is void it takes out, and what the
// store will never take it changes. It holds commit.
func (h *hub) append(ctx context.Context, batch *[]item) error {
	ts := h.valid(batch)
	if len(ts) == 0 {
		return nil
	}
	seqs, err := h.store.Append(ctx, ts)
	switch {
	case err == nil:
		h.appended(*batch, seqs)
	case errors.Is(err, webhook.ErrConflict):
		return errors.Join(err, h.reconcile(ctx, *batch))
	case errors.Is(err, webhook.ErrTooLarge):
		h.shorten(*batch)
	}
	return err
}

// valid drops what watches found that are dead, or began anew since.
func (h *hub) valid(batch *[]item) []webhook.Transition {
	h.mu.Lock()
	defer h.mu.Unlock()
	kept := (*batch)[:0]
	ts := make([]webhook.Transition, 0, len(*batch))
	for _, it := range *batch {
		if it.turn == it.watch.turn {
			kept = append(kept, it)
			ts = append(ts, it.Transition)
		}
	}
	clear((*batch)[len(kept):])
	*batch = kept
	return ts
}

func (h *hub) appended(batch []item, seqs []uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range batch {
		it := &batch[i]
		switch {
		case it.entry != nil:
			it.entry.seq = seqs[i]
		case it.turn == it.watch.turn:
			it.watch.markSeq = seqs[i]
			it.watch.begin()
		}
		switch {
		case it.Silent:
		case it.Kind == webhook.Fire:
			it.watch.counters.fired.Add(1)
		case it.Kind == webhook.Clear:
			it.watch.counters.cleared.Add(1)
		}
	}
}

// reconcile finds the triggers for whose rows somebody else has appended, and
// has them begin anew from what is stored: comparing it with the rows says what
// is still to be told.
func (h *hub) reconcile(ctx context.Context, batch []item) error {
	type row struct{ trigger, key string }
	believed := make(map[row]uint64)
	watches := make(map[*watch]struct{})
	for i := range batch {
		it := &batch[i]
		watches[it.watch] = struct{}{}
		if _, ok := believed[row{it.Trigger, it.Key}]; !ok {
			believed[row{it.Trigger, it.Key}] = it.Prev
		}
	}
	for w := range watches {
		stored := make(map[row]uint64)
		err := h.store.States(ctx, w.id, func(key string, seq uint64, _ []byte) bool {
			stored[row{w.id, key}] = seq
			return true
		})
		if err != nil {
			return err
		}
		for r, seq := range believed {
			if r.trigger == w.id && stored[r] != seq {
				h.log.Warn("another gateway wrote for this trigger; comparing anew", "trigger", w.id)
				h.again(w)
				break
			}
		}
	}
	return nil
}

// again has a watch begin anew.
func (h *hub) again(w *watch) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !w.dead {
		h.withdraw(w)
		h.waiting = append(h.waiting, w)
		h.wake()
	}
}

// void is the turn of a transition that must not be appended.
const void = ^uint64(0)

// shorten makes the largest transition smaller: with the row's key alone, or,
// when that is no help, without telling anybody.
func (h *hub) shorten(batch []item) {
	it := &batch[0]
	for i := range batch {
		if len(batch[i].Key)+len(batch[i].Body) > len(it.Key)+len(it.Body) {
			it = &batch[i]
		}
	}
	if it.Body == nil { // the key itself
		h.log.Error("the key of a row is too large to be remembered", "trigger", it.Trigger, "bytes", len(it.Key))
		it.turn = void
		return
	}
	row, err := spec.KeyRow(h.shape.Schema, it.Key)
	if err == nil {
		body := it.watch.conditions.Payload.Body(it.ID, it.Kind, it.Time, row)
		if len(body) < len(it.Body) {
			h.log.Warn("a row is too large for a delivery: only its key is sent", "trigger", it.Trigger, "bytes", len(it.Body))
			it.Body = body
			return
		}
	}
	h.log.Error("a row is too large for a delivery: nobody is told", "trigger", it.Trigger, "bytes", len(it.Body))
	it.Body, it.Silent = nil, true
}
