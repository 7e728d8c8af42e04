package filter

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/tycostream/tycostream/internal/relation"
)

// TestMatchesReference compares random filters over random rows with the slow
// evaluator, and holds the canonical form to its promises.
func TestMatchesReference(t *testing.T) {
	seed := rand.Uint64()
	g := generator{rand.New(rand.NewPCG(seed, 1))}
	t.Logf("seed %d", seed)
	matched := 0
	for range 3000 {
		w := g.where(3)
		text, err := json.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Compile(everything, w)
		if err != nil {
			t.Fatalf("seed %d: %s: %v", seed, text, err)
		}
		again := mustCompile(t, p.Canonical())
		if again.Canonical() != p.Canonical() {
			t.Fatalf("seed %d: %s\ncanonical %s\ncompiles to %s", seed, text, p.Canonical(), again.Canonical())
		}
		if other, err := Compile(everything, g.respell(w)); err != nil || other.Canonical() != p.Canonical() {
			t.Fatalf("seed %d: %s\ncanonical %s\nrespelt %s, %v", seed, text, p.Canonical(), other.Canonical(), err)
		}
		for range 20 {
			r := g.row()
			want := reference(w, r) == yes
			if want {
				matched++
			}
			if p.Match(r) != want || again.Match(r) != want {
				t.Fatalf("seed %d: %s\nfor row %s\nMatch %v, canonical %v, want %v", seed, text, show(r), p.Match(r), again.Match(r), want)
			}
			if want && !hintsHold(p, r) {
				t.Fatalf("seed %d: %s matches row %s against its hints", seed, text, show(r))
			}
		}
	}
	if matched < 5000 {
		t.Errorf("only %d matches: the generator is too strict to test anything", matched)
	}
}

func show(r relation.Row) string {
	m := map[string]any{}
	for i := range r.Len() {
		if cell, ok := r.Cell(i); ok {
			m[everything.Columns[i].Field] = cell
		}
	}
	text, _ := json.Marshal(m)
	return string(text)
}

// hintsHold checks a matching row against the necessary conditions.
func hintsHold(p *Predicate, r relation.Row) bool {
	for _, h := range p.Hints() {
		cell, ok := r.Cell(h.Column)
		if !ok {
			return false
		}
		found := h.Values == nil
		for i := range h.Values {
			order, ok := h.Values[i].CompareCell(cell)
			found = found || ok && order == 0
		}
		if !found {
			return false
		}
		if h.Low != nil {
			if order, ok := h.Low.Value.CompareCell(cell); !ok || order < 0 || order == 0 && !h.Low.Inclusive {
				return false
			}
		}
		if h.High != nil {
			if order, ok := h.High.Value.CompareCell(cell); !ok || order > 0 || order == 0 && !h.High.Inclusive {
				return false
			}
		}
	}
	return true
}
