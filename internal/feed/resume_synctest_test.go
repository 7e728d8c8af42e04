package feed_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/filter"
	"github.com/tycostream/tycostream/internal/relation"
)

func position(t *testing.T, text string, p *filter.Predicate) feed.Position {
	t.Helper()
	at, err := feed.ParseCursor(text, p)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// cursorNow returns the cursor of a reader of every row that has been told all.
func cursorNow(t *testing.T, f *feed.Feed) string {
	t.Helper()
	fr, err := f.Frame(t.Context(), nil, feed.Position{})
	if err != nil {
		t.Fatal(err)
	}
	return fr.Cursor
}

func remove(id string) relation.Change {
	return relation.Change{Op: relation.Remove, Old: relation.Texts(id, "x", "1")}
}

func resume(t *testing.T, f *feed.Feed, cursor string, o feed.Options) *reader {
	t.Helper()
	o.Encoder, o.Resume = encoder{frames: true}, position(t, cursor, o.Where)
	return subscribe(t, f, o)
}

func TestResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := feed.New(schema(), feed.Config{})
		defer f.Close()
		begin(t, f, "1", "2", "3")
		old := cursorNow(t, f)
		apply(t, f, 11, put("2", "y"), remove("3"), insert("4"))
		apply(t, f, 12, put("2", "x"), remove("4"), insert("5"))
		check := func(step string, r *reader, want string) {
			t.Helper()
			synctest.Wait()
			if got := describe(r.take()); got != want {
				t.Errorf("%s: got %q, want %q", step, got, want)
			}
			for _, fr := range r.frames {
				if fr.Kind == "RESUMED" && fr.From != old {
					t.Errorf("%s: from %q", step, fr.From)
				}
			}
		}
		// 2 changed and changed back; 4 came and went: whoever knew it must forget it.
		r := resume(t, f, old, feed.Options{MaxRows: 2})
		check("in portions", r, "RESUMED LIVE more UPDATE2 DELETE3; RESUMED LIVE DELETE4 INSERT5")
		check("without snapshot", resume(t, f, old, feed.Options{SkipSnapshot: true}), "RESUMED LIVE UPDATE2 DELETE3 DELETE4 INSERT5")
		apply(t, f, 13, insert("6"))
		check("goes on", r, "LIVE LIVE INSERT6")
		check("at the head", resume(t, f, cursorNow(t, f), feed.Options{}), "RESUMED LIVE")

		f.SetEpoch("another relation")
		begin(t, f, "7")
		check("another epoch", resume(t, f, old, feed.Options{}), "RESET LIVE INSERT7")
		r = resume(t, f, old, feed.Options{SkipSnapshot: true})
		synctest.Wait()
		r.pull()
		var fe *feed.Error
		if !errors.As(r.err, &fe) || fe.Code != feed.CodeResync {
			t.Errorf("another epoch without snapshot: %v", r.err)
		}
		if s := f.Status(); s.Resumed != 3 || s.Reset != 2 {
			t.Errorf("%d resumed, %d reset", s.Resumed, s.Reset)
		}
	})
}

// A cursor from a gateway that is ahead waits, for a while.
func TestResumeAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, other := feed.New(schema(), feed.Config{}), feed.New(schema(), feed.Config{})
		defer f.Close()
		defer other.Close()
		begin(t, f, "1")
		begin(t, other, "1")
		apply(t, other, 11, insert("2"))
		ahead := cursorNow(t, other)

		woken := 0
		c := f.Subscribe(feed.Options{Encoder: encoder{frames: true}, Resume: position(t, ahead, nil)}, func() { woken++ })
		defer c.Close()
		r := &reader{t: t, cursor: c}
		if got := describe(r.take()); got != "" {
			t.Errorf("at first: %q", got)
		}
		f.SetState(feed.Stale, "away")
		if got := describe(r.take()); got != "RESUMED STALE more" {
			t.Errorf("a change of state: %q", got)
		}
		f.SetState(feed.Live, "")
		r.take()
		woken = 0
		time.Sleep(3 * time.Second)
		answer := make(chan feed.Frame)
		go func() {
			fr, _ := f.Frame(context.Background(), nil, position(t, ahead, nil))
			answer <- fr
		}()
		synctest.Wait()
		apply(t, f, 11, insert("2"))
		synctest.Wait()
		if woken != 1 {
			t.Errorf("woken %d times when the time had come", woken)
		}
		if got := describe(r.take()); got != "RESUMED LIVE" {
			t.Errorf("when the time has come: %q", got)
		}
		if fr := <-answer; fr.Kind != feed.Resumed || len(fr.Events) != 0 {
			t.Errorf("query: %v with %d events", fr.Kind, len(fr.Events))
		}

		apply(t, other, 30, insert("3"))
		ahead = cursorNow(t, other)
		began := time.Now()
		late := make(chan struct{}, 1)
		c = f.Subscribe(feed.Options{Encoder: encoder{frames: true}, Resume: position(t, ahead, nil)}, func() {
			select {
			case late <- struct{}{}:
			default:
			}
		})
		defer c.Close()
		r = &reader{t: t, cursor: c}
		for got := ""; got != "RESET LIVE INSERT1 INSERT2"; {
			<-late
			if got = describe(r.take()); got != "" && got != "RESUMED LIVE more" && got != "RESET LIVE INSERT1 INSERT2" {
				t.Fatalf("too late: %q", got)
			}
		}
		if waited := time.Since(began); waited != 5*time.Second {
			t.Errorf("waited %v", waited)
		}
		fr, err := f.Frame(t.Context(), nil, position(t, ahead, nil))
		if err != nil || fr.Kind != feed.Reset || len(fr.Events) != 2 {
			t.Errorf("query: %v with %d events, %v", fr.Kind, len(fr.Events), err)
		}
	})
}

