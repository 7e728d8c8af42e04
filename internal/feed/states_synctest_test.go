package feed_test

import (
	"fmt"
	"maps"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/filter"
	"github.com/tycostream/tycostream/internal/relation"
)

func apply(t *testing.T, f *feed.Feed, at uint64, changes ...relation.Change) {
	t.Helper()
	if err := f.Apply([]relation.Batch{{Time: at, Changes: changes}}, relation.Frontier{Time: at}); err != nil {
		t.Fatal(err)
	}
}

func put(id, text string) relation.Change {
	return relation.Change{Op: relation.Put, New: relation.Texts(id, text, "1")}
}

// A reader that fell out of the ring, where nothing remains to be told but the
// state, is told the state.
func TestStateReachesReaderThatCatchesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := feed.New(schema(), feed.Config{RingChunks: 2})
		defer f.Close()
		begin(t, f, "1")
		r := subscribe(t, f, feed.Options{Encoder: encoder{frames: true}})
		r.take()
		f.SetState(feed.Stale, "upstream is away")
		for i := range uint64(4) { // comes and goes: nets to nothing
			apply(t, f, 11+2*i, put("9", "x"))
			apply(t, f, 12+2*i, relation.Change{Op: relation.Remove, Old: put("9", "x").New})
		}
		if got := describe(r.take()); got != "LIVE STALE" {
			t.Errorf("got %q", got)
		}
	})
}

// Every portion of a snapshot or of a catch-up says the state as it is when it
// is taken, and a reader that waits for more is woken by a change of state.
func TestStateOfReadersThatAreBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := feed.New(schema(), feed.Config{RingChunks: 2, FrameRows: 1})
		defer f.Close()
		begin(t, f, "1", "2", "3")
		woken := 0
		c := f.Subscribe(feed.Options{Encoder: encoder{frames: true}}, func() { woken++ })
		defer c.Close()
		r := &reader{t: t, cursor: c}
		one := func() string {
			t.Helper()
			if _, err := c.Pull(1, func(b []byte) { r.frames = append(r.frames, decode(t, b)) }); err != nil {
				t.Fatal(err)
			}
			got := describe(r.frames)
			r.frames = nil
			return got
		}
		check := func(step, got, want string) {
			t.Helper()
			if got != want {
				t.Errorf("%s: got %q, want %q", step, got, want)
			}
		}
		check("first portion", one(), "SNAPSHOT LIVE more INSERT1")
		f.SetState(feed.Stale, "upstream is away")
		check("second portion", one(), "SNAPSHOT STALE more INSERT2")
		f.SetState(feed.Live, "")
		check("third portion", one(), "SNAPSHOT LIVE INSERT3")
		check("what the ring has", describe(r.take()), "LIVE STALE; LIVE LIVE")

		for i := range uint64(4) {
			text := strconv.FormatUint(i, 10)
			apply(t, f, 20+i, put("1", text), put("2", text), put("3", text))
		}
		check("catching up", one(), "LIVE LIVE more UPDATE1")
		f.SetState(feed.Failed, "gone")
		check("catching up, failed", one(), "LIVE FAILED more UPDATE2")
		check("the end", describe(r.take()), "LIVE FAILED UPDATE3; LIVE FAILED")
		woken = 0
		f.SetState(feed.Live, "")
		if woken != 1 {
			t.Errorf("woken %d times by a change of state", woken)
		}
		check("live", describe(r.take()), "LIVE LIVE")
	})
}

// A frame reader hears something at least every Heartbeat, whatever the phase
// of the feed's own clock.
func TestProofOfLifeIsNeverLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := feed.New(schema(), feed.Config{Heartbeat: 5 * time.Second})
		defer f.Close()
		waiting := subscribe(t, f, feed.Options{Encoder: encoder{frames: true}, Where: where(t, 1)})
		waiting.take()
		late := func(r *reader, phase time.Duration) {
			t.Helper()
			for last, now := time.Now(), time.Now().Add(30*time.Second); time.Now().Before(now); {
				time.Sleep(100 * time.Millisecond)
				synctest.Wait()
				if len(r.take()) > 0 {
					last = time.Now()
				}
				if d := time.Since(last); d > 5*time.Second {
					t.Fatalf("phase %v: nothing heard for %v", phase, d)
				}
			}
		}
		late(waiting, 0)
		begin(t, f, "1")
		r := subscribe(t, f, feed.Options{Encoder: encoder{frames: true}})
		for phase := 100 * time.Millisecond; phase < time.Second; phase += 200 * time.Millisecond {
			time.Sleep(phase)
			apply(t, f, uint64(time.Now().UnixMilli()), put("1", phase.String()))
			r.take()
			late(r, phase)
		}
	})
}

