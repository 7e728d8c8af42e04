package feed_test

import (
	"context"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
)

// lay lays frames over a client's rows.
func lay(rows map[string]string, frames []frame) {
	for _, f := range frames {
		for _, ev := range f.Events {
			if ev.Op == "DELETE" {
				delete(rows, ev.Row.Text(0))
			} else {
				rows[ev.Row.Text(0)] = ev.Row.Text(1)
			}
		}
	}
}

// A client retries silently with an old cursor, as graphql-ws does, and lands on
// a gateway that was away meanwhile: its rows are of a time inside the gap.
func TestResumeAcrossAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, other := feed.New(schema(), feed.Config{}), feed.New(schema(), feed.Config{})
		defer f.Close()
		defer other.Close()
		begin(t, f, "1")
		begin(t, other, "1")
		old := cursorNow(t, other)
		r := resume(t, other, old, feed.Options{})
		rows := map[string]string{"1": "x"}
		apply(t, other, 11, insert("2"), put("1", "y"))
		lay(rows, r.take())
		apply(t, other, 12, remove("2"), put("1", "x"))
		// f lost upstream at 10 and is told a snapshot at 12.
		_ = f.Load([]relation.Row{insert("1").New})
		if err := f.Commit(relation.Frontier{Time: 12}); err != nil {
			t.Fatal(err)
		}
		again := resume(t, f, old, feed.Options{})
		frames := again.take()
		if frames[0].Kind == "RESET" {
			clear(rows)
		}
		lay(rows, frames)
		if want := map[string]string{"1": "x"}; !maps.Equal(rows, want) {
			t.Errorf("%s: the client holds %v, want %v", describe(frames), rows, want)
		}
	})
}

// A client retries with its first cursor within a second: its rows are newer
// than the difference that was made for its first try.
func TestResumeTwiceWithinASecond(t *testing.T) {
	for _, rate := range []float64{10, 0} {
		synctest.Test(t, func(t *testing.T) {
			f := feed.New(schema(), feed.Config{Heartbeat: time.Hour})
			defer f.Close()
			begin(t, f, "1")
			old := cursorNow(t, f)
			subscribe(t, f, feed.Options{Encoder: encoder{}}).take() // another reader of the same view
			apply(t, f, 11, put("1", "y"))
			rows := map[string]string{"1": "x"}
			r := resume(t, f, old, feed.Options{MaxRate: rate})
			lay(rows, r.take())
			apply(t, f, 12, insert("2"))
			lay(rows, r.take())
			r.cursor.Close()
			time.Sleep(100 * time.Millisecond)
			apply(t, f, 13, remove("2"))
			r = resume(t, f, old, feed.Options{MaxRate: rate})
			for range 20 {
				frames := r.take()
				lay(rows, frames)
				for _, fr := range frames {
					if fr.Kind == "RESUMED" && fr.Last && fr.Time != 13 {
						t.Errorf("rate %v: RESUMED says time %d, behind what the client has", rate, fr.Time)
					}
				}
				time.Sleep(100 * time.Millisecond)
			}
			if want := map[string]string{"1": "y"}; !maps.Equal(rows, want) {
				t.Errorf("rate %v: the client holds %v, want %v", rate, rows, want)
			}
		})
	}
}

// Two changes of state that a reader hears of together use up its rate.
func TestStatesDoNotUseUpTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := feed.New(schema(), feed.Config{Heartbeat: time.Hour})
		defer f.Close()
		begin(t, f, "1")
		r := subscribeTimed(t, f, feed.Options{Encoder: encoder{frames: true}, MaxRate: 1.0 / 60})
		r.read(time.Second)
		f.SetState(feed.Stale, "away")
		f.SetState(feed.Live, "")
		r.read(2 * time.Second)
		r.frames, r.at = nil, nil
		apply(t, f, 11, put("1", "a"))
		r.read(3 * time.Second)
		if got := describe(r.frames); got != "LIVE LIVE UPDATE1" {
			t.Errorf("the first change is not told at once: %q", got)
		}
	})
}

// sleepy sleeps when it encodes a certain portion.
type sleepy struct {
	encoder
	when func(*feed.Frame) bool
}

func (s sleepy) Encode(dst []byte, ends []int, f *feed.Frame) ([]byte, []int) {
	if s.when(f) {
		time.Sleep(5 * time.Second)
	}
	return s.encoder.Encode(dst, ends, f)
}

func TestSharedBytesOfASlowEncoder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := feed.New(schema(), feed.Config{})
		defer f.Close()
		many(t, f, 2000)
		enc := sleepy{encoder{}, func(f *feed.Frame) bool { return len(f.Events) > 0 && f.Events[0].Row.Text(0) == "512" }}
		a := subscribe(t, f, feed.Options{Encoder: enc})
		b := subscribe(t, f, feed.Options{Encoder: enc})
		readAll(t, []*reader{a, b})
		time.Sleep(10 * time.Second)
		if n := f.SharedBytes(); n != 0 {
			t.Errorf("%d bytes are counted when all is over", n)
		}
	})
}

