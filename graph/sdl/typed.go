package sdl

import (
	"fmt"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/tycostream/tycostream/internal/naming"
	"github.com/tycostream/tycostream/internal/relation"
)

// typed writes the part of the schema that comes from the sources: SDL text
// that extends the core's root types, and the routes of its root fields.
type typed struct {
	text
	model   *Model
	args    naming.Arguments
	fields  map[ast.Operation]*text // of the roots
	routes  []Route
	enums   map[string]*relation.Enum
	scalars map[string]bool // GraphQL types of columns, in use
}

// text is SDL being written.
type text struct{ strings.Builder }

func (t *text) add(format string, args ...any) { _, _ = fmt.Fprintf(&t.Builder, format, args...) }

// writeTyped writes the schema of a model's sources, whose names are good.
func writeTyped(m *Model) *typed {
	t := &typed{
		model: m, args: naming.ArgumentsFor(m.CamelCase),
		enums: map[string]*relation.Enum{}, scalars: map[string]bool{}, fields: map[ast.Operation]*text{},
	}
	for _, op := range roots() {
		t.fields[op] = &text{}
	}
	for i := range m.Sources {
		s := &m.Sources[i]
		if s.Schema == nil {
			continue
		}
		n := naming.For(s.Base, m.CamelCase)
		t.rowFields(s, &n)
		t.frameFields(s, &n)
		t.rowTypes(s, &n)
		t.frameTypes(s, &n)
		t.inputTypes(s, &n)
		t.triggers(s, &n)
	}
	if len(t.routes) > 0 {
		t.deliveries()
	}
	for _, op := range roots() {
		t.extend(RootName(op), t.fields[op].String())
	}
	t.comparisons()
	if len(t.routes) > 0 {
		t.add(orderBySDL)
	}
	return t
}

func (t *typed) extend(root, fields string) {
	if fields != "" {
		t.add("extend type %s {\n%s}\n", root, fields)
	}
}

// argument is an argument of a typed root field.
type argument struct {
	name string
	typ  string // with the default behind it
	core string // the core field's argument that takes it; empty for a key column
}

// field writes a root field and its route.
func (t *typed) field(r Route, about, result string, args []argument) {
	r.Args = make(map[string]string, len(args))
	list := make([]string, len(args))
	for i, a := range args {
		list[i] = a.name + ": " + a.typ
		r.Args[a.name] = a.core
	}
	in := ""
	if len(args) > 0 {
		in = "(" + strings.Join(list, ", ") + ")"
	}
	t.fields[r.Root].add("  \"%s\"\n  %s%s: %s\n", about, r.Field, in, result)
	t.routes = append(t.routes, r)
}

// rowFields writes the root fields that answer rows, and single updates.
func (t *typed) rowFields(s *Source, n *naming.Names) {
	where := argument{"where", n.Expression, "where"}
	t.field(Route{Root: ast.Query, Field: n.Rows, Core: CoreRows, Source: s.Name},
		fmt.Sprintf("The rows of %s, all at one upstream time.", s.label()), "["+n.Row+"!]!", []argument{
			where,
			{t.args.OrderBy, "[" + n.OrderByType + "!]", "orderBy"},
			{"limit", "Int", "limit"},
			{"offset", "Int", "offset"},
		})
	var key []argument
	for _, k := range s.Schema.Key {
		c := &s.Schema.Columns[k]
		key = append(key, argument{name: c.Field, typ: t.columnType(c) + "!"})
	}
	t.field(Route{Root: ast.Query, Field: n.ByPk, Core: CoreRow, Source: s.Name, Key: true},
		fmt.Sprintf("The row of %s with this key.", s.label()), n.Row, key)
	t.field(Route{Root: ast.Subscription, Field: n.Rows, Core: CoreUpdates, Source: s.Name},
		fmt.Sprintf("The rows of %s, then every change of them: one row per message.", s.label()), n.Update+"!", []argument{
			where,
			{"snapshot", "Boolean = true", "snapshot"},
			{t.args.MaxRate, "Float", "maxRate"},
		})
}

// frameFields writes the root fields that answer frames: as queries one, as
// subscriptions one after the other.
func (t *typed) frameFields(s *Source, n *naming.Names) {
	where := argument{"where", n.Expression, "where"}
	resume := argument{t.args.ResumeFrom, "String", "resumeFrom"}
	pace := []argument{
		where,
		{"snapshot", "Boolean = true", "snapshot"},
		{t.args.MaxRate, "Float", "maxRate"},
		{t.args.MaxRows, "Int", "maxRows"},
		resume,
	}
	numbers := argument{"numbers", "NumberFormat = EXACT", "numbers"}

	changes := Route{Root: ast.Query, Field: n.Changes, Core: CoreChanges, Source: s.Name}
	t.field(changes, fmt.Sprintf("The rows of %s, or what changed since a cursor, in one complete frame.", s.label()),
		n.ChangesFrame+"!", []argument{where, resume})
	changes.Root = ast.Subscription
	t.field(changes, fmt.Sprintf("The rows of %s, then every change of them: one upstream time per message.", s.label()),
		n.ChangesFrame+"!", pace)

	columns := Route{Root: ast.Query, Field: n.Columns, Core: CoreColumns, Source: s.Name}
	t.field(columns, fmt.Sprintf("The rows of %s, or what changed since a cursor, in one complete frame: a list per column.", s.label()),
		n.ColumnsFrame+"!", []argument{where, resume, numbers})
	columns.Root = ast.Subscription
	t.field(columns, fmt.Sprintf("The rows of %s, then every change of them: one upstream time per message, a list per column.", s.label()),
		n.ColumnsFrame+"!", append(pace, numbers))
}
