package feed

import (
	"sync"

	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/table"
)

// Follower is an in-process reader of every row change. It has no view and no
// ring: it reads the undo log, which keeps what it has not read yet for as long
// as it keeps anything. See the package for what slow readers cost: nothing.
//
// One goroutine at a time may call Next; Close may be called from any.
type Follower struct {
	f    *Feed
	wake func()

	known bool // it was told the rows once
	epoch uint64
	at    relation.Frontier // up to where it was told everything
}

// Change is one change of one row at one upstream time.
type Change = table.Undo

// Step is what a follower is told next.
type Step struct {
	Kind     FrameKind         // 0: nothing new; Snapshot: forget what you know; LiveFrame: go on from the last step
	Rows     []relation.Row    // Snapshot: every row, in no order
	Changes  []Change          // LiveFrame: oldest first, never part of a time; none when only the frontier moved
	Frontier relation.Frontier // up to where the follower has been told everything
}

// Follow opens a follower. wake is called, possibly with locks held, when Next
// may have something new, a frontier that moved included, and at once. It must
// not block and not call the feed. A follower is demand, and no subscriber in
// Status.
func (f *Feed) Follow(wake func()) *Follower {
	w := &Follower{f: f, wake: wake}
	f.followers.add(w)
	f.demand.add(1)
	wake()
	return w
}

// Close ends the follower. wake is not called any more when it returns.
func (w *Follower) Close() {
	if w.f.followers.remove(w) {
		w.f.demand.add(-1)
	}
}

// Next returns what came since the last call: about limit changes at most, more
// if they are of one time. It tells all rows at first, and again when it cannot
// tell what happened since: the undo log does not reach back to the last call,
// the connection was lost and came back with a snapshot, or the source is
// another. After a closed feed's last step it returns an
// *Error.
func (w *Follower) Next(limit int) (Step, error) {
	f := w.f
	if f.closed() {
		return Step{}, errClosed
	}
	f.mu.RLock()
	head := f.table.Head().Frontier
	switch {
	case !f.ready:
		f.mu.RUnlock()
		return Step{}, nil
	case !w.known || w.epoch != f.epoch || head.Time < w.at.Time || !f.undo.Covers(w.at.Time):
		w.known, w.epoch, w.at = true, f.epoch, head
		rows := f.allRows()
		f.mu.RUnlock()
		return Step{Kind: Snapshot, Rows: rows, Frontier: head}, nil
	case head == w.at:
		f.mu.RUnlock()
		return Step{}, nil
	}
	runs := f.undo.After(w.at.Time)
	f.mu.RUnlock()
	s := Step{Kind: LiveFrame, Frontier: head}
	for _, run := range runs {
		for i := range run {
			if n := len(s.Changes); n >= limit && s.Changes[n-1].Time != run[i].Time {
				s.Frontier = relation.Frontier{Time: s.Changes[n-1].Time, Wall: s.Changes[n-1].Wall}
				w.at = s.Frontier
				return s, nil
			}
			s.Changes = append(s.Changes, run[i])
		}
	}
	w.at = head
	return s, nil
}

// followers are those of a feed.
type followers struct {
	mu  sync.Mutex // guards all; held while waking
	all map[*Follower]struct{}
}

func (fs *followers) add(w *Follower) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.all == nil {
		fs.all = make(map[*Follower]struct{})
	}
	fs.all[w] = struct{}{}
}

func (fs *followers) remove(w *Follower) (was bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	_, was = fs.all[w]
	delete(fs.all, w)
	return was
}

func (fs *followers) wake() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for w := range fs.all {
		w.wake()
	}
}
