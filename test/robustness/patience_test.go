package robustness

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// idleRound is a round in which nobody does anything.
func idleRound() *round { return &round{m: sample(4), begun: time.Now()} }

// A client that asks again and again holds its last answer while it waits for the
// next one, which on a busy machine is most of the time.
func TestAnswersAreHeld(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{kindQuery, kindPoll} {
		c := &client{p: &profile{Kind: kind, Transport: overPost, Select: selection{0}}, round: idleRound(), rows: held{}}
		for _, keys := range [][]string{{"1", "2"}, {"2"}} {
			c.begin()
			m := &message{Kind: map[string]string{kindPoll: "SNAPSHOT"}[kind], Last: true}
			for _, key := range keys {
				m.Events = append(m.Events, event{Op: "INSERT", Key: key, Row: []string{key}})
			}
			c.take(m)
			c.begin()
			if len(c.rows) != len(keys) || c.rows["2"] == nil {
				t.Errorf("%s: holds %v after an answer of %v", kind, c.rows, keys)
			}
		}
	}
}

// A client is waited for as long as it makes headway, and not for ever.
func TestAwait(t *testing.T) {
	t.Parallel()
	r := idleRound()
	c := &client{p: &profile{Kind: kindQuery, Transport: overPost, Select: selection{0}}, round: r, rows: held{}}
	_, final := r.m.last()
	v := newView(r.m, new(where))
	if why := c.await(t.Context(), v, final, time.Now().Add(50*time.Millisecond)); why == "" {
		t.Error("a client without rows has arrived")
	}
	go func() {
		rest(t.Context(), 30*time.Millisecond)
		for key := range final.rows {
			c.take(&message{Events: []event{{Op: "UPSERT", Key: key, Row: []string{key}}}}) // each forgets the rest
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for key := range final.rows {
			c.rows[key] = []string{key}
		}
	}()
	if why := c.await(t.Context(), v, final, time.Now().Add(time.Minute)); why != "" {
		t.Error(why)
	}
}

// A client that holds the final rows by chance has not arrived: what came between
// is still on its way to it.
func TestBehind(t *testing.T) {
	t.Parallel()
	r := idleRound()
	c := &client{p: &profile{Kind: kindChanges, Select: selection{0}}, round: r, rows: held{}}
	_, final := r.m.last()
	v := newView(r.m, new(where))
	c.open = true
	for key := range final.rows {
		c.rows[key] = []string{key}
	}
	tell := func(time uint64) string {
		c.take(&message{Kind: "LIVE", Last: true, State: "LIVE", Time: time})
		return c.behind(v, final)
	}
	if why := tell(final.before - 1); !strings.Contains(why, "told of time") {
		t.Errorf("told of a time before the final one: %q", why)
	}
	if why := tell(final.after); why != "" {
		t.Errorf("told of the final time: %q", why)
	}
	c.act(&action{Do: "stall", For: time.Minute})
	if why := c.behind(v, final); why != "does not read" {
		t.Errorf("while it does not read: %q", why)
	}
}

// What happens in an act in which the process stood still is held to the lenient
// promises alone.
func TestDisturb(t *testing.T) {
	t.Parallel()
	r := idleRound()
	c := &client{p: &profile{Kind: kindRows}, round: r}
	r.clients = []*client{c}
	r.calm.Store(true)
	c.note(&step{What: stepOpen})
	begun := r.since()
	c.note(&step{What: stepError, Note: "SOURCE_NOT_READY"})
	if found := check(r.m, c.p, c.steps); len(found) != 1 {
		t.Errorf("in a calm act: %v", found)
	}
	r.disturb(30, begun)
	if found := check(r.m, c.p, c.steps); len(found) != 0 {
		t.Errorf("disturbed: %v", found)
	}
	if !c.steps[0].Calm || !r.m.calm(0, 29) || slices.ContainsFunc(r.m.states[30:], func(s *state) bool { return s.calm }) {
		t.Error("the wrong steps and states are calm")
	}
}

func TestStrain(t *testing.T) {
	t.Parallel()
	var s strain
	s.worst = time.Second
	if s.take() != time.Second || s.take() != 0 {
		t.Error("the worst is not taken")
	}
}
