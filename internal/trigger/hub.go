package trigger

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tycostream/tycostream/internal/codec"
	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/predindex"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/trigger/machine"
	"github.com/tycostream/tycostream/internal/webhook"
)

// hub runs all triggers of one source in one goroutine: it takes the changes of
// all rows from a follower of the feed, finds out what they mean, and appends
// that to the store before it goes on. What it has not read meanwhile waits in
// the feed's undo log.
type hub struct {
	name   string
	feed   *feed.Feed
	shape  codec.Shape
	store  webhook.Log
	log    *slog.Logger
	signal chan struct{} // one slot: there may be something to do

	compared atomic.Uint64 // times that it fell behind, or upstream was another, and rows were compared anew
	retries  atomic.Uint64 // of the store

	follower *feed.Follower // the loop's own, as are settled and told
	settled  bool           // the follower has told all rows

	commit sync.Mutex // held while appending; taken before mu

	mu       sync.Mutex // guards all below, and what it says in watch
	watches  map[*watch]struct{}
	waiting  []*watch // those of watches that have not begun
	index    *predindex.Index[*watch]
	book     book
	wall     int64 // Unix microseconds: up to when time has passed
	looks    uint64
	compares uint64
	batch    []item
	hits     []*watch
	key      []byte
}

// item is a transition on its way into the store.
type item struct {
	webhook.Transition
	watch *watch
	entry *entry // nil: the trigger's beginning
	turn  uint64 // of the watch
}

const (
	stepChanges = 1024 // changes to take from the follower in one go
	batchItems  = 1000 // transitions to append in one go, about
)

func newHub(name string, f *feed.Feed, sh codec.Shape, store webhook.Log, log *slog.Logger) *hub {
	return &hub{
		name: name, feed: f, shape: sh, store: store, log: log.With("source", name),
		signal:  make(chan struct{}, 1),
		watches: make(map[*watch]struct{}), index: predindex.New[*watch](sh.Schema), book: newBook(),
	}
}

func (h *hub) wake() {
	select {
	case h.signal <- struct{}{}:
	default:
	}
}

// run works until ctx ends or the feed or the store is closed.
func (h *hub) run(ctx context.Context) {
	defer func() { h.unfollow() }()
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.signal:
		}
		for more := true; more; {
			var err error
			if more, err = h.turn(ctx); err != nil {
				if ctx.Err() == nil {
					h.log.Warn("triggers stopped", "error", err)
				}
				return
			}
		}
	}
}

// start adds a watch, which begins as soon as there are rows.
func (h *hub) start(w *watch) {
	h.mu.Lock()
	h.watches[w] = struct{}{}
	h.waiting = append(h.waiting, w)
	h.mu.Unlock()
	h.wake()
}

// stop ends a watch. When it returns nothing of it will be appended any more.
func (h *hub) stop(w *watch) {
	h.mu.Lock()
	w.dead = true
	delete(h.watches, w)
	h.withdraw(w)
	w.begin() // nobody shall wait for it
	h.mu.Unlock()
	h.commit.Lock()   // what is being appended now
	h.commit.Unlock() //nolint:staticcheck // waiting was all
	h.wake()
}

// withdraw takes a watch and its rows out. It holds mu.
func (h *hub) withdraw(w *watch) {
	w.turn++
	w.compare = 0
	h.waiting = slices.DeleteFunc(h.waiting, func(o *watch) bool { return o == w })
	if w.place != nil {
		h.index.Remove(w.place)
		w.place = nil
	}
	h.book.drop(w)
}

// turn does one piece of work and reports whether there may be more.
func (h *hub) turn(ctx context.Context) (more bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	h.mu.Lock()
	idle, waiting := len(h.watches) == 0, slices.Clone(h.waiting)
	h.mu.Unlock()
	switch {
	case idle:
		h.unfollow()
		return false, nil
	case h.follower == nil:
		h.follower = h.feed.Follow(h.wake)
	case h.settled && len(waiting) > 0:
		return h.join(ctx, waiting)
	}
	step, err := h.follower.Next(stepChanges)
	if err != nil {
		return false, err
	}
	switch step.Kind {
	case feed.Snapshot:
		return true, h.snapshot(ctx, &step, waiting)
	case feed.LiveFrame:
		return true, h.live(ctx, &step)
	case feed.Resumed, feed.Reset:
	}
	return false, nil
}

