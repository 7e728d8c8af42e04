package robustness

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// account checks every history and tells what is wrong, in few words.
func (r *round) account() (report string) {
	var b strings.Builder
	for _, l := range r.late {
		fmt.Fprintln(&b, l)
	}
	all := slices.Concat(r.clients, r.seers)
	found := make([][]complaint, len(all))
	for i, c := range all { // one after the other: they settle times for each other
		found[i] = check(r.m, c.p, c.steps)
	}
	told := 0
	for i, c := range all {
		if len(found[i]) == 0 {
			continue
		}
		if told++; told > 4 {
			fmt.Fprintf(&b, "\n%s: %d complaints, the first: %s\n", c.p, len(found[i]), found[i][0].Text)
			continue
		}
		c.tell(&b, found[i])
	}
	for _, g := range r.gateways {
		recent, errors := g.log.lines()
		for _, line := range errors {
			fmt.Fprintf(&b, "\n%s logged an error: %s\n", g.name, line)
		}
		if b.Len() > 0 {
			fmt.Fprintf(&b, "\n%s's log ends with:\n  %s\n", g.name, strings.Join(recent[max(0, len(recent)-12):], "\n  "))
		}
	}
	return b.String()
}

// tell writes down what a client complains of, and what led to the first
// complaint.
func (c *client) tell(b *strings.Builder, found []complaint) {
	const before = 20
	fmt.Fprintf(b, "\n%s\n", c.p)
	for i, f := range found {
		if i == 3 {
			fmt.Fprintf(b, "  ... %d more\n", len(found)-i)
			break
		}
		fmt.Fprintf(b, "  step %d: %s\n", f.Step, f.Text)
	}
	at := min(found[0].Step, len(c.steps)-1)
	fmt.Fprintf(b, "  what came before:\n")
	first := at
	for lines := 1; first > 0 && lines < before; first-- {
		if !c.idle(first) {
			lines++
		}
	}
	for i := first; i <= at; i++ {
		if i == at || !c.idle(i) {
			fmt.Fprintf(b, "  %5d %s\n", i, c.steps[i])
		}
	}
}

// idle says that a step is an empty frame like the one before it.
func (c *client) idle(i int) bool {
	if i == 0 {
		return false
	}
	a, b := c.steps[i-1].Message, c.steps[i].Message
	return a != nil && b != nil && len(b.Events) == 0 && a.Kind == b.Kind && a.State == b.State && a.Last == b.Last
}

// history is what is kept of a round that failed.
type history struct {
	Plan    *plan               `json:"plan"`
	Report  string              `json:"report"`
	Clients map[string][]*step  `json:"clients"`
	States  []historicState     `json:"states"`
	Logs    map[string][]string `json:"logs"`
}

type historicState struct {
	Before uint64              `json:"before"`
	After  uint64              `json:"after"`
	Calm   bool                `json:"calm,omitempty"`
	Keys   map[string][]string `json:"keys"` // what the commit changed; null: gone
}

// save writes the history as JSON and returns the file's name.
func (r *round) save(dir, report string) (string, error) {
	h := history{Plan: r.plan, Report: report, Clients: map[string][]*step{}, Logs: map[string][]string{}}
	for _, c := range slices.Concat(r.clients, r.seers) {
		h.Clients[c.p.Name] = c.steps
	}
	for _, g := range r.gateways {
		h.Logs[g.name], _ = g.log.lines()
	}
	for i, s := range r.m.states {
		hs := historicState{Before: s.before, After: s.after, Calm: s.calm, Keys: map[string][]string{}}
		for _, key := range s.keys {
			hs.Keys[key] = nil
			if row := s.rows[key]; row != nil {
				hs.Keys[key] = row.cells
			}
		}
		if i == 0 {
			for key, row := range s.rows {
				hs.Keys[key] = row.cells
			}
		}
		h.States = append(h.States, hs)
	}
	b, err := json.Marshal(h)
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, fmt.Sprintf("robust-%d.json", r.plan.Seed))
	return name, os.WriteFile(name, b, 0o600)
}

// tally is what a run has done, to show that it did something.
type tally struct {
	mu     sync.Mutex // guards what follows
	counts map[string]int
}

func (t *tally) add(what string, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[string]int{}
	}
	t.counts[what] += n
}

// count adds up what happened in a round.
func (r *round) count(t *tally) {
	t.add("states", len(r.m.states))
	t.add("calm acts in which the process stood still", r.strains)
	for _, a := range r.plan.Acts {
		t.add("act: "+a.String(), 1)
	}
	for _, c := range r.clients {
		before := uint64(0)
		for _, s := range c.steps {
			if s.Message == nil {
				t.add("step: "+s.What, 1)
				before = 0
				continue
			}
			if s.Message.Time < before {
				t.add("time set back in "+c.p.Kind+" "+s.Message.Kind, 1)
			}
			before = s.Message.Time
			t.add("messages", 1)
			t.add("events", len(s.Message.Events))
			if s.Message.Kind != "" && s.Message.Last {
				t.add("frame: "+s.Message.Kind, 1)
			}
		}
	}
}
