package feed

import (
	"context"
	"sync"
	"time"

	"github.com/tycostream/tycostream/internal/filter"
	"github.com/tycostream/tycostream/internal/table"
)

// reach says whether a position can be continued.
type reach uint8

const (
	gone  reach = iota // of another epoch, or from before the undo log
	ahead              // of this feed: it may get there
	within
)

// reach returns whether the difference since p can be told. mu is held, and the
// feed is ready.
func (f *Feed) reach(p Position) reach {
	switch t := p.token.time; {
	case p.token.epoch != f.epoch:
		return gone
	case t > f.table.Head().Time:
		return ahead
	case !f.undo.Covers(t):
		return gone
	}
	return within
}

// foldRows is how many changes a reader's goroutine may fold when it resumes: a
// few milliseconds, in which a delivery worker serves nobody else.
const foldRows = 20_000

// difference is the set that a reader which was at p must be told: the rows
// that its view held at any time since, so that it may be laid over any state
// between p and now. mu is held; the returned function makes the events, outside
// it, of so many changes.
func (f *Feed) difference(where *filter.Predicate, p Position) (events func() []Event, changes int) {
	runs := f.undo.After(p.token.time)
	for _, run := range runs {
		changes += len(run)
	}
	return func() []Event {
		outcomes := table.Outcomes(f.schema, runs, where.Match)
		events := make([]Event, len(outcomes))
		for i := range outcomes {
			events[i] = outcomeEvent(&outcomes[i])
		}
		return events
	}, changes
}

// outcomeEvent says what a reader is told of an outcome. A row that was out of
// the view for a while may be unknown to it, so it is told all of it.
func outcomeEvent(o *table.Outcome) Event {
	switch {
	case o.Now == "":
		return Event{Op: Delete, Row: o.Last}
	case o.Base == "" || o.Left:
		return Event{Op: Insert, Row: o.Now}
	}
	return Event{Op: Update, Row: o.Now, Changed: o.Changed}
}

// futures are readers whose position is ahead of the feed.
type futures struct {
	mu   sync.Mutex // guards all below; taken after Feed.mu
	wait map[any]future
}

type future struct {
	time uint64
	wake func()
}

// put has wake called once the feed has come to time t. who names the reader.
func (w *futures) put(who any, t uint64, wake func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.wait == nil {
		w.wait = make(map[any]future)
	}
	w.wait[who] = future{t, wake}
}

func (w *futures) drop(who any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.wait, who)
}

// come wakes those whose time has come.
func (w *futures) come(t uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for who, f := range w.wait {
		if f.time <= t {
			delete(w.wait, who)
			f.wake()
		}
	}
}

// Frame is one complete frame for a reader that was at a position: RESUMED with
// the difference since, or SNAPSHOT, or after a position that cannot be
// continued RESET, with every row that matches where, nil for all. It waits
// like Rows, and up to Config.ResumeWait for a position ahead of this feed.
func (f *Feed) Frame(ctx context.Context, where *filter.Predicate, at Position) (Frame, error) {
	if where == nil {
		where = filter.All()
	}
	kind := Snapshot
	if !at.IsZero() {
		fr, ok, err := f.resumed(ctx, where, at)
		f.countResume(ok, err)
		if ok || err != nil {
			return fr, err
		}
		kind = Reset
	}
	res, err := f.Rows(ctx, where)
	if err != nil {
		return Frame{}, err
	}
	return Frame{
		Kind: kind, Events: inserts(res.Rows), Last: true, State: res.State, Cursor: res.Cursor,
		Time: res.Frontier.Time, Wall: res.Frontier.Wall,
	}, nil
}

// resumed returns the frame that continues at, false if that cannot be done.
func (f *Feed) resumed(ctx context.Context, where *filter.Predicate, at Position) (Frame, bool, error) {
	if err := f.waitReady(ctx); err != nil {
		return Frame{}, false, err
	}
	if err := f.waitTime(ctx, at); err != nil {
		return Frame{}, false, err
	}
	f.mu.RLock()
	if f.reach(at) != within {
		f.mu.RUnlock()
		return Frame{}, false, nil
	}
	head := f.table.Head()
	events, _ := f.difference(where, at)
	fr := Frame{
		Kind: Resumed, From: at.text, Last: true, State: f.state, Time: head.Time, Wall: head.Wall,
		Cursor: token{f.epoch, head.Time, at.token.filter}.String(),
	}
	f.mu.RUnlock()
	fr.Events = events()
	return fr, true, nil
}

// waitTime waits until the feed has come to the time of at, for a while.
func (f *Feed) waitTime(ctx context.Context, at Position) error {
	come := make(chan struct{}, 1)
	f.futures.put(&come, at.token.time, func() { come <- struct{}{} })
	defer f.futures.drop(&come)
	f.mu.RLock()
	r := f.reach(at)
	f.mu.RUnlock()
	if r != ahead {
		return nil
	}
	t := time.NewTimer(f.cfg.ResumeWait)
	defer t.Stop()
	select {
	case <-come:
	case <-t.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-f.stop:
		return errClosed
	}
	return nil
}

// countResume counts what became of a reader that came with a position.
func (f *Feed) countResume(resumed bool, err error) {
	switch {
	case resumed:
		f.resumes.Add(1)
	case err == nil:
		f.resets.Add(1)
	}
}
