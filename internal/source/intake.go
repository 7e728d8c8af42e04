package source

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/table"
)

// intake is one source's sink: it checks what a backend delivers, passes it to
// the feed, and knows how the source is doing.
type intake struct {
	def *Definition
	set *Settings
	log *slog.Logger

	mu       sync.Mutex // guards all below, and is held while the feed's writer methods run
	feed     Feed       // nil until the schema is known
	position Position   // where the feed's rows stand, if a stream can go on from there
	epoch    epoch
	st       Stats

	// of the stream that runs
	identity string
	checks   []check
	staged   int  // rows of the snapshot so far
	past     bool // Past was called
	joined   bool // Live was called
	failed   bool // Fail was called

	life     time.Time   // the last call of Live or Apply
	home     time.Time   // the last call of Live
	stale    *time.Timer // turns LIVE into STALE; nil when not away
	why      string      // upstream is away
	rows     int         // after the last snapshot, as far as changes tell
	warned   []string    // logged already
	failedAt time.Time   // of Fail
	rejoins  int
	repeats  repeats
	plain    bool // the past is not asked for again
	old      bool // the feed's rows are of the past: nobody may see them
}

// check is what rows are checked for, beside a NULL in the key.
type check struct {
	column int // a key column declared Integer over something wider
	name   string
}

func newIntake(src *Source, backend string, set *Settings) *intake {
	return &intake{
		def: src.Def, set: set, feed: src.Feed,
		log: set.Log.With("source", src.Def.Name),
		st:  Stats{Source: src.Def.Name, Backend: backend},
	}
}

// known reports whether the schema is.
func (in *intake) known() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.feed != nil
}

// demand is the feed's.
func (in *intake) demand() (int, <-chan struct{}) {
	in.mu.Lock()
	f := in.feed
	in.mu.Unlock()
	return f.Demand()
}

// begin returns the target of a new stream.
func (in *intake) begin() Target {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.joined, in.past, in.failed, in.staged, in.identity = false, false, false, 0, ""
	in.st.Connects++
	t := Target{Def: in.def, Resume: in.position, Sink: in}
	if in.st.Lives == 0 && !in.plain {
		t.History = in.set.History
	}
	return t
}

// Open implements Sink.
func (in *intake) Open(rel *Relation) (*relation.Schema, []int, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	var layout []int
	var warnings []string
	var err error
	if in.feed == nil {
		var schema *relation.Schema
		if schema, layout, warnings, err = in.def.Resolve(rel); err != nil {
			return nil, nil, err
		}
		if in.feed, err = in.set.OnSchema(in.def, schema); err != nil {
			in.feed = nil
			return nil, nil, err
		}
		in.feed.SetState(in.st.State, in.st.Reason)
	} else if layout, warnings, err = in.def.Fit(in.feed.Schema(), rel); err != nil {
		return nil, nil, err
	}
	for _, w := range warnings {
		if !slices.Contains(in.warned, w) {
			in.warned = append(in.warned, w)
			in.log.Warn("schema.yaml and the database differ", "what", w)
		}
	}
	schema := in.feed.Schema()
	in.identity, in.checks = rel.Identity, nil
	for _, k := range schema.Key {
		if c := &schema.Columns[k]; c.Kind == relation.Integer && rel.Columns[layout[k]].Kind != relation.Integer {
			in.checks = append(in.checks, check{k, c.Name})
		}
	}
	return schema, layout, nil
}

// fits reports what Open would say, without opening.
func (in *intake) fits(rel *Relation) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.feed == nil {
		_, _, _, err := in.def.Resolve(rel)
		return err
	}
	_, _, err := in.def.Fit(in.feed.Schema(), rel)
	return err
}

// Snapshot implements Sink.
func (in *intake) Snapshot(rows []relation.Row) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, r := range rows {
		if err := in.checkRow(r); err != nil {
			return err
		}
	}
	in.staged += len(rows)
	if err := in.checkCount(in.staged); err != nil {
		return err
	}
	return in.feed.Load(rows)
}

// Live implements Sink.
func (in *intake) Live(f relation.Frontier, resumed bool) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	switch {
	case resumed:
		in.st.Resumes++
	case in.past:
		in.st.Snapshots++
	default:
		if err := in.commitLocked(f); err != nil {
			return err
		}
		in.st.Snapshots++
	}
	in.log.Info("source is live", "resumed", resumed, "rows", in.rows, "time", f.Time)
	in.joined, in.old = true, false
	if in.st.Lives++; in.st.Lives > 1 {
		in.st.Reconnects++
	}
	in.home = time.Now()
	in.repeats.reset()
	in.advanceLocked(f)
	in.homeLocked()
	in.setStateLocked(feed.Live, "")
	return nil
}