// A lazy source that leaves is STARTING again: readers that it has keep their
// rows and hear of it, new ones wait, and all go on when it is back, with the
// difference only.
func TestStartingAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := feed.New(schema(), feed.Config{})
		defer f.Close()
		begin(t, f, "1", "2")
		old := subscribe(t, f, feed.Options{Encoder: encoder{frames: true}})
		rows := subscribe(t, f, feed.Options{Encoder: encoder{}, Where: where(t, 1)})
		synctest.Wait()
		if got := describe(rows.take()); got != "SNAPSHOT LIVE INSERT1; SNAPSHOT LIVE INSERT2" {
			t.Errorf("rows: %q", got)
		}
		old.take()
		f.SetState(feed.Starting, "")
		if got := describe(old.take()); got != "LIVE STARTING" {
			t.Errorf("old reader: %q", got)
		}
		late := subscribe(t, f, feed.Options{Encoder: encoder{frames: true}})
		if got := describe(late.take()); got != "SNAPSHOT STARTING more" {
			t.Errorf("late reader: %q", got)
		}
		// It comes back at an earlier time: upstream was set back.
		_ = f.Load([]relation.Row{relation.Texts("2", "x", "1"), relation.Texts("3", "x", "1")})
		if err := f.Commit(relation.Frontier{Time: 5}); err != nil {
			t.Fatal(err)
		}
		if got := describe(late.take()); got != "" {
			t.Errorf("late reader, before the source is live: %q", got)
		}
		if n, _ := f.Demand(); n != 3 {
			t.Errorf("demand %d", n)
		}
		f.SetState(feed.Live, "")
		got := old.take()
		if describe(got) != "LIVE STARTING INSERT3 DELETE1; LIVE LIVE" || got[0].Time != 5 || got[1].Time != 5 {
			t.Errorf("old reader: %q at %d", describe(got), got[0].Time)
		}
		if got := describe(rows.take()); got != "LIVE STARTING INSERT3; LIVE STARTING DELETE1" {
			t.Errorf("rows: %q", got)
		}
		if got := late.take(); len(got) != 1 || len(got[0].Events) != 2 || !got[0].Last || got[0].Time != 5 {
			t.Errorf("late reader: %q", describe(got))
		}
	})
}

// Readers that join while the first snapshot is being loaded get it whole, and
// those that join between two times start exactly there.
func TestJoinInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(5, 400, feed.Config{RingChunks: 4, Heartbeat: time.Hour})
		defer w.feed.Close()
		var all []*follower
		join := func() {
			for _, p := range []*filter.Predicate{filter.All(), where(t, 20), where(t, 35)} {
				for _, frames := range []bool{true, false} {
					c := newFollower(fmt.Sprint("reader ", len(all)), p, frames)
					c.max = 7
					c.open(w.feed)
					all = append(all, c)
				}
			}
		}
		pull := func(limit int) {
			for _, c := range all {
				if _, err := c.pull(w.feed, limit); err != nil {
					t.Fatal(err)
				}
			}
		}
		join()
		w.batch(300)
		n := 0
		for _, r := range w.rows {
			if n++; n%50 == 0 {
				join()
				pull(1 << 20)
			}
			_ = w.feed.Load([]relation.Row{r})
		}
		for _, c := range all {
			if c.events != 0 {
				t.Fatalf("%s was told of a snapshot that is not whole", c.name)
			}
		}
		if err := w.feed.Commit(relation.Frontier{Time: w.time}); err != nil {
			t.Fatal(err)
		}
		w.feed.SetState(feed.Live, "")
		for range 12 {
			join()
			pull(300) // one portion of the snapshot
			if err := w.apply(w.batch(30), w.batch(30)); err != nil {
				t.Fatal(err)
			}
			join()
			pull(60)
		}
		synctest.Wait()
		for _, c := range all {
			c.drain(t, w.feed)
			if want := c.want(w.rows); !maps.Equal(c.rows, want) {
				t.Errorf("%s holds %d rows, want %d", c.name, len(c.rows), len(want))
			}
			c.cursor.Close()
		}
	})
}

// A frame reader that still waits, for the source or for its view to be built,
// gets proofs of life while changes flow that it is not told of.
func TestProofOfLifeWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := feed.New(schema(), feed.Config{})
		defer f.Close()
		begin(t, f, "1")
		f.SetState(feed.Starting, "")
		r := subscribe(t, f, feed.Options{Encoder: encoder{frames: true}})
		r.take()
		for i := range uint64(6) {
			time.Sleep(time.Second)
			apply(t, f, 20+i, put("1", time.Now().String()))
		}
		synctest.Wait()
		if got := describe(r.take()); got != "SNAPSHOT STARTING more" {
			t.Errorf("got %q", got)
		}
	})
}
