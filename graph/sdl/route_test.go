package sdl

import (
	"maps"
	"slices"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
)

func TestRoutes(t *testing.T) {
	s, err := Build(core(t), model(true, false))
	if err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]struct{ query, subscription string }{
		"trades":        {CoreRows, CoreUpdates},
		"tradesByPk":    {CoreRow, ""},
		"tradesChanges": {CoreChanges, CoreChanges},
		"tradesColumns": {CoreColumns, CoreColumns},
	} {
		for op, name := range map[ast.Operation]string{ast.Query: want.query, ast.Subscription: want.subscription} {
			r := s.Routes[op][field]
			switch {
			case (r == nil) != (name == ""):
				t.Errorf("%s %s: route %v", op, field, r)
			case r != nil && (r.Core != name || r.Def.Name != name || r.Source != "trades"):
				t.Errorf("%s %s leads to %+v, want %s", op, field, r, name)
			}
		}
	}
	if to := s.Routes[ast.Subscription]["tradesColumns"].Args["resumeFrom"]; to != "resumeFrom" {
		t.Errorf("resumeFrom goes to %q", to)
	}
}

// TestEveryRootFieldHasARoute takes routes away: the schema must not be built
// rather than let the first request panic.
func TestEveryRootFieldHasARoute(t *testing.T) {
	m := model(false, false)
	written := writeTyped(&m)
	joined, err := merge(core(t), written.String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bind(joined, written.routes); err != nil {
		t.Fatal(err)
	}
	for i, r := range written.routes {
		if _, err := bind(joined, slices.Delete(slices.Clone(written.routes), i, i+1)); err == nil {
			t.Errorf("%s is built without a route", r.Field)
		}
		if r.Key {
			continue
		}
		for name := range r.Args {
			broken := slices.Clone(written.routes)
			broken[i].Args = maps.Clone(r.Args)
			delete(broken[i].Args, name)
			if _, err := bind(joined, broken); err == nil {
				t.Errorf("%s is built without a way for %s", r.Field, name)
			}
			broken[i].Args[name] = "nowhere"
			if _, err := bind(joined, broken); err == nil {
				t.Errorf("%s is built with a wrong way for %s", r.Field, name)
			}
		}
	}
	lost := slices.Clone(written.routes)
	lost[0].Core = "nowhere"
	if _, err := bind(joined, lost); err == nil {
		t.Error("a route to nowhere is taken")
	}
}
