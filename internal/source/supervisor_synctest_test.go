package source_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
)

// backend is a fake: each Follow runs the next step.
type backend struct {
	shared   bool
	describe func(def *source.Definition) (*source.Relation, error)

	mu    sync.Mutex
	steps []step
	calls []call
}

type step func(ctx context.Context, targets []source.Target) error

// call is a Follow as it was asked for.
type call struct {
	at     time.Duration // since the bubble's start
	names  []string
	resume []source.Position
}

var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func (*backend) Name() string   { return "fake" }
func (b *backend) Shared() bool { return b.shared }

func (b *backend) Describe(_ context.Context, def *source.Definition) (*source.Relation, error) {
	return b.describe(def)
}

func (b *backend) Follow(ctx context.Context, targets []source.Target) error {
	c := call{at: time.Since(epoch)}
	for _, t := range targets {
		c.names = append(c.names, t.Def.Name)
		c.resume = append(c.resume, t.Resume)
	}
	b.mu.Lock()
	next := step(hold)
	if n := len(b.calls); n < len(b.steps) {
		next = b.steps[n]
	}
	b.calls = append(b.calls, c)
	b.mu.Unlock()
	return next(ctx, targets)
}

func (b *backend) followed() []call {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.calls)
}

func hold(ctx context.Context, _ []source.Target) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// rel is relation v(id integer, name text).
func rel(identity string) *source.Relation {
	return &source.Relation{Identity: identity, Name: "db.public.v", Type: "view", Columns: []source.CatalogColumn{
		{Name: "id", SQLType: "integer", Kind: relation.Integer},
		{Name: "name", SQLType: "text", Kind: relation.String},
	}}
}

func at(t uint64) relation.Frontier { return relation.Frontier{Time: t, Wall: int64(t) * 1000} } //nolint:gosec // small

func row(id int, name string) relation.Row { return relation.Texts(fmt.Sprint(id), name) }

// snapshot opens the relation and makes rows "name0", "name1", ... live.
func snapshot(sink source.Sink, identity string, t uint64, rows ...relation.Row) error {
	if _, _, err := sink.Open(rel(identity)); err != nil {
		return err
	}
	if err := sink.Snapshot(rows); err != nil {
		return err
	}
	return sink.Live(at(t), false)
}

func lost() error {
	return &source.Error{Class: source.Retry, Text: "the connection was lost", Err: errors.New("EOF from 10.0.0.1")}
}

// following makes rows live and holds.
func following(t uint64, rows ...relation.Row) step {
	return func(ctx context.Context, targets []source.Target) error {
		if err := snapshot(targets[0].Sink, "i1", t, rows...); err != nil {
			return err
		}
		return hold(ctx, targets)
	}
}

func failing(err error) step {
	return func(context.Context, []source.Target) error { return err }
}

// watched is a real feed that remembers its states, with a demand of the
// test's own.
type watched struct {
	*feed.Feed
	mu      sync.Mutex
	states  []string
	epochs  []string
	readers int
	changed chan struct{}
}

func watch(t *testing.T, schema *relation.Schema) *watched {
	w := &watched{Feed: feed.New(schema, feed.Config{}), changed: make(chan struct{})}
	t.Cleanup(w.Close)
	return w
}

func (w *watched) SetState(s feed.State, reason string) {
	w.mu.Lock()
	w.states = append(w.states, strings.TrimSpace(fmt.Sprintf("%v %v %s", time.Since(epoch).Round(100*time.Millisecond), s, reason)))
	w.mu.Unlock()
	w.Feed.SetState(s, reason)
}

func (w *watched) SetEpoch(identity string) {
	w.mu.Lock()
	w.epochs = append(w.epochs, identity)
	w.mu.Unlock()
	w.Feed.SetEpoch(identity)
}

func (w *watched) Demand() (int, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.readers, w.changed
}

func (w *watched) read(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.readers = n
	close(w.changed)
	w.changed = make(chan struct{})
}

