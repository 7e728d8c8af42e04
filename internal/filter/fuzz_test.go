package filter

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tycostream/tycostream/internal/relation"
)

// FuzzWhere compiles any JSON as a filter. What compiles must have a stable
// canonical form that matches the same rows, and never match with its negation.
func FuzzWhere(f *testing.F) {
	g := generator{rand.New(rand.NewPCG(3, 4))}
	rows := make([]relation.Row, 30)
	for i := range rows {
		rows[i] = g.row()
	}
	for range 200 {
		text, err := json.Marshal(g.where(2))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(`{"doc":{"_contains":{"a":[1,{"b":null}]},"_has_key":"a"},"tags":{"_contains":[1,null]}}`)
	f.Add(`{"name":{"_ilike":"%a\\__"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		var where any
		if d.Decode(&where) != nil {
			return
		}
		Size(where)
		p, err := Compile(everything, where)
		if err != nil {
			if err.Error() == "" {
				t.Fatal("an error without words")
			}
			return
		}
		again := mustCompile(t, p.Canonical())
		if again.Canonical() != p.Canonical() {
			t.Fatalf("%s\nbecomes %s\nbecomes %s", text, p.Canonical(), again.Canonical())
		}
		opposite, err := Compile(everything, map[string]any{"_not": where})
		if err != nil {
			opposite = mustCompile(t, `{"_or":[]}`) // one level too deep
		}
		for _, r := range rows {
			yes := p.Match(r)
			if again.Match(r) != yes || yes && opposite.Match(r) {
				t.Fatalf("%s\ncanonical %s\nrow %s: %v, canonical %v, negated %v", text, p.Canonical(), show(r), yes, again.Match(r), opposite.Match(r))
			}
			if yes && !hintsHold(p, r) {
				t.Fatalf("%s matches row %s against its hints", text, show(r))
			}
		}
	})
}
