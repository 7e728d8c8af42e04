package trigger

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/predindex"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/trigger/machine"
	"github.com/tycostream/tycostream/internal/trigger/spec"
)

// compareRows is how many rows to compare before others get a turn.
const compareRows = 1024

// snapshot compares all triggers with the rows that a follower told anew.
func (h *hub) snapshot(ctx context.Context, step *feed.Step, waiting []*watch) error {
	if h.settled {
		h.compared.Add(1)
		h.log.Warn("not every change since the last can be known; triggers compare all rows anew", "rows", len(step.Rows))
	}
	if err := h.load(ctx, waiting); err != nil {
		return err
	}
	h.settled = true
	h.mu.Lock()
	all := slices.Collect(maps.Keys(h.watches))
	all = slices.DeleteFunc(all, func(w *watch) bool { return w.place == nil && !slices.Contains(waiting, w) })
	h.wall = step.Frontier.Wall
	h.mu.Unlock()
	return h.compare(ctx, all, step.Rows, step.Frontier)
}

// join compares triggers that have not begun with the rows as they are now,
// which may be ahead of what the follower has told: they begin behind that.
func (h *hub) join(ctx context.Context, waiting []*watch) (more bool, err error) {
	res, err := h.feed.Rows(ctx, nil)
	if fe, ok := errors.AsType[*feed.Error](err); ok && fe.Code == feed.CodeNotReady {
		return false, nil // the follower says when
	}
	if err != nil {
		return false, err
	}
	if err := h.load(ctx, waiting); err != nil {
		return false, err
	}
	return true, h.compare(ctx, waiting, res.Rows, res.Frontier)
}

// load reads the state of their rows from the store.
func (h *hub) load(ctx context.Context, ws []*watch) error {
	for _, w := range ws {
		type stored struct {
			key    string
			seq    uint64
			status machine.Status
		}
		var rows []stored
		var mark string
		err := h.persist(ctx, "read the state of a trigger", func() error {
			rows, mark = nil, ""
			return h.store.States(ctx, w.id, func(key string, seq uint64, state []byte) bool {
				if key == markKey {
					mark, w.markSeq = string(state), seq
					return true
				}
				s, err := machine.DecodeStatus(state)
				if err != nil {
					h.log.Error("the state of a row is lost", "trigger", w.id, "error", err)
				}
				rows = append(rows, stored{key, seq, s})
				return true
			})
		})
		if err != nil {
			return err
		}
		h.mu.Lock()
		if !w.dead {
			w.fresh = mark != w.mark
			for _, r := range rows {
				e := h.book.add(w, r.key)
				e.seq = r.seq
				if r.status != (machine.Status{}) {
					h.book.set(e, r.status)
				}
			}
		}
		h.mu.Unlock()
	}
	return nil
}

// compare steps every row under these triggers: with what matches their fire,
// with what the store remembers, and with what is gone.
func (h *hub) compare(ctx context.Context, ws []*watch, rows []relation.Row, fr relation.Frontier) error {
	at := moment{fr.Time, fr.Wall}
	x := predindex.New[*watch](h.shape.Schema)
	h.mu.Lock()
	h.compares++
	number := h.compares
	for _, w := range ws {
		if w.dead {
			continue
		}
		w.compare = number
		x.Add(w.conditions.Fire, w)
	}
	h.mu.Unlock()
	concerned := func(w *watch) bool { return w.compare == number }
	for block := range slices.Chunk(rows, compareRows) {
		h.mu.Lock()
		for _, row := range block {
			if h.look(x, row); len(h.hits) > 0 || len(h.book.first) > 0 {
				h.key = h.shape.Schema.AppendKey(h.key[:0], row)
				h.judge(row, row, at, concerned)
			}
		}
		h.mu.Unlock()
		if err := h.flushIf(ctx, batchItems); err != nil {
			return err
		}
	}
	for _, w := range ws {
		if err := h.conclude(ctx, w, number, at); err != nil {
			return err
		}
	}
	return h.flushIf(ctx, 1)
}

// conclude steps the rows that a comparison did not meet, and lets the trigger
// follow changes from there on.
func (h *hub) conclude(ctx context.Context, w *watch, number uint64, at moment) error {
	h.mu.Lock()
	if w.compare != number { // it was taken out meanwhile
		h.mu.Unlock()
		return nil
	}
	for _, e := range w.rows {
		if e.met == number {
			continue
		}
		row, err := spec.KeyRow(h.shape.Schema, e.key)
		if err != nil { // the key of the source is another now
			h.log.Warn("a row of another key is forgotten", "error", err)
			row = nullRow(h.shape.Schema)
		}
		h.step(e, machine.Over, at, "", row)
	}
	w.from = at.time
	if w.fresh {
		h.batch = append(h.batch, item{Transition: w.beginning(at), watch: w, turn: w.turn})
		w.fresh = false
	} else {
		w.begin()
	}
	if w.place == nil {
		w.place = h.index.Add(w.conditions.Fire, w)
		h.waiting = slices.DeleteFunc(h.waiting, func(o *watch) bool { return o == w })
	}
	h.mu.Unlock()
	return h.flushIf(ctx, batchItems)
}

func nullRow(s *relation.Schema) relation.Row {
	var b relation.Builder
	for range s.Columns {
		b.AppendNull()
	}
	return b.Row()
}