// lines returns the rows, sorted.
func (w *watched) lines(t *testing.T) []string {
	t.Helper()
	res, err := w.Rows(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range res.Rows {
		out = append(out, r.Text(0)+"|"+r.Text(1))
	}
	slices.Sort(out)
	return out
}

func definition() *source.Definition {
	return &source.Definition{Name: "v", Key: []string{"id"}, Columns: []source.ColumnDefinition{
		{Name: "id", Field: "id", Kind: relation.Integer}, {Name: "name", Field: "name"},
	}}
}

// bubble is a supervisor of one declared source in simulated time.
type bubble struct {
	t    *testing.T
	b    *backend
	f    *watched
	s    *source.Supervisor
	log  *bytes.Buffer
	stop func()
}

func run(t *testing.T, def *source.Definition, set source.Settings, steps ...step) *bubble {
	t.Helper()
	u := &bubble{t: t, b: &backend{steps: steps}, log: &bytes.Buffer{}}
	schema, declared := def.Declared()
	var f source.Feed
	if declared {
		u.f = watch(t, schema)
		f = u.f
	}
	set.Log = slog.New(slog.NewTextHandler(u.log, nil))
	u.s = source.NewSupervisor(u.b, []source.Source{{Def: def, Feed: f}}, set)
	u.start()
	return u
}

func (u *bubble) start() {
	ctx, cancel := context.WithCancel(u.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		u.s.Run(ctx)
	}()
	u.stop = func() {
		cancel()
		<-done
	}
	synctest.Wait()
}

func (u *bubble) states() []string {
	u.f.mu.Lock()
	defer u.f.mu.Unlock()
	return slices.Clone(u.f.states)
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestSupervisorLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := run(t, definition(), source.Settings{}, func(ctx context.Context, targets []source.Target) error {
			sink := targets[0].Sink
			if err := snapshot(sink, "i1", 10, row(1, "a"), row(2, "b")); err != nil {
				return err
			}
			err := sink.Apply([]relation.Batch{
				{Time: 11, Changes: []relation.Change{{Op: relation.Update, Old: row(1, "a"), New: row(1, "A")}}},
				{Time: 12, Changes: []relation.Change{{Op: relation.Delete, Old: row(2, "b")}, {Op: relation.Insert, New: row(3, "c")}}},
			}, at(15))
			if err != nil {
				return err
			}
			return hold(ctx, targets)
		})
		equal(t, "rows", u.f.lines(t), []string{"1|A", "3|c"})
		equal(t, "states", u.states(), []string{"0s LIVE"})
		equal(t, "epochs", u.f.epochs, []string{"i1"})
		s := u.s.Stats()[0]
		if s.Source != "v" || s.Backend != "fake" || !s.Connected || !s.Known || s.State != feed.Live ||
			s.Snapshots != 1 || s.Lives != 1 || s.Reconnects != 0 || s.Batches != 2 || s.Changes != 3 || s.Frontier != at(15) {
			t.Errorf("stats %+v", s)
		}
		u.stop()
		if s := u.s.Stats()[0]; s.Connected || s.Errors != 0 {
			t.Errorf("stats after the end: %+v", s)
		}
	})
}

// TestSupervisorReconnects loses the connection, is STALE after a while, goes
// on from its position, finds the history gone, and passes on the difference.
func TestSupervisorReconnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := time.Now().Add(time.Minute)
		steps := []step{
			func(_ context.Context, targets []source.Target) error {
				if err := snapshot(targets[0].Sink, "i1", 10, row(1, "a"), row(2, "b")); err != nil {
					return err
				}
				time.Sleep(2 * time.Second)
				return lost()
			},
		}
		for range 8 {
			steps = append(steps, failing(lost()))
		}
		steps = append(steps,
			func(_ context.Context, targets []source.Target) error {
				sink := targets[0].Sink
				if _, _, err := sink.Open(rel("i1")); err != nil {
					return err
				}
				if err := sink.Live(at(10), true); err != nil {
					return err
				}
				if err := sink.Apply([]relation.Batch{{Time: 20, Changes: []relation.Change{{Op: relation.Insert, New: row(3, "c")}}}}, at(25)); err != nil {
					return err
				}
				time.Sleep(5 * time.Second)
				return lost()
			},
			failing(&source.Error{Class: source.Compacted, Text: "history is gone"}),
			following(90, row(1, "a"), row(3, "d")),
		)
		u := run(t, definition(), source.Settings{}, steps...)
		time.Sleep(time.Until(away))
		synctest.Wait()
		calls := u.b.followed()
		if len(calls) != 12 {
			t.Fatalf("%d calls", len(calls))
		}
		for i := 1; i < 9; i++ { // the waits double, with jitter down to one half
			full := 100 * time.Millisecond << (i - 1)
			wait := calls[i].at - calls[i-1].at
			if i == 1 {
				wait -= 2 * time.Second
			}
			if wait < full/2 || wait > full+100*time.Millisecond {
				t.Errorf("wait %d: %v, want up to %v", i, wait, full)
			}
		}
		want := source.Position{Identity: "i1", Frontier: at(10)}
		if calls[9].resume[0] != want || calls[1].resume[0] != want {
			t.Errorf("resumed from %+v and %+v", calls[1].resume, calls[9].resume)
		}
		if r := calls[10].resume[0]; r.Frontier != at(25) {
			t.Errorf("resumed from %+v", r)
		}
		if r := calls[11].resume[0]; r != (source.Position{}) {
			t.Errorf("after compaction resumed from %+v", r)
		}
		equal(t, "rows", u.f.lines(t), []string{"1|a", "3|d"})
		states := u.states()
		if len(states) < 4 || states[0] != "0s LIVE" || states[1] != "12s STALE the connection was lost" ||
			!strings.HasSuffix(states[len(states)-1], "LIVE") {
			t.Errorf("states %q", states)
		}
		if st := u.f.Status(); st.Inserts != 3 || st.Updates != 1 || st.Deletes != 1 {
			t.Errorf("changes %+v: only differences may be passed on", st)
		}
		if s := u.s.Stats()[0]; s.Resumes != 1 || s.Snapshots != 2 || s.Reconnects != 2 || s.Errors != 11 {
			t.Errorf("stats %+v", s)
		}
		u.stop()
	})
}

