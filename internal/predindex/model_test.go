package predindex

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tycostream/tycostream/internal/filter"
	"github.com/tycostream/tycostream/internal/relation"
)

// model is the index written down naively, and the index beside it.
type model struct {
	testing.TB
	g       generator
	seed    uint64
	schema  *relation.Schema
	index   *Index[int]
	entries map[int]*Entry[int] // by value
	next    int
	visited int
}

func newModel(tb testing.TB, seed uint64, schema *relation.Schema) *model {
	tb.Helper()
	g := newGenerator(seed)
	s := schema
	if s == nil {
		s = g.schema()
	}
	return &model{TB: tb, g: g, seed: seed, schema: s, index: New[int](s), entries: map[int]*Entry[int]{}}
}

func (m *model) run(steps int) {
	m.Helper()
	row := m.g.row(m.schema, "")
	for range steps {
		switch n := m.g.IntN(10); {
		case n < 5 && len(m.entries) < 300:
			m.add(m.g.predicate(m, m.schema))
		case n < 6:
			m.removeSome()
		default:
			next := m.g.row(m.schema, row)
			m.visit(row, next)
			m.match(next)
			row = next
		}
	}
	for _, e := range m.entries {
		m.index.Remove(e)
	}
	if x := m.index; x.Len() != 0 || x.Indexed() != 0 || x.Residual() != 0 || len(x.active) != 0 || len(x.shapes) != 0 {
		m.Fatalf("seed %d: an empty index has %d entries, %d columns, %d shapes", m.seed, x.Len(), len(x.active), len(x.shapes))
	}
}

func (m *model) add(p *filter.Predicate) {
	m.entries[m.next] = m.index.Add(p, m.next)
	m.next++
}

func (m *model) removeSome() {
	for range m.g.IntN(8) {
		v := m.g.IntN(m.next + 1)
		if e, ok := m.entries[v]; ok {
			m.index.Remove(e)
			delete(m.entries, v)
		}
	}
	if m.index.Len() != len(m.entries) {
		m.Fatalf("seed %d: %d entries, want %d", m.seed, m.index.Len(), len(m.entries))
	}
	for _, c := range m.index.active {
		checkTrie(m, &c.plain)
		checkTrie(m, &c.folded)
	}
}

// checkTrie walks all of a trie.
func checkTrie(tb testing.TB, t *trie[int]) {
	tb.Helper()
	if t.first == nil {
		return
	}
	paths := 0
	var check func(w, above *twig[int], from int)
	check = func(w, above *twig[int], from int) {
		n := 0
		for i := range w.chains {
			for p := w.chains[i].head; p != nil; p = p.next {
				n++
			}
		}
		if n != w.paths || w.start != from || w.above != above || n == 0 && len(w.below) < 2 || len(w.next) != len(w.below) {
			tb.Fatalf("twig %q from %d has %d paths (%d) and %d branches", w.text, w.start, n, w.paths, len(w.below))
		}
		paths += n
		for i, b := range w.below {
			if !strings.HasPrefix(b.text, w.text) || b.text[len(w.text)] != w.next[i] {
				tb.Fatalf("twig %q is a branch of %q for %q", b.text, w.text, w.next[i])
			}
			check(b, w, len(w.text))
		}
	}
	for first, w := range t.first {
		if w != nil && w.text[0] != byte(first) {
			tb.Fatalf("twig %q hangs at byte %d", w.text, first)
		} else if w != nil {
			check(w, nil, 0)
		}
	}
	if paths != t.needles {
		tb.Fatalf("%d paths, counted %d", paths, t.needles)
	}
}

func (m *model) visit(before, after relation.Row) {
	m.Helper()
	type truth struct{ was, is bool }
	got := map[int]truth{}
	evaluated := m.index.Evaluations()
	m.index.Visit(before, after, func(v int, was, is bool) {
		if _, twice := got[v]; twice {
			m.Errorf("seed %d: %s is visited twice", m.seed, m.entries[v].predicate.Canonical())
		}
		got[v] = truth{was, is}
	})
	if n := m.index.Evaluations() - evaluated; before == after && n > uint64(len(m.entries)) {
		m.Errorf("seed %d: %d evaluations of %d entries for a row that did not change", m.seed, n, len(m.entries))
	}
	m.visited += len(got)
	for v, e := range m.entries {
		want := truth{before != "" && e.predicate.Match(before), after != "" && e.predicate.Match(after)}
		if got[v] != want {
			m.Fatalf("seed %d: %s\nfrom %s\nto   %s\n%v, want %v", m.seed, e.predicate.Canonical(), show(m.schema, before), show(m.schema, after), got[v], want)
		}
		delete(got, v)
	}
	if len(got) > 0 {
		m.Fatalf("seed %d: visited %v, which are not in the index", m.seed, got)
	}
}

func (m *model) match(row relation.Row) {
	m.Helper()
	got := map[int]int{}
	m.index.Match(row, func(v int) { got[v]++ })
	for v, e := range m.entries {
		want := 0
		if row != "" && e.predicate.Match(row) {
			want = 1
		}
		if got[v] != want {
			m.Fatalf("seed %d: %s\nfor %s\nmatched %d times, want %d", m.seed, e.predicate.Canonical(), show(m.schema, row), got[v], want)
		}
	}
}

// TestModel compares the index with evaluating every predicate, over random
// schemas, filters and rows, while entries come and go.
func TestModel(t *testing.T) {
	testModel(t, nil, 150, 30_000)
}

// TestPatternModel does so where all filters are on one text.
func TestPatternModel(t *testing.T) {
	testModel(t, oneText, 40, 30_000)
}

var oneText = &relation.Schema{Columns: []relation.Column{{Name: "c0", Field: "c0", Kind: relation.String, Nullable: true}}, Key: []int{0}}

func testModel(t *testing.T, s *relation.Schema, rounds uint64, least int) {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	visited := 0
	for i := range rounds {
		m := newModel(t, seed+i, s)
		m.run(250)
		visited += m.visited
	}
	if visited < least {
		t.Errorf("only %d visits: the generator is too strict to test anything", visited)
	}
}

func FuzzModel(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, uint16(200), seed%2 == 0)
	}
	f.Fuzz(func(t *testing.T, seed uint64, steps uint16, text bool) {
		var s *relation.Schema
		if text {
			s = oneText
		}
		newModel(t, seed, s).run(int(steps % 2000))
	})
}
