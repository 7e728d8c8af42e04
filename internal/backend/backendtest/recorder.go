package backendtest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
)

// Recorder is a sink that keeps the rows it is given, remembers what each
// upstream time did to them, and refuses whatever the contract of
// [source.Sink] forbids. A Recorder can take several streams one after the
// other, as a feed does. It is safe for concurrent use.
type Recorder struct {
	Def *source.Definition

	mu       sync.Mutex // guards everything below
	changed  chan struct{}
	schema   *relation.Schema
	rel      *source.Relation
	opened   bool // Open was called in this stream
	past     bool // Past was called in this stream, Live was not
	offered  bool // this stream was given a position to go on from
	isLive   bool
	staged   []relation.Row
	rows     map[string]relation.Row
	frontier relation.Frontier
	history  []Step
	failed   error
	refuse   error
	forgot   bool
	lives    int
	resumes  int
}

// Step is what one upstream time, or one snapshot, did.
type Step struct {
	Time     uint64
	Snapshot bool
	Changes  []relation.Change       // as handed over; nil of a snapshot
	Rows     map[string]relation.Row // all rows after it
}

// NewRecorder returns a recorder without rows.
func NewRecorder(def *source.Definition) *Recorder {
	return &Recorder{Def: def, changed: make(chan struct{}), rows: map[string]relation.Row{}}
}

// Target returns the recorder as a target that goes on from where it stopped.
func (r *Recorder) Target() source.Target {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opened, r.past, r.isLive, r.staged, r.failed = false, false, false, nil, nil
	t := source.Target{Def: r.Def, Sink: r}
	if r.offered = r.lives > 0 && !r.forgot; r.offered {
		t.Resume = source.Position{Identity: r.rel.Identity, Frontier: r.frontier}
	}
	return t
}

// Forget makes the next Target take a snapshot.
func (r *Recorder) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forgot = true
}

// Refuse makes Live return err.
func (r *Recorder) Refuse(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse = err
}

// next returns a channel that is closed when something happens.
func (r *Recorder) next() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed
}

func (r *Recorder) notifyLocked() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// Open implements source.Sink.
func (r *Recorder) Open(rel *source.Relation) (*relation.Schema, []int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.notifyLocked()
	if r.opened {
		return nil, nil, errors.New("open twice in one stream")
	}
	if rel.Identity == "" || rel.Name == "" {
		return nil, nil, fmt.Errorf("relation without identity or name: %+v", rel)
	}
	schema, layout, _, err := r.Def.Resolve(rel)
	if err != nil {
		return nil, nil, err
	}
	r.schema, r.rel, r.opened = schema, rel, true
	return schema, layout, nil
}

// Snapshot implements source.Sink.
func (r *Recorder) Snapshot(rows []relation.Row) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.opened || r.isLive || r.past {
		return errors.New("snapshot before open or after live")
	}
	r.staged = append(r.staged, rows...)
	return nil
}

// Live implements source.Sink.
func (r *Recorder) Live(f relation.Frontier, resumed bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.notifyLocked()
	if !r.opened || r.isLive {
		return errors.New("live before open or twice")
	}
	if r.refuse != nil {
		return r.refuse
	}
	r.isLive, r.forgot = true, false
	r.lives++
	if resumed {
		if len(r.staged) > 0 || f != r.frontier {
			return fmt.Errorf("resumed at %v with %d staged rows, stopped at %v", f, len(r.staged), r.frontier)
		}
		r.resumes++
		return nil
	}
	if r.past {
		if len(r.staged) > 0 || f != r.frontier {
			return fmt.Errorf("live at %v, caught up to %v", f, r.frontier)
		}
		r.past = false
		return nil
	}
	return r.commitLocked(f)
}

// Past implements source.HistorySink.
func (r *Recorder) Past(f relation.Frontier) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.notifyLocked()
	if !r.opened || r.isLive || r.past {
		return errors.New("past before open, after live or twice")
	}
	r.past = true
	return r.commitLocked(f)
}

// commitLocked makes the staged rows all there are.
func (r *Recorder) commitLocked(f relation.Frontier) error {
	rows := make(map[string]relation.Row, len(r.staged))
	for _, row := range r.staged {
		key, err := r.keyLocked(row)
		if err != nil {
			return err
		}
		if _, twice := rows[key]; twice {
			return notUnique(key)
		}
		rows[key] = row
	}
	r.rows, r.staged, r.frontier = rows, nil, f
	r.history = append(r.history, Step{Time: f.Time, Snapshot: true, Rows: maps.Clone(rows)})
	return nil
}

