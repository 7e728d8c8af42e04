package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tycostream/tycostream/internal/backend/postgres"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
	"github.com/tycostream/tycostream/internal/testpg"
)

var pool testpg.Pool

func TestMain(m *testing.M) {
	code := pool.Run(m)
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

const patience = time.Minute

// recorder is a sink that keeps rows and checks the order of calls.
type recorder struct {
	def *source.Definition

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced at every call
	schema   *relation.Schema
	rel      *source.Relation
	staged   map[string]relation.Row
	rows     map[string]relation.Row
	live     bool
	opened   int
	snaps    int // snapshots completed
	resumes  int
	applied  []relation.Batch
	frontier relation.Frontier
	failures []error
	broken   []string // breaches of the contract
	reject   error    // what Apply returns
	openErr  error
}

// asking is a recorder that can be asked for its rows.
type asking struct{ *recorder }

func newRecorder(def *source.Definition) *recorder {
	return &recorder{def: def, changed: make(chan struct{}), rows: map[string]relation.Row{}}
}

func (r *recorder) lock() func() {
	r.mu.Lock()
	return func() {
		close(r.changed)
		r.changed = make(chan struct{})
		r.mu.Unlock()
	}
}

func (r *recorder) breach(format string, args ...any) {
	r.broken = append(r.broken, fmt.Sprintf(format, args...))
}

func (r *recorder) Open(rel *source.Relation) (*relation.Schema, []int, error) {
	defer r.lock()()
	if r.openErr != nil {
		return nil, nil, r.openErr
	}
	schema, layout, _, err := r.def.Resolve(rel)
	if err != nil {
		return nil, nil, err
	}
	r.schema, r.rel, r.live, r.staged = schema, rel, false, map[string]relation.Row{}
	r.opened++
	return schema, layout, nil
}

func (r *recorder) key(row relation.Row) string { return string(r.schema.AppendKey(nil, row)) }

func (r *recorder) Snapshot(rows []relation.Row) error {
	defer r.lock()()
	if r.live {
		r.breach("snapshot rows after Live")
	}
	for _, row := range rows {
		if _, ok := r.staged[r.key(row)]; ok {
			r.breach("key %s twice in a snapshot", r.key(row))
		}
		r.staged[r.key(row)] = row
	}
	return nil
}

func (r *recorder) Live(f relation.Frontier, resumed bool) error {
	defer r.lock()()
	if r.live {
		r.breach("Live twice")
	}
	if f.Time < r.frontier.Time {
		r.breach("frontier goes back from %d to %d", r.frontier.Time, f.Time)
	}
	if resumed {
		r.resumes++
		if f != r.frontier {
			r.breach("resumed at %v, stood at %v", f, r.frontier)
		}
	} else {
		r.rows = r.staged
		r.snaps++
	}
	r.live, r.frontier = true, f
	return nil
}

func (r *recorder) Apply(batches []relation.Batch, f relation.Frontier) error {
	defer r.lock()()
	if !r.live {
		r.breach("Apply before Live")
	}
	if r.reject != nil {
		return r.reject
	}
	last := r.frontier.Time
	for _, b := range batches {
		if b.Time <= last {
			r.breach("time %d after %d", b.Time, last)
		}
		last = b.Time
		if b.Wall < time.Now().Add(-time.Hour).UnixMicro() || b.Wall > time.Now().Add(time.Hour).UnixMicro() {
			r.breach("wall clock %d", b.Wall)
		}
		seen := map[string]bool{}
		for _, c := range b.Changes {
			row := c.New
			if c.Op == relation.Remove {
				row = c.Old
			}
			k := r.key(row)
			if seen[k] {
				r.breach("key %s twice at one time", k)
			}
			seen[k] = true
			if c.Op == relation.Remove {
				delete(r.rows, k)
			} else {
				r.rows[k] = row
			}
		}
	}
	if f.Time < last || f.Wall < r.frontier.Wall {
		r.breach("frontier %v behind %v or time %d", f, r.frontier, last)
	}
	r.applied = append(r.applied, batches...)
	r.frontier = f
	return nil
}

func (r *recorder) Fail(err error) {
	defer r.lock()()
	if _, ok := errors.AsType[*source.Error](err); !ok {
		r.breach("failure of type %T", err)
	}
	r.failures = append(r.failures, err)
	r.live = false
}

func (a asking) Current(key relation.Row) (relation.Row, bool) {
	defer a.lock()()
	row, ok := a.rows[a.key(key)]
	return row, ok
}

func (a asking) All() iter.Seq[relation.Row] {
	defer a.lock()()
	return slices.Values(slices.Collect(maps.Values(a.rows)))
}

// dump prints the rows, one a line, sorted.
func (r *recorder) dump() string {
	lines := make([]string, 0, len(r.rows))
	for _, row := range r.rows {
		lines = append(lines, line(row))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func line(row relation.Row) string {
	cells := make([]string, row.Len())
	for i := range cells {
		cells[i] = "∅"
		if text, ok := row.Cell(i); ok {
			cells[i] = text
		}
	}
	return strings.Join(cells, "|")
}

// until waits for ok, which is called with the recorder locked.
func (r *recorder) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		r.mu.Lock()
		broken := strings.Join(r.broken, "; ")
		done, changed := ok(), r.changed
		r.mu.Unlock()
		if broken != "" {
			t.Fatalf("the contract is broken: %s", broken)
		}
		if done {
			return
		}
		select {
		case <-changed:
		case <-timer.C:
			r.mu.Lock()
			defer r.mu.Unlock()
			t.Fatalf("waited in vain for %s; failures %v, frontier %v, rows:\n%.2000s", what, r.failures, r.frontier, r.dump())
		}
	}
}

func (r *recorder) rowsBecome(t *testing.T, want ...string) {
	t.Helper()
	slices.Sort(want)
	text := strings.Join(want, "\n")
	r.until(t, "the rows\n"+text, func() bool { return r.live && r.dump() == text })
}

func (r *recorder) fails(t *testing.T, class source.Class, parts ...string) {
	t.Helper()
	r.until(t, "a failure", func() bool { return len(r.failures) > 0 })
	r.mu.Lock()
	defer r.mu.Unlock()
	wantError(t, r.failures[len(r.failures)-1], class, parts...)
}

func wantError(t *testing.T, err error, class source.Class, parts ...string) {
	t.Helper()
	e, ok := errors.AsType[*source.Error](err)
	if !ok {
		t.Fatalf("error %v of type %T", err, err)
	}
	if e.Class != class {
		t.Fatalf("class %d instead of %d: %v", e.Class, class, err)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Fatalf("error %q lacks %q", err, p)
		}
	}
}