// A view that is dropped soon after it was read.
func TestSharedBytesOfADroppedView(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := feed.New(schema(), feed.Config{Heartbeat: time.Minute})
		defer f.Close()
		many(t, f, 2000)
		a := subscribe(t, f, feed.Options{Encoder: encoder{}})
		b := subscribe(t, f, feed.Options{Encoder: encoder{}})
		readAll(t, []*reader{a, b})
		a.cursor.Close()
		b.cursor.Close()
		time.Sleep(10 * time.Minute)
		if s := f.Status(); s.Views != 0 {
			t.Errorf("%d views", s.Views)
		}
		if n := f.SharedBytes(); n != 0 {
			t.Errorf("%d bytes are counted when all is over", n)
		}
	})
}

// A client's rows are ahead of the gateway that it falls over to, its cursor is
// not.
func TestResumeBehindTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, other := feed.New(schema(), feed.Config{RingChunks: 2}), feed.New(schema(), feed.Config{})
		defer f.Close()
		defer other.Close()
		begin(t, f, "1")
		begin(t, other, "1")
		old := cursorNow(t, other)
		r := resume(t, other, old, feed.Options{})
		rows := map[string]string{"1": "x"}
		apply(t, other, 11, insert("2"))
		lay(rows, r.take())
		r = resume(t, f, old, feed.Options{})
		lay(rows, r.take())
		apply(t, f, 11, insert("2"))
		apply(t, f, 12, put("1", "y"))
		apply(t, f, 13, remove("2"))
		apply(t, f, 14, put("1", "z"))
		lay(rows, r.take())
		if want := map[string]string{"1": "z"}; !maps.Equal(rows, want) {
			t.Errorf("the client holds %v, want %v", rows, want)
		}
	})
}

// A snapshot of other rows at the time that the feed had come to: a cursor of
// that time names two states.
func TestSnapshotAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := feed.New(schema(), feed.Config{})
		defer f.Close()
		begin(t, f, "1")
		old := cursorNow(t, f)
		w := f.Follow(func() {})
		defer w.Close()
		_, _ = w.Next(10)
		begin(t, f, "2") // at the same time
		rows := map[string]string{"1": "x"}
		frames := resume(t, f, old, feed.Options{}).take()
		if frames[0].Kind == "RESET" {
			clear(rows)
		}
		lay(rows, frames)
		if want := map[string]string{"2": "x"}; !maps.Equal(rows, want) {
			t.Errorf("%s: the client holds %v, want %v", describe(frames), rows, want)
		}
		if s, err := w.Next(10); err != nil || s.Kind == 0 {
			t.Errorf("a follower is told nothing of it: %v, %v", s.Kind, err)
		}
	})
}

// A reader that was told a time while it waited begins with an older snapshot.
func TestTimeDoesNotGoBackToASharedSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := feed.New(schema(), feed.Config{})
		defer f.Close()
		many(t, f, 2000)
		subscribe(t, f, feed.Options{Encoder: encoder{}}).take() // the set is made at 10
		apply(t, f, 11, put("1", "y"))
		f.SetState(feed.Starting, "")
		r := subscribe(t, f, feed.Options{Encoder: encoder{frames: true}})
		at := uint64(0)
		check := func() {
			for _, fr := range r.take() {
				if fr.Time < at {
					t.Fatalf("%s of time %d after %d", fr.Kind, fr.Time, at)
				}
				at = fr.Time
			}
		}
		check()
		f.SetState(feed.Live, "")
		check()
	})
}

// A query that its caller gave up, or that the feed's end cut short, is no
// reader that came too late.
func TestFrameGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, other := feed.New(schema(), feed.Config{}), feed.New(schema(), feed.Config{})
		defer other.Close()
		begin(t, f, "1")
		begin(t, other, "1")
		apply(t, other, 11, insert("2"))
		ahead := position(t, cursorNow(t, other), nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if fr, err := f.Frame(ctx, nil, ahead); err == nil {
			t.Errorf("a query that was given up is answered with %v", fr.Kind)
		}
		go func() {
			time.Sleep(time.Second)
			f.Close()
		}()
		if fr, err := f.Frame(t.Context(), nil, ahead); err == nil {
			t.Errorf("a query to a feed that closes is answered with %v", fr.Kind)
		}
		if n := f.Status().Reset; n != 0 {
			t.Errorf("%d readers are counted as too late", n)
		}
	})
}