// A reader that comes from a gateway that is ahead, with an older cursor, may hold
// a state that is still to come here. When it falls behind then, it must be told
// of rows that go and come back as they were: it may have seen them go.
func TestResumeAheadAndBehind(t *testing.T) {
	for name, cfg := range map[string]feed.Config{"by its rate": {}, "by a small ring": {RingChunks: 1}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := feed.New(schema(), cfg)
				defer f.Close()
				begin(t, f, "1", "2", "3")
				r := resume(t, f, cursorNow(t, f), feed.Options{MaxRate: 1}) // it holds 1 and 3, as of time 11
				sure := subscribe(t, f, feed.Options{Encoder: encoder{frames: true}, MaxRate: 1})
				synctest.Wait()
				if got := describe(r.take()); got != "RESUMED LIVE" {
					t.Errorf("at first: %q", got)
				}
				sure.take()
				apply(t, f, 11, remove("2"))
				apply(t, f, 12, insert("2"), remove("3"))
				apply(t, f, 13, insert("4"))
				synctest.Wait()
				if got := describe(r.take()); got != "LIVE LIVE INSERT2 DELETE3 INSERT4" {
					t.Errorf("behind: %q", got)
				}
				if got := describe(sure.take()); got != "LIVE LIVE DELETE3 INSERT4" {
					t.Errorf("a reader that holds no more than it was told: %q", got)
				}
			})
		})
	}
}

// The undo log ends by age even if nothing happens any more.
func TestResumeTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := feed.New(schema(), feed.Config{UndoAge: time.Minute})
		defer f.Close()
		begin(t, f, "1")
		old := cursorNow(t, f)
		apply(t, f, 11, insert("2"))
		time.Sleep(50 * time.Second)
		if got := describe(resume(t, f, old, feed.Options{}).take()); got != "RESUMED LIVE INSERT2" {
			t.Errorf("in time: %q", got)
		}
		time.Sleep(15 * time.Second)
		if got := describe(resume(t, f, old, feed.Options{}).take()); got != "RESET LIVE INSERT1 INSERT2" {
			t.Errorf("too late: %q", got)
		}
		if s := f.Status(); s.UndoChanges != 0 || s.UndoBytes != 0 {
			t.Errorf("the undo log holds %d changes", s.UndoChanges)
		}
	})
}

// A snapshot after a lost connection says what came of it, not what happened:
// readers may have seen other states in between, on other gateways.
func TestResumeFromAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, other := feed.New(schema(), feed.Config{}), feed.New(schema(), feed.Config{})
		defer f.Close()
		defer other.Close()
		begin(t, f, "1")
		begin(t, other, "1")
		before := cursorNow(t, f)
		apply(t, other, 11, insert("2"))
		inside := cursorNow(t, other)
		apply(t, other, 12, remove("2"), insert("3"))
		_ = f.Load([]relation.Row{insert("1").New, insert("3").New})
		if err := f.Commit(relation.Frontier{Time: 12}); err != nil {
			t.Fatal(err)
		}
		if got := describe(resume(t, f, before, feed.Options{}).take()); got != "RESET LIVE INSERT1 INSERT3" {
			t.Errorf("from before: %q", got)
		}
		if got := describe(resume(t, f, inside, feed.Options{}).take()); got != "RESET LIVE INSERT1 INSERT3" {
			t.Errorf("from inside: %q", got)
		}
		if got := describe(resume(t, f, cursorNow(t, other), feed.Options{}).take()); got != "RESUMED LIVE" {
			t.Errorf("from its end: %q", got)
		}
	})
}

func TestParseCursor(t *testing.T) {
	t.Parallel()
	f := feed.New(schema(), feed.Config{})
	defer f.Close()
	begin(t, f, "1")
	cursor := cursorNow(t, f)
	for _, text := range []string{"", "x", "????", cursor + "A", cursor[1:], cursor + "=", "B" + cursor[1:], " " + cursor} {
		if at, err := feed.ParseCursor(text, nil); err == nil || !at.IsZero() {
			t.Errorf("ParseCursor(%q) = %v, %v", text, at, err)
		}
	}
	if _, err := feed.ParseCursor(cursor, where(t, 1)); err == nil {
		t.Error("a cursor of another filter is accepted")
	}
	if at, err := feed.ParseCursor(cursor, filter.All()); err != nil || at.IsZero() {
		t.Errorf("%v, %v", at, err)
	}
}

func FuzzParseCursor(f *testing.F) {
	f.Add("AQ")
	f.Fuzz(func(t *testing.T, text string) {
		if at, err := feed.ParseCursor(text, nil); (err == nil) == at.IsZero() {
			t.Errorf("%v, %v", at, err)
		}
	})
}