// TestSupervisorFailed reports at once what somebody has to mend, retries
// slowly and comes up by itself.
func TestSupervisorFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		missing := &source.Error{Class: source.Slow, Text: "the relation does not exist (yet)"}
		var steps []step
		for range 9 {
			steps = append(steps, failing(missing))
		}
		u := run(t, definition(), source.Settings{}, append(steps, following(5, row(1, "a")))...)
		equal(t, "states", u.states(), []string{"0s FAILED the relation does not exist (yet)"})
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		calls := u.b.followed()
		if len(calls) != 10 {
			t.Fatalf("%d calls", len(calls))
		}
		if d := calls[1].at - calls[0].at; d < 500*time.Millisecond || d > time.Second {
			t.Errorf("first retry after %v", d)
		}
		if d := calls[9].at - calls[8].at; d < 15*time.Second || d > 30*time.Second {
			t.Errorf("last retry after %v", d)
		}
		if states := u.states(); !strings.HasSuffix(states[len(states)-1], "LIVE") {
			t.Errorf("states %q", states)
		}
		if n := strings.Count(u.log.String(), "source is disconnected"); n < 2 || n > 6 {
			t.Errorf("%d log lines for 9 equal errors in 3 minutes:\n%s", n, u.log)
		}
		u.stop()
	})
}

