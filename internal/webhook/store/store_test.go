package store_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/webhook"
	"github.com/tycostream/tycostream/internal/webhook/store"
)

func open(tb testing.TB, o store.Options) *store.Store {
	tb.Helper()
	s, err := store.Open(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return s
}

// fire and clear are transitions of row key, with an id that tells them apart.
func fire(key string, prev uint64) webhook.Transition {
	return webhook.Transition{
		Trigger: "t1", Key: key, Kind: webhook.Fire, ID: fmt.Sprintf("%s-fire-%d", key, prev), Time: time.Unix(1, 2),
		Body: fmt.Appendf(nil, `{"key":%q,"after":%d}`, key, prev), State: []byte("firing"), Prev: prev,
	}
}

func clearing(key string, prev uint64) webhook.Transition {
	tr := fire(key, prev)
	tr.Kind, tr.State, tr.ID = webhook.Clear, nil, fmt.Sprintf("%s-clear-%d", key, prev)
	return tr
}

func appendAll(tb testing.TB, s webhook.Log, ts ...webhook.Transition) []uint64 {
	tb.Helper()
	seqs, err := s.Append(tb.Context(), ts)
	if err != nil {
		tb.Fatal(err)
	}
	return seqs
}

// inbox collects announced lanes.
type inbox struct {
	mu    sync.Mutex
	lanes []webhook.Lane
}

func (in *inbox) ready(l webhook.Lane, _ time.Time) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.lanes = append(in.lanes, l)
}

func (in *inbox) take() []webhook.Lane {
	in.mu.Lock()
	defer in.mu.Unlock()
	lanes := in.lanes
	in.lanes = nil
	return lanes
}

// drain delivers everything and returns the ids in the order they came.
func drain(tb testing.TB, s *store.Store) []string {
	tb.Helper()
	var in inbox
	s.Announce(in.ready)
	defer s.Announce(nil)
	var ids []string
	for {
		lanes := in.take()
		if len(lanes) == 0 {
			return ids
		}
		for _, l := range lanes {
			d, err := s.Load(tb.Context(), l)
			if err != nil {
				tb.Fatal(err)
			}
			ids = append(ids, d.ID)
			if err := s.Done(l, webhook.Attempts{}); err != nil {
				tb.Fatal(err)
			}
		}
	}
}

func states(tb testing.TB, s *store.Store) map[string]string {
	tb.Helper()
	got := map[string]string{}
	err := s.States(tb.Context(), "t1", func(key string, seq uint64, state []byte) bool {
		got[key] = fmt.Sprintf("%d %s", seq, state)
		return true
	})
	if err != nil {
		tb.Fatal(err)
	}
	return got
}

// modes runs a test on disk, under both ways to sync, and in memory.
func modes(t *testing.T, test func(t *testing.T, o store.Options)) {
	t.Helper()
	t.Run("always", func(t *testing.T) { test(t, store.Options{Dir: t.TempDir(), Sync: store.Always}) })
	t.Run("interval", func(t *testing.T) { test(t, store.Options{Dir: t.TempDir(), Sync: store.Interval}) })
	t.Run("memory", func(t *testing.T) { test(t, store.Options{}) })
}

func TestAppendAndDeliver(t *testing.T) {
	modes(t, func(t *testing.T, o store.Options) {
		t.Helper()
		s := open(t, o)
		a := appendAll(t, s, fire("a", 0), fire("b", 0), clearing("a", 0))
		if !slices.IsSorted(a) || len(a) != 3 {
			t.Fatalf("sequences: %v", a)
		}
		if got, want := states(t, s), fmt.Sprintf("map[b:%d firing]", a[1]); fmt.Sprint(got) != want {
			t.Errorf("states: %v, want %v", got, want)
		}
		if got, want := fmt.Sprint(drain(t, s)), "[a-fire-0 b-fire-0 a-clear-0]"; got != want {
			t.Errorf("delivered %v, want %v", got, want)
		}
		if _, err := s.Append(t.Context(), []webhook.Transition{fire("b", 0)}); !errors.Is(err, webhook.ErrConflict) {
			t.Errorf("append over a firing row: %v", err)
		}
		if _, err := s.Append(t.Context(), []webhook.Transition{fire("c", 0), clearing("b", a[1]+9)}); !errors.Is(err, webhook.ErrConflict) {
			t.Errorf("append with a wrong sequence: %v", err)
		}
		appendAll(t, s, clearing("b", a[1]), fire("a", 0))
		if got, want := fmt.Sprint(drain(t, s)), fmt.Sprintf("[b-clear-%d a-fire-0]", a[1]); got != want {
			t.Errorf("delivered %v, want %v: nothing of a refused append", got, want)
		}
	})
}

func TestReopen(t *testing.T) {
	o := store.Options{Dir: t.TempDir()}
	s := open(t, o)
	seqs := appendAll(t, s, fire("a", 0), fire("b", 0), clearing("b", 0), fire("c", 0))
	var in inbox
	s.Announce(in.ready)
	lanes := in.take()
	for _, l := range lanes[:2] { // a is delivered, b fails, c is not tried
		if _, err := s.Load(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Done(lanes[0], webhook.Attempts{}); err != nil {
		t.Fatal(err)
	}
	tried := webhook.Attempts{Count: 3, Last: time.Unix(5, 0), Next: time.Unix(50, 0), Status: 503, Excerpt: "busy"}
	if err := s.Retry(lanes[1], tried); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = open(t, o)
	want := map[string]string{"a": fmt.Sprint(seqs[0], " firing"), "c": fmt.Sprint(seqs[3], " firing")}
	if got := states(t, s); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("states: %v, want %v", got, want)
	}
	list, err := s.PendingOf(t.Context(), "t1", webhook.Page{})
	if err != nil || len(list) != 3 {
		t.Fatalf("pending: %v, %v", list, err)
	}
	if got := list[0].Attempts; got != tried {
		t.Errorf("attempts: %+v, want %+v", got, tried)
	}
	if got, want := fmt.Sprint(drain(t, s)), "[b-fire-0 c-fire-0 b-clear-0]"; got != want {
		t.Errorf("delivered %v, want %v", got, want)
	}
}
