package source_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
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
	at      time.Duration // since the bubble's start
	names   []string
	resume  []source.Position
	history time.Duration // of the first target
}

var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func (*backend) Name() string   { return "fake" }
func (b *backend) Shared() bool { return b.shared }

func (b *backend) Describe(_ context.Context, def *source.Definition) (*source.Relation, error) {
	return b.describe(def)
}

func (b *backend) Follow(ctx context.Context, targets []source.Target) error {
	c := call{at: time.Since(epoch), history: targets[0].History}
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

func at(t uint64) relation.Frontier { return relation.Frontier{Time: t, Wall: int64(t) * 1000} }

func row(id int, name string) relation.Row { return relation.Texts(strconv.Itoa(id), name) }

// snapshot opens the relation and makes rows "name0", "name1", ... live.
func snapshot(sink source.Sink, t uint64, rows ...relation.Row) error {
	if _, _, err := sink.Open(rel("i1")); err != nil {
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
		if err := snapshot(targets[0].Sink, t, rows...); err != nil {
			return err
		}
		return hold(ctx, targets)
	}
}

// opening opens a relation, makes it live without rows and holds.
func opening(r *source.Relation, t uint64) step {
	return func(ctx context.Context, targets []source.Target) error {
		if _, _, err := targets[0].Sink.Open(r); err != nil {
			return err
		}
		if err := targets[0].Sink.Live(at(t), false); err != nil {
			return err
		}
		return hold(ctx, targets)
	}
}

// ending loses the connection where s would hold.
func ending(s step) step {
	return func(ctx context.Context, targets []source.Target) error {
		ctx, cancel := context.WithCancelCause(ctx)
		cancel(lost())
		return s(ctx, targets)
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
	t.Helper()
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

// letters returns the epochs so far with a letter for each that differs.
func (w *watched) letters() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	names := map[string]string{}
	var out []string
	for _, e := range w.epochs {
		if names[e] == "" {
			names[e] = string(rune('a' + len(names)))
		}
		out = append(out, names[e])
	}
	return out
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
