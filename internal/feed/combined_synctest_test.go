package feed_test

import (
	"errors"
	"math"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
)

// The first and the last time that there can be are times like others.
func TestResumeFromTheEndsOfTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := feed.New(schema(), feed.Config{})
		defer f.Close()
		_ = f.Load([]relation.Row{insert("1").New})
		if err := f.Commit(relation.Frontier{}); err != nil {
			t.Fatal(err)
		}
		f.SetState(feed.Live, "")
		first := cursorNow(t, f)
		check := func(step, cursor, want string) {
			t.Helper()
			r := resume(t, f, cursor, feed.Options{})
			if got := describe(r.take()); got != want {
				t.Errorf("%s: got %q, want %q", step, got, want)
			}
		}
		check("at time 0", first, "RESUMED LIVE")
		apply(t, f, 1, insert("2"))
		check("from time 0", first, "RESUMED LIVE INSERT2")
		apply(t, f, math.MaxUint64, insert("3"))
		check("from time 0 to the end", first, "RESUMED LIVE INSERT2 INSERT3")
		check("at the end of time", cursorNow(t, f), "RESUMED LIVE")
	})
}

// A reader with a rate that resumes is told the difference at once, the first
// change after it at once too, and the next ones together.
func TestRateAndResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := feed.New(schema(), feed.Config{Heartbeat: time.Hour})
		defer f.Close()
		begin(t, f, "1")
		old := cursorNow(t, f)
		apply(t, f, 11, insert("2"))
		r := subscribeTimed(t, f, feed.Options{
			Encoder: encoder{frames: true}, Resume: position(t, old, nil), MaxRate: 0.5, SkipSnapshot: true,
		})
		r.read(time.Second)
		apply(t, f, 12, insert("3"))
		r.read(1500 * time.Millisecond)
		apply(t, f, 13, insert("4"))
		apply(t, f, 14, put("3", "y"), put("4", "y"))
		r.read(10 * time.Second)
		r.check("frames", "RESUMED LIVE INSERT2; LIVE LIVE INSERT3; LIVE LIVE UPDATE3 INSERT4", 0, time.Second, 3*time.Second)
	})
}

// What happens in a period may be more than the feed keeps for readers that are
// behind: then they are told so when their time has come, and never before.
func TestRateAndCompaction(t *testing.T) {
	for _, skip := range []bool{false, true} {
		t.Run("skip="+strconv.FormatBool(skip), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := feed.New(schema(), feed.Config{Heartbeat: time.Hour, MaxGraves: 10, RingChunks: 2})
				defer f.Close()
				begin(t, f, "1")
				r := subscribeTimed(t, f, feed.Options{Encoder: encoder{frames: true}, MaxRate: 1.0 / 60, SkipSnapshot: skip})
				r.read(time.Second)
				apply(t, f, 11, put("1", "y"))
				r.read(2 * time.Second)
				r.frames, r.at = nil, nil
				for i := range uint64(30) {
					id := strconv.FormatUint(100+i, 10)
					apply(t, f, 12+2*i, insert(id))
					apply(t, f, 13+2*i, remove(id))
				}
				r.read(60 * time.Second)
				r.check("before its time", "")
				r.read(2 * time.Minute)
				if !skip {
					r.check("at its time", "RESET LIVE INSERT1", 61*time.Second)
					return
				}
				var fe *feed.Error
				if !errors.As(r.err, &fe) || fe.Code != feed.CodeResync || len(r.frames) > 0 {
					t.Errorf("without snapshot: %q, %v", describe(r.frames), r.err)
				}
			})
		})
	}
}
