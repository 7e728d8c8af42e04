package graph

import (
	"slices"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/tycostream/tycostream/graph/sdl"
)

// collector resolves fragments, @skip and @include. gqlgen's CollectFields
// doubles a field's selections at every fragment around it, so that a chain of
// 30 fragments takes all memory; the generated code therefore only ever sees
// operations that hold fields alone. The schema has no interfaces or unions:
// what a fragment contributes is known without the value.
type collector struct {
	fragments ast.FragmentDefinitionList
	variables map[string]any
}

// flatten returns the fields that set selects from typ, in the order of the
// document, each response key once with all its selections, at all levels.
// Fields are copies.
func (c *collector) flatten(set ast.SelectionSet, typ string) ast.SelectionSet {
	var g fieldGroup
	c.gather(&g, set, typ, map[string]bool{})
	for _, s := range g.fields {
		if f, ok := s.(*ast.Field); ok && len(f.SelectionSet) > 0 && f.Definition != nil {
			f.SelectionSet = c.flatten(f.SelectionSet, f.Definition.Type.Name())
		}
	}
	return g.fields
}

// roots returns the root fields of an operation; their selections are left as
// they are.
func (c *collector) roots(op *ast.OperationDefinition) ast.SelectionSet {
	var g fieldGroup
	c.gather(&g, op.SelectionSet, sdl.RootName(op.Operation), map[string]bool{})
	return g.fields
}

// fieldGroup gathers fields by response key. Lists are short: a linear search
// beats a map.
type fieldGroup struct{ fields ast.SelectionSet }

func (g *fieldGroup) add(f *ast.Field) {
	for _, s := range g.fields {
		if known, ok := s.(*ast.Field); ok && known.Alias == f.Alias {
			known.SelectionSet = append(slices.Clip(known.SelectionSet), f.SelectionSet...)
			return
		}
	}
	copied := *f
	g.fields = append(g.fields, &copied)
}

func (c *collector) gather(g *fieldGroup, set ast.SelectionSet, typ string, visited map[string]bool) {
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			if c.included(s.Directives) {
				g.add(s)
			}
		case *ast.InlineFragment:
			if c.included(s.Directives) && (s.TypeCondition == "" || s.TypeCondition == typ) {
				c.gather(g, s.SelectionSet, typ, visited)
			}
		case *ast.FragmentSpread:
			if visited[s.Name] || !c.included(s.Directives) {
				continue
			}
			visited[s.Name] = true
			if d := c.fragments.ForName(s.Name); d != nil && d.TypeCondition == typ {
				c.gather(g, d.SelectionSet, typ, visited)
			}
		}
	}
}

// included evaluates @skip and @include. The guard has refused conditions that
// are neither true nor false.
func (c *collector) included(list ast.DirectiveList) bool {
	for _, d := range list {
		if d.Name != "skip" && d.Name != "include" {
			continue
		}
		if yes, ok := c.condition(d); ok && yes == (d.Name == "skip") {
			return false
		}
	}
	return true
}

func (c *collector) condition(d *ast.Directive) (yes, ok bool) {
	arg := d.Arguments.ForName("if")
	if arg == nil {
		return false, false
	}
	v, err := arg.Value.Value(c.variables)
	if err != nil {
		return false, false
	}
	yes, ok = v.(bool)
	return yes, ok
}
