package robustness

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// arrive notes that the rows are one of some states: those to which the events
// lead best. Where upstream does not name its times, states that look alike to
// the client cannot always be told apart.
func (r *replay) arrive(states []int) {
	var least []string
	var best []int
	for _, to := range states {
		wrong := r.wayFromAny(to)
		switch {
		case best == nil || len(wrong) < len(least):
			least, best = wrong, []int{to}
		case len(wrong) == len(least):
			best = append(best, to)
		}
	}
	for _, text := range least {
		r.complain("%s", text)
	}
	r.base, r.news = best, nil
}

func (r *replay) wayFromAny(to int) (least []string) {
	for n, from := range r.base {
		if wrong := r.way(from, to); n == 0 || len(wrong) < len(least) {
			least = wrong
		}
	}
	return least
}

// way says what is wrong with the events on the way from one state to another.
// If the states are one visible step apart, the events are known exactly,
// whether or not the client keeps up.
func (r *replay) way(from, to int) (wrong []string) {
	if to < from {
		return []string{fmt.Sprintf("state %d again after %d", to, from)}
	}
	if missed := r.v.skipped(from, to); missed > 0 {
		if r.p.Eager && r.m.calm(from+1, to) {
			wrong = append(wrong, fmt.Sprintf("lost: the client keeps up and was not shown state %d of time %d", missed, r.m.states[missed].after))
		}
		return wrong
	}
	want := r.v.between(from, to)
	for _, e := range r.news {
		w, ok := want[e.Key]
		delete(want, e.Key)
		if !ok {
			wrong = append(wrong, fmt.Sprintf("nothing happened that the client sees, or it is said twice: %s %s %s fields %v",
				e.Op, e.Key, show(e.Row), e.Fields))
			continue
		}
		if text := r.exact(e, w); text != "" {
			wrong = append(wrong, text)
		}
	}
	for key, w := range want {
		wrong = append(wrong, fmt.Sprintf("lost: %s of %s", w.op, key))
	}
	return wrong
}

// exact compares an event with what happened.
func (r *replay) exact(e *event, w transition) (wrong string) {
	if e.Op != w.op && (e.Op != "UPSERT" || w.op == "DELETE") {
		return fmt.Sprintf("%s of %s, which was an %s", e.Op, e.Key, w.op)
	}
	if w.op == "UPDATE" && r.p.fields() {
		if fields := changed(w.old, w.row); !slices.Equal(fields, e.Fields) {
			return fmt.Sprintf("UPDATE of %s names fields %v instead of %v", e.Key, e.Fields, fields)
		}
	}
	if e.Row != nil && !slices.Equal(e.Row, r.p.Select.of(w.row)) {
		return fmt.Sprintf("%s of %s carries %s instead of %s", e.Op, e.Key, show(e.Row), show(r.p.Select.of(w.row)))
	}
	return ""
}

// covered checks that a RESUMED set names every column that differs from what
// the client had before it: clients may take over those alone. The client may
// have had a newer row than some frame of the set, so only the whole set counts.
func (r *replay) covered() {
	for key, fields := range r.named {
		old, now := r.before[key], r.rows[key]
		if old == nil || now == nil {
			continue
		}
		for i, c := range r.p.Select {
			if old[i] != now[i] && !fields[columns[c].name] {
				r.complain("%s of key %s changed, and no frame of the RESUMED set names it: %s before, %s now",
					columns[c].name, key, show(old), show(now))
			}
		}
	}
}

// sum checks without the model's rows that no money came or went.
func (r *replay) sum(state int) {
	got, want := 0, 0
	at := slices.Index(r.p.Select, balance)
	for _, cells := range r.rows {
		n, _ := strconv.Atoi(cells[at])
		got += n
	}
	for _, row := range r.m.states[0].rows {
		want += row.money()
	}
	if got != want {
		r.complain("the sum of all balances is %d instead of %d in state %d", got, want, state)
	}
}

// difference says how the rows differ from the nearest of some states.
func (r *replay) difference(states []int) string {
	best := ""
	for _, i := range states {
		text := r.against(i)
		if best == "" || strings.Count(text, "\n") < strings.Count(best, "\n") {
			best = text
		}
	}
	return best
}

func (r *replay) against(i int) string {
	want := r.v.rows(r.m.states[i])
	var b strings.Builder
	fmt.Fprintf(&b, "    state %d (time %d to %d), columns %v\n", i, r.m.states[i].before, r.m.states[i].after, r.p.Select.names())
	keys := maps.Clone(r.rows)
	for key, w := range want {
		if got, ok := r.rows[key]; ok && slices.Equal(got, r.p.Select.of(w)) {
			delete(keys, key)
		} else {
			keys[key] = got
		}
	}
	for n, key := range slices.Sorted(maps.Keys(keys)) {
		if n == 10 {
			fmt.Fprintf(&b, "    ... %d more\n", len(keys)-n)
			break
		}
		is, should := "absent", "absent"
		if got, ok := r.rows[key]; ok {
			is = show(got)
		}
		if w, ok := want[key]; ok {
			should = show(r.p.Select.of(w))
		}
		fmt.Fprintf(&b, "    key %s: client has %s, upstream had %s\n", key, is, should)
	}
	return strings.TrimRight(b.String(), "\n")
}

// rate checks that a client with maxRate is not told more often. Frames say when
// they were sent. Rows do not, and a busy machine may bring many at once, but none
// before the client has asked.
func (r *replay) rate(steps []*step) {
	if r.p.MaxRate == 0 || r.p.Transport == overPost {
		return
	}
	const (
		window = 2.0 // seconds
		blur   = 0.4 // readers that share bytes differ by a little
	)
	var passes []float64
	var begun, most float64
	last := uint64(0)
	for i, s := range steps {
		at := s.sent().Seconds()
		switch {
		case s.What == stepOpen:
			passes, last, begun = nil, 0, at
		case s.What != stepMessage || len(s.Message.Events) == 0 || s.Message.Time == last:
		case s.Message.Kind == "" || s.Message.Kind == "LIVE" && s.Message.Last:
			last = s.Message.Time
			if passes = append(passes, at); r.p.frames() {
				for passes[0] < at-window {
					passes = passes[1:]
				}
				begun, most = max(begun, at-window), blur
			}
			if limit := r.p.MaxRate*(at-begun+most) + 2; float64(len(passes)) > limit {
				r.step = i
				r.complain("maxRate %v: %d times in %.3f seconds", r.p.MaxRate, len(passes), at-begun)
				return
			}
		}
	}
}