func TestSupervisorRefusals(t *testing.T) {
	wide := func(name string, kind relation.Kind) *source.Relation {
		r := rel("i1")
		r.Columns[0].Kind, r.Columns[0].SQLType = kind, name
		return r
	}
	open := func(r *source.Relation, rows []relation.Row, then func(source.Sink) error) step {
		return func(ctx context.Context, targets []source.Target) error {
			sink := targets[0].Sink
			if _, _, err := sink.Open(r); err != nil {
				return err
			}
			if err := sink.Snapshot(rows); err != nil {
				return err
			}
			if err := sink.Live(at(5), false); err != nil {
				return err
			}
			if then != nil {
				if err := then(sink); err != nil {
					return err
				}
			}
			return hold(ctx, targets)
		}
	}
	insert := func(r relation.Row) func(source.Sink) error {
		return func(s source.Sink) error {
			return s.Apply([]relation.Batch{{Time: 6, Changes: []relation.Change{{Op: relation.Insert, New: r}}}}, at(6))
		}
	}
	name := "x"
	nullKey := relation.Cells(nil, &name)
	tests := []struct {
		name string
		step step
		text string
	}{
		{"duplicate key in the snapshot", open(rel("i1"), []relation.Row{row(7, "a"), row(7, "b")}, nil), `primary_key is not unique: key "7"`},
		{"duplicate key later", open(rel("i1"), []relation.Row{row(7, "a")}, insert(row(7, "b"))), `primary_key is not unique: key "7"`},
		{"null key in the snapshot", open(rel("i1"), []relation.Row{nullKey}, nil), `key column "id" holds a null`},
		{"null key later", open(rel("i1"), nil, insert(nullKey)), `key column "id" holds a null`},
		{"key beyond 32 bits", open(wide("bigint", relation.BigInt), []relation.Row{relation.Texts("2147483648", "x")}, nil), `key column "id" holds 2147483648, which is no 32-bit integer: declare it BigInt`},
		{"key beyond 32 bits later", open(wide("bigint", relation.BigInt), nil, insert(relation.Texts("-2147483649", "x"))), "no 32-bit integer"},
		{"key with a fraction", open(wide("numeric", relation.Decimal), nil, insert(relation.Texts("1.5", "x"))), "no 32-bit integer"},
		{"too many rows", open(rel("i1"), []relation.Row{row(1, "a"), row(2, "b"), row(3, "c"), row(4, "d")}, nil), "more than max_rows (3) rows: raise max_rows"},
		{"too many rows later", open(rel("i1"), []relation.Row{row(1, "a"), row(2, "b"), row(3, "c")}, insert(row(4, "d"))), "more than max_rows (3) rows"},
		{"column gone", open(&source.Relation{Identity: "i1", Name: "v", Columns: rel("").Columns[:1]}, nil, nil), `column "name" does not exist in v`},
		{"column of another type", open(wide("text", relation.String), nil, nil), `column "id" is declared Integer but is text in the database`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				def := definition()
				def.MaxRows = 3
				u := run(t, def, source.Settings{}, tt.step)
				s := u.s.Stats()[0]
				if s.State != feed.Failed || !strings.Contains(s.Reason, tt.text) {
					t.Errorf("state %v, reason %q, want %q", s.State, s.Reason, tt.text)
				}
				time.Sleep(2 * time.Second)
				synctest.Wait()
				if calls := u.b.followed(); len(calls) != 2 || calls[1].resume[0] != (source.Position{}) {
					t.Errorf("then: %+v", calls)
				}
				u.stop()
			})
		})
	}
	t.Run("values within bounds", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			u := run(t, definition(), source.Settings{}, open(wide("bigint", relation.BigInt), []relation.Row{relation.Texts("2147483647", "x")}, nil))
			if s := u.s.Stats()[0]; s.State != feed.Live {
				t.Errorf("stats %+v", s)
			}
			if !strings.Contains(u.log.String(), "declared Integer but is bigint") {
				t.Errorf("no warning: %s", u.log)
			}
			u.stop()
		})
	})
}

func TestSupervisorUndeclared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f *watched
		def := &source.Definition{Name: "v", Key: []string{"id"}}
		set := source.Settings{OnSchema: func(d *source.Definition, s *relation.Schema) (source.Feed, error) {
			if f != nil || d != def {
				t.Error("OnSchema called twice, or for another source")
			}
			f = watch(t, s)
			return f, nil
		}}
		grown := func(ctx context.Context, targets []source.Target) error {
			r := rel("i2")
			slices.Reverse(r.Columns)
			r.Columns = append(r.Columns, source.CatalogColumn{Name: "more", SQLType: "text"})
			schema, layout, err := targets[0].Sink.Open(r)
			if err != nil {
				return err
			}
			if len(schema.Columns) != 2 || !slices.Equal(layout, []int{1, 0}) {
				t.Errorf("layout %v of %v", layout, schema)
			}
			if err := targets[0].Sink.Live(at(3), false); err != nil { // an empty snapshot
				return err
			}
			time.Sleep(time.Second)
			return lost()
		}
		shrunk := func(_ context.Context, targets []source.Target) error {
			_, _, err := targets[0].Sink.Open(&source.Relation{Identity: "i3", Name: "v", Columns: rel("").Columns[:1]})
			return err
		}
		live := func(_ context.Context, targets []source.Target) error {
			if err := snapshot(targets[0].Sink, "i1", 9, row(1, "a")); err != nil {
				return err
			}
			time.Sleep(time.Second)
			return lost()
		}
		u := run(t, def, set, failing(lost()), live, grown, shrunk)
		if s := u.s.Stats()[0]; s.Known || s.State != feed.Starting || s.Reason != "the connection was lost" {
			t.Errorf("before it is known: %+v", s)
		}
		time.Sleep(500 * time.Millisecond)
		synctest.Wait()
		if s := u.s.Stats()[0]; !s.Known || s.State != feed.Live {
			t.Fatalf("once known: %+v", s)
		}
		equal(t, "rows", f.lines(t), []string{"1|a"})
		time.Sleep(time.Second)
		synctest.Wait()
		equal(t, "rows of the new relation", f.lines(t), nil)
		equal(t, "epochs", f.epochs, []string{"i1", "i2"})
		time.Sleep(1200 * time.Millisecond)
		synctest.Wait()
		if s := u.s.Stats()[0]; s.State != feed.Failed || !strings.Contains(s.Reason, `column "name" does not exist`) {
			t.Errorf("after the column went: %+v", s)
		}
		u.stop()
	})
}

