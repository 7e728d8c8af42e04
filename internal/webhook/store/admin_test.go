package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tycostream/tycostream/internal/webhook"
	"github.com/tycostream/tycostream/internal/webhook/store"
)

func TestMain(m *testing.M) {
	if os.Getenv(childDir) != "" {
		os.Exit(m.Run()) // a child is killed, or ends with all it has
	}
	goleak.VerifyTestMain(m,
		// One of the server's libraries keeps a clock for good.
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1"))
}

// bury makes dead letters of everything that is pending.
func bury(t *testing.T, s *store.Store) {
	t.Helper()
	var in inbox
	s.Announce(in.ready)
	defer s.Announce(nil)
	for lanes := in.take(); len(lanes) > 0; lanes = in.take() {
		for _, l := range lanes {
			if err := s.Bury(t.Context(), l, webhook.Attempts{Count: 10, Last: time.Unix(7, 0), Status: 404, Excerpt: "gone"}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func ids(list []webhook.Delivery) string {
	var ids []string
	for _, d := range list {
		ids = append(ids, d.ID)
	}
	return fmt.Sprint(ids)
}

func dead(t *testing.T, s *store.Store, p webhook.Page) []webhook.Delivery {
	t.Helper()
	list, err := s.DeadOf(t.Context(), "t1", p)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func triggers(t *testing.T, s *store.Store) []string {
	t.Helper()
	list, err := s.Triggers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestDeadLetters(t *testing.T) {
	modes(t, func(t *testing.T, o store.Options) {
		t.Helper()
		s := open(t, o)
		seqs := appendAll(t, s, fire("a", 0), fire("b", 0), clearing("b", 0), fire("c", 0))
		bury(t, s)
		list := dead(t, s, webhook.Page{})
		if got, want := ids(list), "[a-fire-0 b-fire-0 c-fire-0 b-clear-0]"; got != want {
			t.Fatalf("dead %s, want %s", got, want)
		}
		if d := list[0]; d.Key != "a" || d.Attempts.Status != 404 || d.Attempts.Count != 10 || string(d.Body) != `{"key":"a","after":0}` || d.Kind != webhook.Fire {
			t.Errorf("dead letter %+v", d)
		}
		if got, want := ids(dead(t, s, webhook.Page{After: list[0].Seq, Limit: 2})), "[b-fire-0 c-fire-0]"; got != want {
			t.Errorf("page %s, want %s", got, want)
		}
		if n, err := s.Dead(t.Context(), "t1"); err != nil || n != 4 || s.Pending("t1") != 0 {
			t.Errorf("%d dead, %d pending, %v", n, s.Pending("t1"), err)
		}
		if err := s.Resend(t.Context(), "t1", "b-fire-0"); err != nil {
			t.Fatal(err)
		}
		if err := s.Resend(t.Context(), "t1", "nobody"); !errors.Is(err, webhook.ErrNotFound) {
			t.Errorf("resend of nothing: %v", err)
		}
		list, err := s.PendingOf(t.Context(), "t1", webhook.Page{})
		if err != nil || ids(list) != "[b-fire-0]" || !list[0].Resent || list[0].Attempts.Count != 0 || list[0].Key != "b" {
			t.Errorf("pending %+v, %v", list, err)
		}
		if n, err := s.ResendAll(t.Context(), "t1"); n != 3 || err != nil {
			t.Errorf("resent %d, %v", n, err)
		}
		if list := dead(t, s, webhook.Page{}); len(list) != 0 {
			t.Errorf("dead after resending %s", ids(list))
		}
		// What is resent does not touch the row: its state and sequence hold.
		appendAll(t, s, clearing("a", seqs[0]))
		got := drain(t, s)
		slices.Sort(got)
		if want := fmt.Sprintf("[a-clear-%d a-fire-0 b-clear-0 b-fire-0 c-fire-0]", seqs[0]); fmt.Sprint(got) != want {
			t.Errorf("delivered %v, want %s", got, want)
		}
	})
}

func TestDeadLettersAreBounded(t *testing.T) {
	s := open(t, store.Options{DeadMax: 3})
	for i := range 10 {
		appendAll(t, s, fire(strconv.Itoa(i), 0))
	}
	bury(t, s)
	if got, want := ids(dead(t, s, webhook.Page{})), "[7-fire-0 8-fire-0 9-fire-0]"; got != want {
		t.Errorf("dead %s, want %s", got, want)
	}
}

func TestForget(t *testing.T) {
	modes(t, func(t *testing.T, o store.Options) {
		t.Helper()
		s := open(t, o)
		appendAll(t, s, fire("a", 0))
		bury(t, s)
		other := fire("x", 0)
		other.Trigger = "t2"
		appendAll(t, s, fire("b", 0), other)
		test := webhook.Transition{Trigger: "t1", Key: "", Kind: webhook.Test, ID: "test", Body: []byte("{}")}
		appendAll(t, s, test)
		var in inbox
		s.Announce(in.ready)
		lanes := in.take()
		if len(lanes) != 3 {
			t.Fatalf("%d lanes", len(lanes))
		}
		if err := s.Forget(t.Context(), "t1"); err != nil {
			t.Fatal(err)
		}
		for _, l := range lanes {
			_, err := s.Load(t.Context(), l)
			if gone := l.Trigger() == "t1"; errors.Is(err, webhook.ErrNotFound) != gone {
				t.Errorf("load of %s: %v", l.Trigger(), err)
			}
			if err := s.Done(l, webhook.Attempts{}); err != nil {
				t.Errorf("done of %s: %v", l.Trigger(), err)
			}
		}
		if len(states(t, s)) != 0 || len(dead(t, s, webhook.Page{})) != 0 {
			t.Error("a forgotten trigger has rows or dead letters")
		}
		if got := fmt.Sprint(triggers(t, s)); got != "[t2]" {
			t.Errorf("triggers %s", got)
		}
		appendAll(t, s, fire("b", 0)) // its subject is empty again
	})
}

func TestDefinitions(t *testing.T) {
	o := store.Options{Dir: t.TempDir()}
	s := open(t, o)
	for name, doc := range map[string]string{"live_pnl/a b.c": "1", "": "2", "x": "3"} {
		if err := s.PutDefinition(t.Context(), name, []byte(doc)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.PutDefinition(t.Context(), "x", []byte("4")); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteDefinition(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteDefinition(t.Context(), "never was"); err != nil {
		t.Fatal(err)
	}
	s.Close()
	docs, err := open(t, o).Definitions(t.Context())
	if err != nil || len(docs) != 2 || string(docs["live_pnl/a b.c"]) != "1" || string(docs["x"]) != "4" {
		t.Errorf("definitions %q, %v", docs, err)
	}
}

func TestLock(t *testing.T) {
	o := store.Options{Dir: filepath.Join(t.TempDir(), "data")}
	s := open(t, o)
	_, err := store.Open(t.Context(), o)
	if !errors.Is(err, webhook.ErrLocked) || !strings.Contains(err.Error(), o.Dir) || !strings.Contains(err.Error(), "DATA_DIR") {
		t.Errorf("second open: %v", err)
	}
	s.Close()
	if _, err := s.Append(t.Context(), []webhook.Transition{fire("a", 0)}); !errors.Is(err, webhook.ErrClosed) {
		t.Errorf("append after close: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	open(t, o)
}

// Any text is a key, also one that no subject could hold.
func TestKeys(t *testing.T) {
	o := store.Options{Dir: t.TempDir()}
	s := open(t, o)
	keys := []string{"", " ", "a.b", "*", ">", "é\x00\n", strings.Repeat("long", 3000), strings.Repeat("long", 3001)}
	for _, key := range keys {
		appendAll(t, s, fire(key, 0))
	}
	s.Close()
	s = open(t, o)
	got := states(t, s)
	for _, key := range keys {
		if got[key] == "" {
			t.Errorf("key %.20q is lost", key)
		}
	}
	if len(drain(t, s)) != len(keys) {
		t.Error("deliveries are lost")
	}
	for _, bad := range []string{"", "a.b", "a b", "*", strings.Repeat("x", 200)} {
		tr := fire("a", 0)
		tr.Trigger = bad
		if _, err := s.Append(t.Context(), []webhook.Transition{tr}); err == nil {
			t.Errorf("trigger id %q is taken", bad)
		}
	}
	large := fire("large", 0)
	large.Body = make([]byte, 9<<20)
	if _, err := s.Append(t.Context(), []webhook.Transition{large}); !errors.Is(err, webhook.ErrTooLarge) {
		t.Errorf("a large body: %v", err)
	}
}

// Silent transitions change the state, are delivered to nobody, and hold
// nothing back.
func TestSilent(t *testing.T) {
	modes(t, func(t *testing.T, o store.Options) {
		t.Helper()
		s := open(t, o)
		quiet := fire("a", 0)
		quiet.Silent = true
		seqs := appendAll(t, s, quiet)
		if got := drain(t, s); len(got) != 0 {
			t.Errorf("delivered %v", got)
		}
		if len(states(t, s)) != 1 {
			t.Error("the state is not kept")
		}
		forget := clearing("a", seqs[0])
		forget.Silent = true
		appendAll(t, s, forget)
		if len(states(t, s)) != 0 {
			t.Error("the row is not at rest")
		}
		appendAll(t, s, fire("a", 0))
		if got := drain(t, s); fmt.Sprint(got) != "[a-fire-0]" {
			t.Errorf("delivered %v", got)
		}
	})
}

// Rows that come to rest leave nothing behind, on disk or in memory.
func TestRowsAtRestAreForgotten(t *testing.T) {
	modes(t, func(t *testing.T, o store.Options) {
		t.Helper()
		s := open(t, o)
		for i := range 300 {
			appendAll(t, s, fire(strconv.Itoa(i), 0), clearing(strconv.Itoa(i), 0))
		}
		drain(t, s)
		deadline := time.After(time.Minute)
		// A row's mark goes a moment after the row.
		for tick := time.NewTicker(5 * time.Millisecond); len(triggers(t, s)) > 0 || s.Messages(t) > 0; {
			s.Retire()
			select {
			case <-tick.C:
			case <-deadline:
				t.Fatalf("rows at rest are still there: %d triggers, %d messages", len(triggers(t, s)), s.Messages(t))
			}
		}
	})
}
