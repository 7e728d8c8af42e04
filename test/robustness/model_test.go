package robustness

import (
	"maps"
	"slices"
	"sort"
	"sync"
)

// state is what upstream held from one commit to the next. The commit lies at
// a time between before and after: equal where upstream names its times.
type state struct {
	before, after uint64
	era           int // how often upstream had been set back
	rows          map[string]*record
	keys          []string // that this commit touched
	calm          bool     // nothing was broken, and nothing so large that clients may be told a conflated difference
}

// model is the sequence of all committed states: what the gateways' clients
// have to be shown.
type model struct {
	mu       sync.Mutex // guards states while a round is running
	states   []*state
	eras     []uint64         // the first time of each era
	resolved map[uint64][]int // times of which a client has shown which state they are
}

func newModel() *model { return &model{resolved: map[uint64][]int{}} }

// commit appends a state.
func (m *model) commit(s *state) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.era == len(m.eras) {
		m.eras = append(m.eras, s.after)
	}
	m.states = append(m.states, s)
}

// count returns how many states there are.
func (m *model) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.states)
}

// last returns the newest state and its number.
func (m *model) last() (int, *state) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := len(m.states) - 1
	if n < 0 {
		return n, &state{rows: map[string]*record{}}
	}
	return n, m.states[n]
}

// era returns the era that a time belongs to: eras follow each other, each
// with times below all those of the one before.
func (m *model) era(time uint64) int {
	for i, first := range m.eras {
		if time >= first {
			return i
		}
	}
	return len(m.eras) - 1
}

// at returns the numbers of the states that upstream may have held at a time:
// one, or a few where a commit's time is not known exactly.
func (m *model) at(time uint64) []int {
	if known, ok := m.resolved[time]; ok {
		return known
	}
	era := m.era(time)
	lo := sort.Search(len(m.states), func(i int) bool {
		s := m.states[i]
		return s.era > era || s.era == era && s.after > time
	}) - 1
	if lo < 0 || m.states[lo].era != era {
		lo++
	}
	out := []int{}
	for i := lo; i < len(m.states) && m.states[i].era == era && (i == lo || m.states[i].before <= time); i++ {
		out = append(out, i)
	}
	return out
}

// settle notes that only these states remain possible for a time.
func (m *model) settle(time uint64, states []int) { m.resolved[time] = states }

// view is the model through one client's filter.
type view struct {
	m     *model
	where *where
	known map[*record]bool
}

func newView(m *model, w *where) *view { return &view{m: m, where: w, known: map[*record]bool{}} }

func (v *view) has(r *record) bool {
	if r == nil {
		return false
	}
	match, ok := v.known[r]
	if !ok {
		match = v.where.matches(r)
		v.known[r] = match
	}
	return match
}

// rows are the rows of a state that the client sees.
func (v *view) rows(s *state) map[string]*record {
	out := make(map[string]*record, len(s.rows))
	for key, r := range s.rows {
		if v.has(r) {
			out[key] = r
		}
	}
	return out
}

// quiet says that state i differs from the one before it in nothing that the
// client sees.
func (v *view) quiet(i int) bool {
	for _, key := range v.m.states[i].keys {
		a, b := v.m.states[i-1].rows[key], v.m.states[i].rows[key]
		if (v.has(a) || v.has(b)) && !a.same(b) {
			return false
		}
	}
	return true
}

// skipped returns the first state after from and before to that the client
// ought to have been shown, or 0.
func (v *view) skipped(from, to int) int {
	for i := from + 1; i < to; i++ {
		if !v.quiet(i) {
			return i
		}
	}
	return 0
}

// calm says that all states after from up to to are calm.
func (m *model) calm(from, to int) bool {
	for i := max(from, 0); i <= to; i++ {
		if !m.states[i].calm {
			return false
		}
	}
	return true
}

// transition is what one event has to say.
type transition struct {
	op       string
	old, row *record
}

// between returns what leads the client from one state to another, by key.
func (v *view) between(from, to int) map[string]transition {
	touched := map[string]bool{}
	for i := from + 1; i <= to; i++ {
		for _, key := range v.m.states[i].keys {
			touched[key] = true
		}
	}
	out := map[string]transition{}
	for _, key := range slices.Sorted(maps.Keys(touched)) {
		a, b := v.m.states[from].rows[key], v.m.states[to].rows[key]
		switch was, is := v.has(a), v.has(b); {
		case is && !was:
			out[key] = transition{op: "INSERT", old: a, row: b}
		case was && !is:
			out[key] = transition{op: "DELETE", old: a, row: a}
		case was && is && !a.same(b):
			out[key] = transition{op: "UPDATE", old: a, row: b}
		}
	}
	return out
}