// TestSupervisorTimeGoesBack keeps cursors from before apart from those after.
func TestSupervisorTimeGoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		compacted := failing(&source.Error{Class: source.Compacted, Text: "gone"})
		once := func(at uint64) step {
			return func(_ context.Context, targets []source.Target) error {
				if err := snapshot(targets[0].Sink, "i1", at); err != nil {
					return err
				}
				return lost()
			}
		}
		u := run(t, definition(), source.Settings{}, once(100), compacted, once(200), compacted, once(50), compacted, following(60))
		time.Sleep(time.Minute)
		synctest.Wait()
		equal(t, "epochs", u.f.epochs, []string{"i1", "i1", "i1/1", "i1/1"})
		u.stop()
	})
}

func TestSupervisorLazy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		def := definition()
		def.Lazy, def.Linger = true, 5*time.Minute
		u := run(t, def, source.Settings{}, following(5, row(1, "a")), following(6, row(1, "b")))
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := len(u.b.followed()); n != 0 {
			t.Fatalf("%d connections without a reader", n)
		}
		u.f.read(1)
		synctest.Wait()
		equal(t, "states", u.states(), []string{"1h0m0s LIVE"})
		u.f.read(0)
		time.Sleep(4 * time.Minute)
		u.f.read(1) // back in time
		time.Sleep(time.Hour)
		u.f.read(0)
		time.Sleep(5*time.Minute + time.Second)
		synctest.Wait()
		equal(t, "states", u.states(), []string{"1h0m0s LIVE", "2h9m0s STARTING"})
		if s := u.s.Stats()[0]; s.Connected || s.Errors != 0 {
			t.Errorf("stats %+v", s)
		}
		u.f.read(2)
		synctest.Wait()
		calls := u.b.followed()
		if len(calls) != 2 || calls[1].resume[0].Frontier != at(5) {
			t.Errorf("calls %+v", calls)
		}
		equal(t, "rows", u.f.lines(t), []string{"1|b"})
		u.stop()
	})
}

func TestSupervisorLazyUndeclared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f *watched
		u := &bubble{t: t, b: &backend{steps: []step{following(5, row(1, "a"))}}}
		tries := 0
		u.b.describe = func(*source.Definition) (*source.Relation, error) {
			if tries++; tries < 3 {
				return nil, &source.Error{Class: source.Slow, Text: "the relation does not exist (yet)"}
			}
			return rel("i1"), nil
		}
		set := source.Settings{OnSchema: func(_ *source.Definition, s *relation.Schema) (source.Feed, error) {
			f = watch(t, s)
			return f, nil
		}}
		u.s = source.NewSupervisor(u.b, []source.Source{{Def: &source.Definition{Name: "v", Key: []string{"id"}, Lazy: true}}}, set)
		u.start()
		if s := u.s.Stats()[0]; s.State != feed.Failed || s.Known {
			t.Errorf("stats %+v", s)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if f == nil || len(u.b.followed()) != 0 {
			t.Fatal("the schema is not known, or the source was followed without a reader")
		}
		f.read(1)
		synctest.Wait()
		equal(t, "rows", f.lines(t), []string{"1|a"})
		u.stop()
	})
}

func TestSupervisorComplete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := ^uint64(0)
		finite := func(_ context.Context, targets []source.Target) error {
			if err := snapshot(targets[0].Sink, "i1", end, row(1, "a")); err != nil {
				return err
			}
			time.Sleep(time.Minute)
			return &source.Error{Class: source.Retry, Text: "complete", Err: source.ErrComplete}
		}
		u := run(t, definition(), source.Settings{}, finite, finite, finite)
		time.Sleep(150 * time.Second)
		synctest.Wait()
		calls := u.b.followed()
		if len(calls) != 3 || calls[2].resume[0] != (source.Position{}) {
			t.Errorf("calls %+v", calls)
		}
		equal(t, "states", u.states(), []string{"0s LIVE", "1m0s LIVE", "2m0s LIVE"})
		equal(t, "rows", u.f.lines(t), []string{"1|a"})
		u.stop()
	})
}

// TestSupervisorStall counts the silence before a stall was noticed.
func TestSupervisorStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := run(t, definition(), source.Settings{},
			func(_ context.Context, targets []source.Target) error {
				if err := snapshot(targets[0].Sink, "i1", 5); err != nil {
					return err
				}
				time.Sleep(30 * time.Second)
				return &source.Error{Class: source.Retry, Text: "silent", Err: source.ErrStalled}
			},
			hold,
		)
		time.Sleep(31 * time.Second)
		synctest.Wait()
		equal(t, "states", u.states(), []string{"0s LIVE", "30s STALE silent"})
		u.stop()
	})
}

