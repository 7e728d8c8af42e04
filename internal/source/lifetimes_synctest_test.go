package source_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
)

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
		grown := func(_ context.Context, targets []source.Target) error {
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
			if err := snapshot(targets[0].Sink, 9, row(1, "a")); err != nil {
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
		equal(t, "epochs", f.letters(), []string{"a", "b"})
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
				if err := snapshot(targets[0].Sink, at); err != nil {
					return err
				}
				return lost()
			}
		}
		u := run(t, definition(), source.Settings{}, once(100), compacted, once(200), compacted, once(50), compacted, following(60))
		time.Sleep(time.Minute)
		synctest.Wait()
		equal(t, "epochs", u.f.letters(), []string{"a", "a", "b", "b"})
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

// TestSupervisorLazyIsLostUnread must not keep answering queries from rows that
// nobody follows any more: queries of a source with rows are no demand.
func TestSupervisorLazyIsLostUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		def := definition()
		def.Lazy, def.Linger = true, 5*time.Minute
		lostAfter := func(d time.Duration, s step) step {
			return func(ctx context.Context, targets []source.Target) error {
				if err := snapshot(targets[0].Sink, 5, row(1, "a")); err != nil {
					return err
				}
				time.Sleep(d)
				return s(ctx, targets)
			}
		}
		broken := failing(&source.Error{Class: source.Slow, Text: "the relation was dropped"})
		steps := []step{lostAfter(2*time.Minute, failing(lost())), lostAfter(2*time.Minute, broken)}
		for range 30 {
			steps = append(steps, broken)
		}
		u := run(t, def, source.Settings{}, steps...)
		u.f.read(1)
		time.Sleep(time.Minute)
		u.f.read(0)
		time.Sleep(2 * time.Minute) // lost after one, and followed again within linger
		synctest.Wait()
		if n := len(u.b.followed()); n != 2 || u.s.Stats()[0].State != feed.Live {
			t.Errorf("%d connections, stats %+v", n, u.s.Stats()[0])
		}
		time.Sleep(2 * time.Minute) // failed since 4m
		synctest.Wait()
		if s := u.s.Stats()[0]; s.State != feed.Failed {
			t.Errorf("stats %+v", s)
		}
		time.Sleep(90 * time.Second) // the linger is over at 6m, and the wait after the last attempt
		synctest.Wait()
		calls := len(u.b.followed())
		if s := u.s.Stats()[0]; s.State != feed.Starting || calls < 4 {
			t.Errorf("%d connections, stats %+v", calls, s)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := len(u.b.followed()); n != calls {
			t.Errorf("%d connections without a reader", n-calls)
		}
		u.f.read(1)
		synctest.Wait()
		if n := len(u.b.followed()); n != calls+1 {
			t.Errorf("%d connections for a reader", n-calls)
		}
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
			if err := snapshot(targets[0].Sink, end, row(1, "a")); err != nil {
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

// TestSupervisorBriefLoss is back before anybody needs to know.
func TestSupervisorBriefLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := run(t, definition(), source.Settings{},
			func(_ context.Context, targets []source.Target) error {
				if err := snapshot(targets[0].Sink, 5, row(1, "a")); err != nil {
					return err
				}
				return lost()
			},
			following(6, row(1, "b")),
		)
		time.Sleep(time.Minute)
		synctest.Wait()
		equal(t, "states", u.states(), []string{"0s LIVE", "100ms LIVE"})
		u.stop()
	})
}

// TestSupervisorStall counts the silence before a stall was noticed.
func TestSupervisorStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := run(t, definition(), source.Settings{},
			func(_ context.Context, targets []source.Target) error {
				if err := snapshot(targets[0].Sink, 5); err != nil {
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
			if err := snapshot(targets[0].Sink, 5, row(1, "a")); err != nil {
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
				if err := snapshot(target.Sink, 5, row(i, "a")); err != nil {
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
