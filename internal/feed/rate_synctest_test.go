package feed_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tycostream/tycostream/internal/feed"
)

// timed is a reader that pulls when it is woken, as a transport does, and notes
// when each message came.
type timed struct {
	reader
	wake  chan struct{}
	began time.Time
	at    []time.Duration
}

func subscribeTimed(t *testing.T, f *feed.Feed, o feed.Options) *timed {
	t.Helper()
	r := &timed{wake: make(chan struct{}, 1), began: time.Now()}
	r.reader = reader{t: t, cursor: f.Subscribe(o, func() {
		select {
		case r.wake <- struct{}{}:
		default:
		}
	})}
	t.Cleanup(r.cursor.Close)
	return r
}

// read pulls until the bubble has come to d after the reader's start.
func (r *timed) read(d time.Duration) {
	t := time.NewTimer(time.Until(r.began.Add(d)))
	defer t.Stop()
	for {
		select {
		case <-r.wake:
			n := len(r.frames)
			r.pull()
			for range r.frames[n:] {
				r.at = append(r.at, time.Since(r.began))
			}
		case <-t.C:
			return
		}
	}
}

func (r *timed) check(name, want string, at ...time.Duration) {
	r.t.Helper()
	if got := describe(r.frames); got != want {
		r.t.Errorf("%s: got %q, want %q", name, got, want)
	}
	if len(at) != len(r.at) {
		r.t.Fatalf("%s: at %v, want %v", name, r.at, at)
	}
	for i := range at {
		if r.at[i] != at[i] {
			r.t.Fatalf("%s: at %v, want %v", name, r.at, at)
		}
	}
	r.frames, r.at = nil, nil
}

// The first change goes out at once, those of the period behind it together and
// conflated, and after a quiet while the next one at once again.
func TestRate(t *testing.T) {
	for _, frames := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			f := feed.New(schema(), feed.Config{Heartbeat: time.Hour})
			defer f.Close()
			begin(t, f, "1")
			r := subscribeTimed(t, f, feed.Options{Encoder: encoder{frames}, MaxRate: 2})
			go func() {
				at := func(ms int) { time.Sleep(time.Until(r.began.Add(time.Duration(ms) * time.Millisecond))) }
				at(1000)
				apply(t, f, 11, put("1", "a"))
				at(1100)
				apply(t, f, 12, put("1", "b"), insert("2"), insert("3"))
				at(1200)
				apply(t, f, 13, put("1", "c"), remove("3"))
				at(1600)
				apply(t, f, 14, put("2", "d"))
				at(9000)
				apply(t, f, 15, put("2", "e"))
			}()
			r.read(10 * time.Second)
			const ms = time.Millisecond
			if frames {
				r.check("frames", "SNAPSHOT LIVE INSERT1; LIVE LIVE UPDATE1; LIVE LIVE INSERT2 UPDATE1; LIVE LIVE UPDATE2; LIVE LIVE UPDATE2",
					0, 1000*ms, 1500*ms, 2000*ms, 9000*ms)
			} else {
				r.check("rows", "SNAPSHOT LIVE INSERT1; LIVE LIVE UPDATE1; LIVE LIVE INSERT2; LIVE LIVE UPDATE1; LIVE LIVE UPDATE2; LIVE LIVE UPDATE2",
					0, 1000*ms, 1500*ms, 1500*ms, 2000*ms, 9000*ms)
			}
			if s := f.Status(); s.Conflated != 3 || s.Sent != [3]uint64{2, 4, 0} {
				t.Errorf("%d conflated, sent %v", s.Conflated, s.Sent)
			}
		})
	}
}

// Neither proofs of life nor changes of state wait for the rate, and they do
// not use it up.
func TestRateAndState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := feed.New(schema(), feed.Config{})
		defer f.Close()
		begin(t, f, "1")
		r := subscribeTimed(t, f, feed.Options{Encoder: encoder{frames: true}, MaxRate: 1.0 / 60})
		r.read(time.Second)
		apply(t, f, 11, put("1", "a"))
		r.read(2 * time.Second)
		apply(t, f, 12, put("1", "b"))
		r.read(3 * time.Second)
		r.check("the first change", "SNAPSHOT LIVE INSERT1; LIVE LIVE UPDATE1", 0, time.Second)
		f.SetState(feed.Stale, "away")
		r.read(3*time.Second + 1)
		if got := r.frames[0]; got.Time != 11 {
			t.Errorf("the state is told with time %d", got.Time)
		}
		r.check("a change of state", "LIVE STALE", 3*time.Second)
		for i := range 11 {
			r.read(time.Duration(4+5*i) * time.Second)
			if i > 0 && len(r.frames) == 0 {
				t.Fatalf("no proof of life in the five seconds before %v", time.Since(r.began))
			}
			r.frames, r.at = nil, nil
		}
		r.read(61*time.Second + 1)
		if got := describe(r.frames[len(r.frames)-1:]); got != "LIVE STALE UPDATE1" {
			t.Errorf("after a minute: %q", got)
		}
	})
}

func TestOddRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := feed.New(schema(), feed.Config{})
		defer f.Close()
		begin(t, f, "1")
		for _, rate := range []float64{0, -1, math.NaN(), math.Inf(1), 1e300, 1e-300} {
			r := subscribeTimed(t, f, feed.Options{Encoder: encoder{}, MaxRate: rate})
			r.read(time.Millisecond)
			apply(t, f, 11+f.Status().Frontier.Time, put("1", time.Now().String()))
			r.read(2 * time.Millisecond)
			if got := describe(r.frames); got != "SNAPSHOT LIVE INSERT1; LIVE LIVE UPDATE1" {
				t.Errorf("rate %v: %q", rate, got)
			}
		}
	})
}
