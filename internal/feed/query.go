package feed

import (
	"context"

	"github.com/tycostream/tycostream/internal/filter"
	"github.com/tycostream/tycostream/internal/histogram"
	"github.com/tycostream/tycostream/internal/relation"
)

// Result is a view's rows at one border.
type Result struct {
	Rows     []relation.Row // in no order; treat as immutable
	Frontier relation.Frontier
	State    State
	Cursor   string
}

// Rows returns the rows that match where, nil for all, at one border. It waits
// up to Config.QueryWait for the source's first snapshot, then returns an
// *Error with CodeNotReady.
func (f *Feed) Rows(ctx context.Context, where *filter.Predicate) (Result, error) {
	if where == nil {
		where = filter.All()
	}
	if err := f.waitReady(ctx); err != nil {
		return Result{}, err
	}
	key := where.Canonical()
	f.mu.RLock()
	head := f.table.Head()
	res := Result{
		Frontier: head.Frontier, State: f.state,
		Cursor: token{f.epoch, head.Time, hashText(key)}.String(),
	}
	if v, ok := f.views[key]; ok && v.ready.Load() {
		res.Rows = v.collect()
		f.mu.RUnlock()
		return res, nil
	}
	rows := f.allRows()
	f.mu.RUnlock()
	if where.IsAll() {
		res.Rows = rows
		return res, nil
	}
	for i, r := range rows {
		if where.Match(r) {
			res.Rows = append(res.Rows, r)
		}
		if i%scanRows == 0 && ctx.Err() != nil {
			return Result{}, context.Cause(ctx)
		}
	}
	return res, nil
}

// allRows collects every row. It holds mu for reading.
func (f *Feed) allRows() []relation.Row {
	rows := make([]relation.Row, 0, f.table.Rows())
	for slot := range f.table.Slots() {
		if row, alive := f.table.Row(uint32(slot)); alive {
			rows = append(rows, row)
		}
	}
	return rows
}

// Row returns the row with key's key cells; key has the schema's width. It
// waits like Rows.
func (f *Feed) Row(ctx context.Context, key relation.Row) (relation.Row, bool, error) {
	if err := f.waitReady(ctx); err != nil {
		return "", false, err
	}
	row, ok := f.Current(key)
	return row, ok, nil
}

// Current returns the row with key's key cells as it stands now, for backends
// whose stream leaves out cells that did not change. It does not wait.
func (f *Feed) Current(key relation.Row) (relation.Row, bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.table.Find(key)
}

// Status is a feed's state at a moment, for `sources` and metrics.
type Status struct {
	State       State
	Error       string // why State is not LIVE
	Ready       bool   // has a snapshot: reads are answered
	Rows        int
	Subscribers int
	Views       int
	Frontier    relation.Frontier
	LastChange  int64  // wall clock of the newest change, Unix microseconds; 0: none
	Inserts     uint64 // row changes since the start, the snapshots' included
	Updates     uint64
	Deletes     uint64

	Indexed     int    // views that the predicate index finds; the others are asked about every change
	Evaluations uint64 // of predicates, for changes and for new views

	Sent      [3]uint64        // row changes handed to readers: INSERT, UPDATE, DELETE
	Conflated uint64           // row changes that readers who were behind, or asked for a rate, were not told one by one
	Resumed   uint64           // readers that came with a position and were told the difference
	Reset     uint64           // those that could not be
	Snapshots histogram.Counts // how long readers' snapshots took, from Subscribe to the last row handed out

	UndoChanges int   // row changes that the undo log holds
	UndoBytes   int   // and what they take
	UndoFrom    int64 // wall clock of the oldest time that can be resumed from, Unix microseconds; 0: none
}

// Count returns the number of rows now.
func (f *Feed) Count() int {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.table.Rows()
}

// Status returns the feed's state now.
func (f *Feed) Status() Status {
	f.mu.RLock()
	defer f.mu.RUnlock()
	s := Status{
		State: f.state, Error: f.reason, Ready: f.ready,
		Rows: f.table.Rows(), Subscribers: int(f.readers.Load()), Views: len(f.views), Frontier: f.table.Head().Frontier,
		LastChange: f.newest.Load(),
		Inserts:    f.counts[Insert].Load(), Updates: f.counts[Update].Load(), Deletes: f.counts[Delete].Load(),
	}
	f.count(&s)
	return s
}

// count fills in what is counted. It holds mu for reading.
func (f *Feed) count(s *Status) {
	s.Indexed = f.index.Indexed()
	s.Evaluations = f.index.Evaluations() + f.evaluations.Load()
	for i := range s.Sent {
		s.Sent[i] = f.sent[i+1].Load()
	}
	s.Conflated = f.conflated.Load()
	s.Resumed, s.Reset = f.resumes.Load(), f.resets.Load()
	s.Snapshots = f.snapshots.Counts()
	s.UndoChanges, s.UndoBytes, s.UndoFrom = f.undo.Changes(), f.undo.Bytes(), f.undo.Wall()
}

func (f *Feed) stateNow() State {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.state
}
