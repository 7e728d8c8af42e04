package feed_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
)

// reader pulls everything it can whenever it is woken.
type reader struct {
	t      *testing.T
	cursor *feed.Cursor
	frames []frame
	err    error
}

func (r *reader) pull() {
	r.t.Helper()
	for more := true; more; {
		more, r.err = r.cursor.Pull(1<<20, func(b []byte) { r.frames = append(r.frames, decode(r.t, b)) })
	}
}

// take returns the frames pulled since the last take.
func (r *reader) take() []frame {
	r.pull()
	out := r.frames
	r.frames = nil
	return out
}

func subscribe(t *testing.T, f *feed.Feed, o feed.Options) *reader {
	t.Helper()
	r := &reader{t: t, cursor: f.Subscribe(o, func() {})}
	t.Cleanup(r.cursor.Close)
	return r
}

func insert(id string) relation.Change {
	return relation.Change{Op: relation.Insert, New: relation.Texts(id, "x", "1")}
}

func begin(t *testing.T, f *feed.Feed, ids ...string) {
	t.Helper()
	var rows []relation.Row
	for _, id := range ids {
		rows = append(rows, insert(id).New)
	}
	if err := f.Load(rows); err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(relation.Frontier{Time: 10}); err != nil {
		t.Fatal(err)
	}
	f.SetState(feed.Live, "")
}

func describe(frames []frame) string {
	var b strings.Builder
	for _, f := range frames {
		b.WriteString(f.Kind + " " + f.State)
		if !f.Last {
			b.WriteString(" more")
		}
		for _, ev := range f.Events {
			b.WriteString(" " + ev.Op + ev.Row.Text(0))
		}
		b.WriteString("; ")
	}
	return strings.TrimSuffix(b.String(), "; ")
}

func TestFrameReaderIsToldTheState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := feed.New(schema(), feed.Config{})
		defer f.Close()
		r := subscribe(t, f, feed.Options{Encoder: encoder{frames: true}, MaxRows: 2})
		check := func(step, want string) {
			t.Helper()
			synctest.Wait()
			if got := describe(r.take()); got != want {
				t.Errorf("%s: got %q, want %q", step, got, want)
			}
		}
		check("before the snapshot", "SNAPSHOT STARTING more")
		check("nothing new", "")
		time.Sleep(5 * time.Second)
		check("proof of life while waiting", "SNAPSHOT STARTING more")
		f.SetState(feed.Failed, "the relation does not exist")
		check("failed", "SNAPSHOT FAILED more")
		begin(t, f, "1", "2", "3")
		check("snapshot in portions", "SNAPSHOT LIVE more INSERT1 INSERT2; SNAPSHOT LIVE INSERT3")
		time.Sleep(6 * time.Second)
		check("proof of life", "LIVE LIVE")
		f.SetState(feed.Stale, "upstream is away")
		check("stale", "LIVE STALE")
		f.SetState(feed.Live, "")
		check("back", "LIVE LIVE")
		if err := f.Apply([]relation.Batch{{Time: 11, Changes: []relation.Change{insert("4")}}}, relation.Frontier{Time: 12}); err != nil {
			t.Fatal(err)
		}
		check("a change", "LIVE LIVE INSERT4")
	})
}

func TestSkipSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := feed.New(schema(), feed.Config{})
		defer f.Close()
		begin(t, f, "1")
		frames := subscribe(t, f, feed.Options{Encoder: encoder{frames: true}, SkipSnapshot: true})
		rows := subscribe(t, f, feed.Options{Encoder: encoder{}, SkipSnapshot: true})
		if got := describe(frames.take()); got != "SNAPSHOT LIVE" {
			t.Errorf("first frame: %q", got)
		}
		if got := describe(rows.take()); got != "" {
			t.Errorf("rows without snapshot: %q", got)
		}
		if err := f.Apply([]relation.Batch{{Time: 11, Changes: []relation.Change{insert("2")}}}, relation.Frontier{Time: 11}); err != nil {
			t.Fatal(err)
		}
		if got := describe(frames.take()); got != "LIVE LIVE INSERT2" {
			t.Errorf("then: %q", got)
		}
		if got := describe(rows.take()); got != "LIVE LIVE INSERT2" {
			t.Errorf("then: %q", got)
		}
	})
}

func TestQueriesWaitForTheFirstSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := feed.New(schema(), feed.Config{QueryWait: 5 * time.Second})
		defer f.Close()
		f.SetState(feed.Failed, "no such view")
		began := time.Now()
		_, err := f.Rows(t.Context(), nil)
		var fe *feed.Error
		if !errors.As(err, &fe) || fe.Code != feed.CodeNotReady || !strings.Contains(fe.Text, "no such view") {
			t.Fatalf("got %v", err)
		}
		if d := time.Since(began); d != 5*time.Second {
			t.Errorf("waited %v", d)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := f.Rows(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("caller gave up: %v", err)
		}
		go func() {
			time.Sleep(2 * time.Second)
			begin(t, f, "1", "2")
		}()
		if n, _ := f.Demand(); n != 0 {
			t.Errorf("demand %d without readers", n)
		}
		began = time.Now()
		res, err := f.Rows(t.Context(), where(t, 1))
		if err != nil || len(res.Rows) != 2 || res.Frontier.Time != 10 || time.Since(began) != 2*time.Second {
			t.Errorf("got %d rows at %d after %v, %v", len(res.Rows), res.Frontier.Time, time.Since(began), err)
		}
		row, ok, err := f.Row(t.Context(), relation.Texts("2", "", ""))
		if err != nil || !ok || row.Text(1) != "x" {
			t.Errorf("row: %q %v %v", row, ok, err)
		}
		f.SetState(feed.Starting, "")
		if _, err := f.Rows(ctx, nil); err == nil {
			t.Error("a source that starts again answered")
		}
	})
}

func TestViewsAreSharedAndDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := feed.New(schema(), feed.Config{Linger: 10 * time.Second})
		defer f.Close()
		begin(t, f, "1")
		a := f.Subscribe(feed.Options{Encoder: encoder{}, Where: where(t, 1)}, func() {})
		b := f.Subscribe(feed.Options{Encoder: encoder{}, Where: where(t, 1)}, func() {})
		c := f.Subscribe(feed.Options{Encoder: encoder{}, Where: where(t, 2)}, func() {})
		if s := f.Status(); s.Views != 2 || s.Subscribers != 3 {
			t.Errorf("%d views for %d subscribers", s.Views, s.Subscribers)
		}
		a.Close()
		a.Close()
		time.Sleep(time.Minute)
		if s := f.Status(); s.Views != 2 || s.Subscribers != 2 {
			t.Errorf("%d views for %d subscribers", s.Views, s.Subscribers)
		}
		b.Close()
		c.Close()
		if s := f.Status(); s.Views != 2 {
			t.Errorf("%d views: none lingers", s.Views)
		}
		time.Sleep(12 * time.Second)
		if s := f.Status(); s.Views != 0 || s.Subscribers != 0 {
			t.Errorf("%d views for %d subscribers", s.Views, s.Subscribers)
		}
	})
}

func TestCloseEndsSubscriptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := feed.New(schema(), feed.Config{})
		begin(t, f, "1")
		woken := make(chan struct{}, 8)
		c := f.Subscribe(feed.Options{Encoder: encoder{}}, func() { woken <- struct{}{} })
		<-woken
		if more, err := c.Pull(1<<20, func([]byte) {}); more || err != nil {
			t.Fatal(more, err)
		}
		f.Close()
		<-woken
		var fe *feed.Error
		if _, err := c.Pull(1<<20, func([]byte) {}); !errors.As(err, &fe) || fe.Code != feed.CodeClosed {
			t.Errorf("got %v", err)
		}
	})
}