// running is a Follow in the background.
type running struct {
	cancel context.CancelFunc
	done   chan struct{}
	err    error
}

var errStopped = errors.New("stopped by the test")

func follow(tb testing.TB, b source.Backend, targets ...source.Target) *running {
	tb.Helper()
	ctx, cancel := context.WithCancelCause(tb.Context())
	r := &running{cancel: func() { cancel(errStopped) }, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.err = b.Follow(ctx, targets)
	}()
	tb.Cleanup(func() {
		r.cancel()
		<-r.done
	})
	return r
}

// end waits for the Follow to end by itself.
func (r *running) end(t *testing.T) error {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-r.done:
		return r.err
	case <-timer.C:
		t.Fatal("Follow does not end")
		return nil
	}
}

func (r *running) stop(t *testing.T) {
	t.Helper()
	r.cancel()
	if err := r.end(t); !errors.Is(err, errStopped) {
		t.Fatalf("Follow returned %v", err)
	}
}

// supervise calls Follow again and again, as the supervisor does, until the
// test ends.
func supervise(t *testing.T, b source.Backend, sinks ...*recorder) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		resume := true
		for ctx.Err() == nil {
			var targets []source.Target
			for _, r := range sinks {
				r.mu.Lock()
				tg := source.Target{Def: r.def, Sink: asking{r}}
				if resume && r.rel != nil && r.snaps > 0 {
					tg.Resume = source.Position{Identity: r.rel.Identity, Frontier: r.frontier}
				}
				r.mu.Unlock()
				targets = append(targets, tg)
			}
			err := b.Follow(ctx, targets)
			e, ok := errors.AsType[*source.Error](err)
			resume = !ok || e.Class != source.Compacted
			pause(ctx, 50*time.Millisecond)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func backend(t *testing.T, o postgres.Options) *postgres.Backend {
	t.Helper()
	if o.Poll == 0 {
		o.Poll = 100 * time.Millisecond
	}
	if o.Heartbeat == 0 {
		o.Heartbeat = 100 * time.Millisecond
	}
	b, err := postgres.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func definition(relation string, key ...string) *source.Definition {
	return &source.Definition{Name: relation, Relation: relation, Key: key}
}

func targetOf(r *recorder) source.Target { return source.Target{Def: r.def, Sink: r} }
