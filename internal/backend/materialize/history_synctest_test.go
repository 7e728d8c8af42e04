package materialize_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/mzsim"
	"github.com/tycostream/tycostream/internal/source"
)

// restarted runs a gateway over people for a while, during which and after
// which people change, and then another one. It returns what that one answers
// to the first one's last cursor.
func restarted(t *testing.T, o mzsim.ObjectOptions, set source.Settings, away time.Duration) feed.Frame {
	t.Helper()
	sim := mzsim.New(mzsim.Options{})
	people(t, sim, o, "1|ann", "2|bob", "3|cid")
	g := serveWith(t, sim, peopleSource(), set)
	g.after(3*time.Second, feed.Live, "")
	g.write(new(mzsim.Tx).Delete("people", 1, "ann").Insert("people", 1, "anna"))
	g.after(time.Minute, feed.Live, "")
	first, err := g.feed.Frame(t.Context(), nil, feed.Position{})
	check(t, err)
	at, err := feed.ParseCursor(first.Cursor, nil)
	check(t, err)
	g.end()

	time.Sleep(away / 2)
	g.write(new(mzsim.Tx).Delete("people", 2, "bob").Insert("people", 2, "bert").Insert("people", 4, "dan"))
	time.Sleep(time.Second)
	g.write(new(mzsim.Tx).Delete("people", 4, "dan").Delete("people", 2, "bert").Insert("people", 2, "bob"))
	time.Sleep(away / 2)
	g = serveWith(t, sim, peopleSource(), set)
	// Whoever asks at once waits until the past has become the present.
	fr, err := g.feed.Frame(t.Context(), nil, at)
	check(t, err)
	if s := g.stats(); s.State != feed.Live || s.Frontier.Wall < time.Now().Add(-2*time.Second).UnixMicro() || fr.Time < s.Frontier.Time-1000 {
		t.Errorf("answered at %d while %+v", fr.Time, s)
	}
	g.rows("1|anna", "2|bob", "3|cid")
	return fr
}

func TestEndToEndRestart(t *testing.T) {
	keep := source.Settings{History: 5 * time.Minute}
	for _, tt := range []struct {
		name    string
		options mzsim.ObjectOptions
		set     source.Settings
		away    time.Duration
		kind    feed.FrameKind
	}{
		{"with history", mzsim.ObjectOptions{Retain: time.Hour}, keep, time.Minute, feed.Resumed},
		{"with history just enough", mzsim.ObjectOptions{Retain: 90 * time.Second}, keep, time.Minute, feed.Resumed},
		{"older than the history", mzsim.ObjectOptions{Retain: 30 * time.Second}, keep, time.Minute, feed.Reset},
		{"older than asked for", mzsim.ObjectOptions{Retain: time.Hour}, source.Settings{History: 30 * time.Second}, time.Minute, feed.Reset},
		{"without history", mzsim.ObjectOptions{}, keep, time.Minute, feed.Reset},
		{"without asking for it", mzsim.ObjectOptions{Retain: time.Hour}, source.Settings{}, time.Minute, feed.Reset},
		{"an index in the way", mzsim.ObjectOptions{Retain: time.Hour, Indexed: true}, keep, time.Minute, feed.Reset},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fr := restarted(t, tt.options, tt.set, tt.away)
				var events []string
				for _, e := range fr.Events {
					events = append(events, e.Op.String()+" "+e.Row.Text(0)+"|"+e.Row.Text(1))
				}
				slices.Sort(events)
				want := []string{"DELETE 4|dan", "UPDATE 2|bob"}
				if tt.kind == feed.Reset {
					want = []string{"INSERT 1|anna", "INSERT 2|bob", "INSERT 3|cid"}
				}
				if fr.Kind != tt.kind || !slices.Equal(events, want) {
					t.Errorf("got %v %q, want %v %q", fr.Kind, events, tt.kind, want)
				}
			})
		})
	}
}

// TestEndToEndPastIsWorse: a past that cannot be read does not keep the present
// away.
func TestEndToEndPastIsWorse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := mzsim.New(mzsim.Options{})
		people(t, sim, mzsim.ObjectOptions{Retain: time.Hour}, "1|ann", "2|bob", "3|cid")
		time.Sleep(time.Minute)
		check(t, sim.Set("people", func(o *mzsim.ObjectOptions) { o.Retain = time.Hour }))
		_, err := sim.Write(new(mzsim.Tx).Delete("people", 2, "bob").Delete("people", 3, "cid"))
		check(t, err)
		time.Sleep(time.Minute)
		def := peopleSource()
		def.MaxRows = 2 // as it is now, not as it was
		g := serveWith(t, sim, def, source.Settings{History: 90 * time.Second})
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if res, err := g.feed.Rows(ctx, nil); err == nil {
			t.Errorf("old rows: %+v", res)
		}
		g.after(5*time.Second, feed.Live, "")
		g.rows("1|ann")
	})
}

// TestEndToEndLazyPast: a lazy source begins in the past with its first reader.
// If that one leaves on the way, the next gets the present at once, and no rows
// of the past either.
func TestEndToEndLazyPast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := mzsim.New(mzsim.Options{TickInterval: 100 * time.Millisecond, MaxBatch: time.Second})
		people(t, sim, mzsim.ObjectOptions{Retain: time.Hour}, "1|old")
		time.Sleep(10 * time.Minute)
		_, err := sim.Write(new(mzsim.Tx).Delete("people", 1, "old").Insert("people", 1, "new"))
		check(t, err)
		def := peopleSource()
		def.Lazy, def.Linger = true, time.Second
		g := serveWith(t, sim, def, source.Settings{History: 2 * time.Minute})
		if s := g.stats(); s.Connects != 0 {
			t.Fatalf("nobody reads: %+v", s)
		}
		// Two minutes at a second for each tick take twelve seconds; a query
		// waits five, the source lingers one.
		if res, err := g.feed.Rows(t.Context(), nil); err == nil {
			t.Errorf("rows of the past: %+v", res)
		}
		time.Sleep(3 * time.Second)
		if s := g.stats(); s.State != feed.Starting || s.Connected || s.Frontier.Time == 0 {
			t.Errorf("left: %+v", s)
		}
		begin := time.Now()
		g.rows("1|new")
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("the next reader waited %v", took)
		}
		if s := g.stats(); s.Connects != 2 || s.Snapshots != 1 {
			t.Errorf("at last: %+v", s)
		}
	})
}