// Past implements HistorySink. The source is STARTING until Live: then
// nobody is told of rows, though they are there.
func (in *intake) Past(f relation.Frontier) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.old = true
	in.setStateLocked(feed.Starting, "")
	if err := in.commitLocked(f); err != nil {
		return err
	}
	in.log.Info("source begins in the past", "rows", in.rows, "time", f.Time)
	in.past = true
	in.advanceLocked(f)
	return nil
}

// commitLocked makes the staged rows the feed's.
func (in *intake) commitLocked(f relation.Frontier) error {
	in.feed.SetEpoch(in.epoch.begin(in.identity, f.Time))
	if err := in.feed.Commit(f); err != nil {
		return in.refusedLocked(err)
	}
	in.rows = in.staged
	return nil
}

// Apply implements Sink.
func (in *intake) Apply(batches []relation.Batch, f relation.Frontier) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	changes := 0
	for i := range batches {
		for j := range batches[i].Changes {
			c := &batches[i].Changes[j]
			if c.New != "" {
				if err := in.checkRow(c.New); err != nil {
					return in.refusedLocked(err)
				}
			}
			in.rows += growth(c.Op)
		}
		changes += len(batches[i].Changes)
	}
	if err := in.feed.Apply(batches, f); err != nil {
		return in.refusedLocked(err)
	}
	in.st.Batches += uint64(len(batches))
	in.st.Changes += uint64(changes)
	in.advanceLocked(f)
	if changes > 0 && in.def.MaxRows > 0 {
		if s, ok := in.feed.(interface{ Count() int }); ok {
			in.rows = s.Count()
		}
		if err := in.checkCount(in.rows); err != nil {
			return in.refusedLocked(err)
		}
	}
	return nil
}

// growth is how many rows more there are after a change that claims exactly.
func growth(op relation.Op) int {
	switch op {
	case relation.Insert:
		return 1
	case relation.Delete:
		return -1
	case relation.Update, relation.Put, relation.Remove:
	}
	return 0
}

// Fail implements Sink.
func (in *intake) Fail(err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.feedAbortLocked()
	if in.joined && time.Since(in.home) > 10*in.set.SlowRetry {
		in.rejoins = 0 // it did well for long
	}
	in.failed, in.joined, in.failedAt = true, false, time.Now()
	in.position = Position{}
	in.noteLocked(err)
	in.homeLocked()
	in.setStateLocked(feed.Failed, textOf(err))
	in.log.Warn("source failed", "error", err)
}

// refusedLocked makes an error of whatever the feed or a check does not
// accept. The rows are in doubt then, so the position is forgotten.
func (in *intake) refusedLocked(err error) error {
	in.position = Position{}
	if claim, ok := errors.AsType[*table.ClaimError](err); ok {
		return &Error{
			Class: Slow, Err: err,
			Text: fmt.Sprintf("primary_key is not unique: key %q: %s; declare a key that is, or correct the view", claim.Key, claim.Text),
		}
	}
	return err
}

func (in *intake) checkRow(r relation.Row) error {
	schema := in.feed.Schema()
	if k := schema.NullKey(r); k >= 0 {
		return &Error{Class: Slow, Text: fmt.Sprintf("key column %q holds a null: declare another primary_key, or leave such rows out of the view", schema.Columns[k].Name)}
	}
	for _, c := range in.checks {
		if _, err := strconv.ParseInt(r.Text(c.column), 10, 32); err != nil {
			return &Error{Class: Slow, Text: fmt.Sprintf("key column %q holds %s, which is no 32-bit integer: declare it BigInt", c.name, clip(r.Text(c.column)))}
		}
	}
	return nil
}

func clip(text string) string {
	if len(text) > 40 {
		text = text[:40] + "…"
	}
	return text
}

func (in *intake) checkCount(rows int) error {
	if in.def.MaxRows <= 0 || rows <= in.def.MaxRows {
		return nil
	}
	return &Error{
		Class: Slow,
		Text:  fmt.Sprintf("more than max_rows (%d) rows: raise max_rows, or narrow the source with `query`", in.def.MaxRows),
	}
}

// advanceLocked notes how far the feed has come.
func (in *intake) advanceLocked(f relation.Frontier) {
	in.life = time.Now()
	in.epoch.time = f.Time
	in.st.Frontier = f
	in.position = Position{Identity: in.identity, Frontier: f}
	if f.Time == ^uint64(0) { // the end of time: nothing can follow it
		in.position = Position{}
	}
}
