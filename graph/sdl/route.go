package sdl

import (
	"fmt"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// The core fields that typed fields are routed to (core.graphqls and
// triggers.graphqls). Query and Subscription both have changes, columns and
// deliveries.
const (
	CoreRows    = "rows"
	CoreRow     = "row"
	CoreUpdates = "updates"
	CoreChanges = "changes"
	CoreColumns = "columns"

	CoreTriggers   = "triggers"
	CoreTrigger    = "trigger"
	CoreDeliveries = "deliveries"
)

// Route is where a typed root field goes.
type Route struct {
	Root   ast.Operation
	Field  string
	Core   string
	Source string            // the source's name in schema.yaml; empty: the field belongs to none
	Args   map[string]string // argument of the typed field -> argument of the core field
	Key    bool              // the arguments are the columns of the key

	Def *ast.FieldDefinition // the core field
}

// Routes are the routes of a schema's typed root fields.
type Routes map[ast.Operation]map[string]*Route

// bind gives routes their core fields, and makes sure that every root field
// leads somewhere: the generated code panics on one that does not.
func bind(m *merged, list []Route) (Routes, error) {
	routes := Routes{}
	for _, r := range list {
		core, ok := m.core[r.Root][r.Core]
		if !ok {
			return nil, fmt.Errorf("%s field %s is routed to %s, which the core schema lacks", r.Root, r.Field, r.Core)
		}
		if routes[r.Root] == nil {
			routes[r.Root] = map[string]*Route{}
		}
		r.Def = core.def
		routes[r.Root][r.Field] = &r
	}
	for _, op := range roots() {
		root := m.root(op)
		if root == nil {
			continue
		}
		for _, f := range root.Fields {
			if err := routes.check(m, op, f); err != nil {
				return nil, err
			}
		}
	}
	return routes, nil
}

func (routes Routes) check(m *merged, op ast.Operation, f *ast.FieldDefinition) error {
	if strings.HasPrefix(f.Name, "__") {
		return nil
	}
	r := routes[op][f.Name]
	if r == nil {
		if core, ok := m.core[op][f.Name]; ok && !core.internal {
			return nil
		}
		return fmt.Errorf("%s field %s leads nowhere", op, f.Name)
	}
	if r.Key {
		return nil
	}
	for _, a := range f.Arguments {
		if name, ok := r.Args[a.Name]; !ok || r.Def.Arguments.ForName(name) == nil {
			return fmt.Errorf("argument %s of %s field %s leads nowhere", a.Name, op, f.Name)
		}
	}
	return nil
}