// TestSupervisorMalformed keeps waiting longer when garbage repeats itself,
// although the stream is live each time.
func TestSupervisorMalformed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		garbage := func(_ context.Context, targets []source.Target) error {
			if err := snapshot(targets[0].Sink, "i1", 5, row(1, "a")); err != nil {
				return err
			}
			time.Sleep(2 * time.Second)
			return &source.Error{Class: source.Retry, Text: "garbage", Err: source.ErrMalformed}
		}
		var steps []step
		for range 100 {
			steps = append(steps, garbage)
		}
		u := run(t, definition(), source.Settings{}, steps...)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if n := len(u.b.followed()); n < 12 || n > 25 {
			t.Errorf("%d connections in 5 minutes", n)
		}
		if s := u.s.Stats()[0]; s.Malformed < 11 {
			t.Errorf("stats %+v", s)
		}
		equal(t, "rows", u.f.lines(t), []string{"1|a"})
		u.stop()
	})
}

func TestSupervisorStagger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{}
		var sources []source.Source
		for range 5 {
			def := definition()
			schema, _ := def.Declared()
			sources = append(sources, source.Source{Def: def, Feed: watch(t, schema)})
		}
		u := &bubble{t: t, b: b, s: source.NewSupervisor(b, sources, source.Settings{Stagger: time.Second})}
		u.start()
		time.Sleep(time.Minute)
		synctest.Wait()
		for i, c := range b.followed() {
			if want := time.Duration(i) * time.Second; c.at != want {
				t.Errorf("connection %d at %v, want %v", i, c.at, want)
			}
		}
		u.stop()
	})
}

// TestSupervisorShared follows all sources on one stream; one that fails
// alone is taken in again when it looks well.
func TestSupervisorShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var well atomic.Bool
		b := &backend{shared: true, describe: func(def *source.Definition) (*source.Relation, error) {
			if def.Name != "v1" {
				t.Errorf("described %s", def.Name)
			}
			if !well.Load() {
				return nil, &source.Error{Class: source.Slow, Text: "no such table"}
			}
			return rel("i1"), nil
		}}
		all := func(ctx context.Context, targets []source.Target) error {
			for i, target := range targets {
				if i == 1 && !well.Load() {
					target.Sink.Fail(&source.Error{Class: source.Slow, Text: "no such table"})
					continue
				}
				if err := snapshot(target.Sink, "i1", 5, row(i, "a")); err != nil {
					return err
				}
			}
			return hold(ctx, targets)
		}
		b.steps = []step{all, all}
		var feeds []*watched
		var sources []source.Source
		for i := range 3 {
			def := definition()
			def.Name = fmt.Sprintf("v%d", i)
			schema, _ := def.Declared()
			feeds = append(feeds, watch(t, schema))
			sources = append(sources, source.Source{Def: def, Feed: feeds[i]})
		}
		u := &bubble{t: t, b: b, s: source.NewSupervisor(b, sources, source.Settings{})}
		u.start()
		stats := u.s.Stats()
		if stats[0].State != feed.Live || stats[2].State != feed.Live || stats[1].State != feed.Failed || stats[1].Reason != "no such table" {
			t.Errorf("stats %+v", stats)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := len(b.followed()); n != 1 {
			t.Fatalf("%d streams while the table is missing", n)
		}
		well.Store(true)
		time.Sleep(31 * time.Second)
		synctest.Wait()
		calls := b.followed()
		if len(calls) != 2 || !slices.Equal(calls[1].names, []string{"v0", "v1", "v2"}) {
			t.Fatalf("calls %+v", calls)
		}
		if calls[1].resume[0].Frontier != at(5) || calls[1].resume[1] != (source.Position{}) {
			t.Errorf("resumed from %+v", calls[1].resume)
		}
		for i, s := range u.s.Stats() {
			if s.State != feed.Live {
				t.Errorf("source %d: %+v", i, s)
			}
		}
		feeds[0].mu.Lock()
		states := slices.Clone(feeds[0].states)
		feeds[0].mu.Unlock()
		if len(states) != 2 || strings.Contains(strings.Join(states, " "), "STALE") {
			t.Errorf("states of a source that was well: %q", states)
		}
		u.stop()
	})
}
