package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/webhook"
	"github.com/tycostream/tycostream/internal/webhook/store"
)

// A store that is mended goes on in the same process: what is with the deliverer
// stays there, what was concluded is not repeated, sequences hold.
func TestMend(t *testing.T) {
	for _, sync := range []store.Sync{store.Always, store.Interval} {
		t.Run(string(sync), func(t *testing.T) {
			o := store.Options{Dir: t.TempDir(), Sync: sync}
			s := open(t, o)
			seqs := appendAll(t, s, fire("a", 0), fire("b", 0), clearing("b", 0), fire("c", 0))
			var in inbox
			s.Announce(in.ready)
			lanes := in.take()
			for _, l := range lanes {
				if _, err := s.Load(t.Context(), l); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Done(lanes[0], webhook.Attempts{}); err != nil { // a
				t.Fatal(err)
			}
			before := states(t, s)

			s.Break()
			if _, err := s.Append(t.Context(), []webhook.Transition{fire("d", 0)}); !errors.Is(err, webhook.ErrFailed) {
				t.Errorf("append to a broken store: %v", err)
			}
			if err := s.PutDefinition(t.Context(), "x", nil); err != nil {
				t.Logf("a definition: %v", err) // its own stream may be sound
			}
			if err := s.Done(lanes[1], webhook.Attempts{}); err != nil { // b: concluded while broken
				t.Errorf("done while broken: %v", err)
			}
			for deadline := time.Now().Add(time.Minute); s.Failed() != nil; <-time.After(5 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal(s.Failed())
				}
			}

			if got := states(t, s); fmt.Sprint(got) != fmt.Sprint(before) {
				t.Errorf("states %v, want %v", got, before)
			}
			if err := s.Done(lanes[2], webhook.Attempts{}); err != nil { // c: loaded before, done after
				t.Errorf("done after mending: %v", err)
			}
			if err := s.Done(lanes[2], webhook.Attempts{}); !errors.Is(err, webhook.ErrNotTaken) {
				t.Errorf("done twice: %v", err)
			}
			more := in.take()
			if len(more) != 1 {
				for _, l := range more {
					d, err := s.Load(t.Context(), l)
					t.Log(d.ID, err)
				}
				t.Fatalf("%d lanes were announced, want that of b's CLEAR", len(more))
			}
			appendAll(t, s, clearing("a", seqs[0]), fire("d", 0))
			s.Announce(nil)
			s.Close()
			if got := drain(t, open(t, o)); len(got) != 3 || !slices.Contains(got, "b-clear-0") || !slices.Contains(got, "d-fire-0") {
				t.Errorf("delivered %v, want a's and b's CLEAR and d's FIRE", got)
			}
		})
	}
}

// A lane whose delivery is another after mending is announced again, and not
// taken for delivered.
func TestMendUnderALane(t *testing.T) {
	s := open(t, store.Options{Dir: t.TempDir()})
	appendAll(t, s, fire("a", 0))
	var in inbox
	s.Announce(in.ready)
	lane := in.take()[0]
	if _, err := s.Load(t.Context(), lane); err != nil {
		t.Fatal(err)
	}
	s.Lose(t, "a") // the message is gone, and another comes
	s.Break()
	for deadline := time.Now().Add(time.Minute); s.Failed() != nil; <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(s.Failed())
		}
	}
	appendAll(t, s, fire("a", 0))
	if err := s.Done(lane, webhook.Attempts{}); err != nil {
		t.Fatal(err)
	}
	if got := in.take(); len(got) != 1 || s.Pending("t1") != 1 {
		t.Errorf("%d lanes, %d pending", len(got), s.Pending("t1"))
	}
	s.Announce(nil)
}

// Records of a newer version keep an older gateway from starting.
func TestNewerRecords(t *testing.T) {
	o := store.Options{Dir: t.TempDir()}
	s := open(t, o)
	s.Raw(t, "row.t1.kYQ", []byte{99, 1, 0})
	s.Close()
	if _, err := store.Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "not a record of this version") {
		t.Errorf("opened: %v", err)
	}
}

// Dead letters go after a while.
func TestDeadLettersAge(t *testing.T) {
	s := open(t, store.Options{DeadAge: 300 * time.Millisecond})
	appendAll(t, s, fire("a", 0))
	bury(t, s)
	if len(dead(t, s, webhook.Page{})) != 1 {
		t.Fatal("no dead letter")
	}
	for deadline := time.Now().Add(time.Minute); len(dead(t, s, webhook.Page{})) > 0; <-time.After(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it is still there")
		}
	}
}