func notUnique(key string) error {
	return &source.Error{Class: source.Slow, Text: fmt.Sprintf("primary_key is not unique: key %q", key)}
}

// Apply implements source.Sink.
func (r *Recorder) Apply(batches []relation.Batch, f relation.Frontier) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.notifyLocked()
	if !r.isLive && !r.past && (!r.offered || len(r.staged) > 0) {
		return errors.New("apply before live")
	}
	last := r.frontier.Time
	for _, b := range batches {
		if b.Time <= last || b.Time > f.Time {
			return fmt.Errorf("time %d after %d, frontier %d", b.Time, last, f.Time)
		}
		last = b.Time
		for i := range b.Changes {
			if err := r.changeLocked(&b.Changes[i]); err != nil {
				return err
			}
		}
		r.history = append(r.history, Step{Time: b.Time, Changes: b.Changes, Rows: maps.Clone(r.rows)})
	}
	if f.Time < r.frontier.Time {
		return fmt.Errorf("frontier went back from %d to %d", r.frontier.Time, f.Time)
	}
	r.frontier = f
	return nil
}

func (r *Recorder) keyLocked(row relation.Row) (string, error) {
	if row.Len() != len(r.schema.Columns) {
		return "", fmt.Errorf("row of %d cells, schema of %d columns", row.Len(), len(r.schema.Columns))
	}
	return string(r.schema.AppendKey(nil, row)), nil
}

// changeLocked applies a change and checks what it claims.
func (r *Recorder) changeLocked(c *relation.Change) error {
	row := c.New
	if row == "" {
		row = c.Old
	}
	key, err := r.keyLocked(row)
	if err != nil {
		return err
	}
	old, live := r.rows[key]
	switch c.Op {
	case relation.Insert:
		if live {
			return notUnique(key)
		}
	case relation.Update, relation.Delete:
		if !live || old != c.Old {
			return notUnique(key)
		}
	case relation.Put, relation.Remove:
	default:
		return errors.New("change without an operation")
	}
	if c.Op == relation.Delete || c.Op == relation.Remove {
		delete(r.rows, key)
	} else {
		r.rows[key] = row
	}
	return nil
}

// Fail implements source.Sink.
func (r *Recorder) Fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.notifyLocked()
	r.failed = err
}

// Failed returns what Fail was given in this stream.
func (r *Recorder) Failed() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

// liveNow reports whether this stream is live.
func (r *Recorder) liveNow() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.isLive
}

// Counts returns how often the recorder went live, and how often of these by
// going on from its position.
func (r *Recorder) Counts() (lives, resumes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lives, r.resumes
}

// Frontier returns how far the rows have come.
func (r *Recorder) Frontier() relation.Frontier {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.frontier
}

// History returns what happened so far.
func (r *Recorder) History() []Step {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.history)
}

// Schema returns the schema and relation of the last Open.
func (r *Recorder) Schema() (*relation.Schema, *source.Relation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.schema, r.rel
}

// Lines returns the rows as sorted lines "cell|cell", NULL as "-".
func (r *Recorder) Lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return lines(r.rows)
}

func lines(rows map[string]relation.Row) []string {
	out := []string{}
	for _, row := range rows {
		out = append(out, Line(row))
	}
	slices.Sort(out)
	return out
}

// Line prints a row as "cell|cell", NULL as "-".
func Line(row relation.Row) string {
	var cells []string
	for i := range row.Len() {
		text, ok := row.Cell(i)
		if !ok {
			text = "-"
		}
		cells = append(cells, text)
	}
	return strings.Join(cells, "|")
}

// patience bounds every wait of a test.
const patience = time.Minute

// Wait returns once cond holds; it is asked again whenever something happens
// to the recorder. When patience is over the test fails.
func (r *Recorder) Wait(tb testing.TB, what string, cond func() bool) {
	tb.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		changed := r.next()
		if cond() {
			return
		}
		select {
		case <-changed:
		case <-deadline.C:
			tb.Fatalf("waited in vain for %s; rows: %q", what, r.Lines())
		}
	}
}