func (h *hub) unfollow() {
	if h.follower != nil {
		h.follower.Close()
		h.follower, h.settled = nil, false
	}
}

// live takes in what changed.
func (h *hub) live(ctx context.Context, step *feed.Step) error {
	for rest := step.Changes; len(rest) > 0; {
		h.mu.Lock()
		for len(rest) > 0 && len(h.batch) < batchItems {
			c := &rest[0]
			rest = rest[1:]
			// Timers that end with this moment wait for what it brings.
			h.wall = max(h.wall, c.Wall)
			h.expire(h.wall - 1)
			h.change(c)
		}
		h.mu.Unlock()
		if err := h.flushIf(ctx, batchItems); err != nil {
			return err
		}
	}
	h.mu.Lock()
	h.wall = max(h.wall, step.Frontier.Wall)
	h.expire(h.wall)
	h.mu.Unlock()
	return h.flushIf(ctx, 1)
}

// expire lets time pass up to limit. It holds mu.
func (h *hub) expire(limit int64) {
	for e := h.book.expired(limit); e != nil; e = h.book.expired(limit) {
		next, o := e.watch.rule.Tick(e.status, e.due)
		if o == machine.Nothing { // cannot be: Due and Tick agree
			h.book.stop(e)
			continue
		}
		h.note(e, next, o, moment{wall: e.due}, e.row)
	}
}

// change takes in one change. It holds mu.
func (h *hub) change(c *feed.Change) {
	h.look(h.index, c.New)
	if len(h.hits) == 0 && len(h.book.first) == 0 {
		return
	}
	some := c.New
	if some == "" {
		some = c.Old
	}
	h.key = h.shape.Schema.AppendKey(h.key[:0], some)
	h.judge(c.New, some, moment{c.Time, c.Wall}, func(w *watch) bool { return w.place != nil && c.Time > w.from })
}

// look finds the triggers whose fire is true for a row; "" is no row. It holds
// mu.
func (h *hub) look(x *predindex.Index[*watch], row relation.Row) {
	h.looks++
	h.hits = h.hits[:0]
	x.Match(row, func(w *watch) {
		w.hit = h.looks
		h.hits = append(h.hits, w)
	})
}

// judge steps all triggers that h.hits or the book name for the row with
// h.key, and that concerned lets pass. some is the row, or what is left of it.
// It holds mu.
func (h *hub) judge(row, some relation.Row, at moment, concerned func(*watch) bool) {
	for e := h.book.first[string(h.key)]; e != nil; {
		w, following := e.watch, e.next // the step may remove e
		w.known = h.looks
		if concerned(w) {
			e.met = w.compare
			seen := machine.Hit
			if w.hit != h.looks {
				seen = w.see(row)
			}
			h.step(e, seen, at, row, some)
		}
		e = following
	}
	for _, w := range h.hits {
		if w.known == h.looks || !concerned(w) {
			continue
		}
		if next, o := w.step(machine.Status{}, at.wall, machine.Hit); o != machine.Nothing {
			e := h.book.add(w, string(h.key))
			e.met = w.compare
			h.note(e, next, o, at, row)
		}
	}
}

// step moves a row that is in the book. It holds mu.
func (h *hub) step(e *entry, seen machine.Seen, at moment, row, some relation.Row) {
	next, o := e.watch.step(e.status, at.wall, seen)
	switch {
	case o == machine.Nothing:
		if e.status.Phase == machine.Waiting {
			e.row = row
		}
		return
	case row == "" && o == machine.Clear:
		row = h.shape.Schema.KeyRow(some)
	}
	h.note(e, next, o, at, row)
}

// note puts what a step led to into the batch and into the book. It holds mu.
func (h *hub) note(e *entry, next machine.Status, o machine.Outcome, at moment, row relation.Row) {
	h.batch = append(h.batch, item{e.watch.transition(e, next, o, at, row), e.watch, e, e.watch.turn})
	e.row = ""
	if next.Phase == machine.Waiting {
		e.row = row
	}
	h.book.set(e, next)
}
