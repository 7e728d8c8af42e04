package graph

import (
	"errors"
	"fmt"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/tycostream/tycostream/internal/naming"
	"github.com/tycostream/tycostream/internal/relation"
)

// The core fields that typed fields are routed to (core.graphqls).
const (
	coreRows    = "rows"
	coreRow     = "row"
	coreUpdates = "updates"
	coreChanges = "changes"
)

// routeSpec says which core field answers a typed root field.
type routeSpec struct {
	root   ast.Operation
	field  string
	core   string
	source string            // the source's name in schema.yaml
	args   map[string]string // argument of the typed field -> argument of the core field
	key    bool              // the arguments are the columns of the key
}

// typedSchema writes the part of the schema that comes from the sources: SDL
// text that extends the core's root types, and the routes of its root fields.
type typedSchema struct {
	text
	model   *Model
	args    naming.Arguments
	routes  []routeSpec
	enums   map[string]*relation.Enum
	scalars map[string]bool // GraphQL types of columns, in use
}

// text is SDL being written.
type text struct{ strings.Builder }

func (t *text) add(format string, args ...any) { _, _ = fmt.Fprintf(&t.Builder, format, args...) }

// buildTyped checks the names of the sources and writes their schema.
func buildTyped(m *Model) (*typedSchema, error) {
	if err := checkNames(m); err != nil {
		return nil, err
	}
	t := &typedSchema{
		model: m, args: naming.ArgumentsFor(m.CamelCase),
		enums: map[string]*relation.Enum{}, scalars: map[string]bool{},
	}
	var query, subscription text
	for i := range m.Sources {
		s := &m.Sources[i]
		if s.Schema == nil {
			continue
		}
		n := naming.For(s.Base, m.CamelCase)
		t.queryFields(&query, s, &n)
		t.subscriptionFields(&subscription, s, &n)
		t.rowTypes(s, &n)
		t.inputTypes(s, &n)
	}
	t.extend("Query", query.String())
	t.extend("Subscription", subscription.String())
	t.comparisons()
	if len(t.routes) > 0 {
		t.add(orderBySDL)
	}
	return t, nil
}

// checkNames reports all collisions at once. Configuration has reported them
// before with line and column; this is for sources that joined later, whose
// columns came from the catalog.
func checkNames(m *Model) error {
	var enums []naming.Enum
	known := map[*relation.Enum]bool{}
	sources := make([]naming.Source, 0, len(m.Sources))
	for i := range m.Sources {
		s := naming.Source{Name: m.Sources[i].Name, Base: m.Sources[i].Base}
		if schema := m.Sources[i].Schema; schema != nil {
			for _, c := range schema.Columns {
				s.Columns = append(s.Columns, naming.Column{Name: c.Name, Field: c.Field})
				if c.Enum != nil && !known[c.Enum] && !sameEnumListed(enums, c.Enum) {
					enums = append(enums, naming.Enum{Name: c.Enum.Name, Values: c.Enum.Values})
				}
				known[c.Enum] = true
			}
		}
		sources = append(sources, s)
	}
	problems := naming.Check(m.CamelCase, enums, sources)
	errs := make([]error, len(problems))
	for i := range problems {
		errs[i] = &problems[i]
	}
	return errors.Join(errs...)
}

func sameEnumListed(enums []naming.Enum, e *relation.Enum) bool {
	for _, o := range enums {
		if o.Name == e.Name {
			return true
		}
	}
	return false
}

func (t *typedSchema) extend(root, fields string) {
	if fields != "" {
		t.add("extend type %s {\n%s}\n", root, fields)
	}
}

func (t *typedSchema) queryFields(b *text, s *Source, n *naming.Names) {
	b.add("  \"The rows of %s, all at one upstream time.\"\n", s.Name)
	b.add("  %s(where: %s, %s: [%s!], limit: Int, offset: Int): [%s!]!\n",
		n.Rows, n.Expression, t.args.OrderBy, n.OrderByType, n.Row)
	t.routes = append(t.routes, routeSpec{
		root: ast.Query, field: n.Rows, core: coreRows, source: s.Name,
		args: map[string]string{"where": "where", t.args.OrderBy: "orderBy", "limit": "limit", "offset": "offset"},
	})
	b.add("  \"The row of %s with this key.\"\n  %s(", s.Name, n.ByPk)
	for i, k := range s.Schema.Key {
		if i > 0 {
			b.add(", ")
		}
		c := &s.Schema.Columns[k]
		b.add("%s: %s!", c.Field, t.columnType(c))
	}
	b.add("): %s\n", n.Row)
	t.routes = append(t.routes, routeSpec{root: ast.Query, field: n.ByPk, core: coreRow, source: s.Name, key: true})
}

func (t *typedSchema) subscriptionFields(b *text, s *Source, n *naming.Names) {
	b.add("  \"The rows of %s, then every change of them: one row per message.\"\n", s.Name)
	b.add("  %s(where: %s, snapshot: Boolean = true): %s!\n", n.Rows, n.Expression, n.Update)
	t.routes = append(t.routes, routeSpec{
		root: ast.Subscription, field: n.Rows, core: coreUpdates, source: s.Name,
		args: map[string]string{"where": "where", "snapshot": "snapshot"},
	})
	b.add("  \"The rows of %s, then every change of them: one upstream time per message.\"\n", s.Name)
	b.add("  %s(where: %s, snapshot: Boolean = true, %s: Int): %s!\n",
		n.Changes, n.Expression, t.args.MaxRows, n.ChangesFrame)
	t.routes = append(t.routes, routeSpec{
		root: ast.Subscription, field: n.Changes, core: coreChanges, source: s.Name,
		args: map[string]string{"where": "where", "snapshot": "snapshot", t.args.MaxRows: "maxRows"},
	})
}

func (t *typedSchema) rowTypes(s *Source, n *naming.Names) {
	t.add("\"A row of %s.\"\ntype %s {\n  \"The key's text; the key of several columns as a JSON array.\"\n  _key: ID!\n",
		s.Name, n.Row)
	for i := range s.Schema.Columns {
		c := &s.Schema.Columns[i]
		t.add("  %s: %s", c.Field, t.columnType(c))
		if !c.Nullable || s.Schema.IsKey(i) {
			t.add("!")
		}
		t.add("\n")
	}
	t.add("}\n")
	t.add(updateSDL, s.Name, n.Update, n.Row)
	t.add(changesSDL, s.Name, n.ChangesFrame, n.Update)
}

func (t *typedSchema) inputTypes(s *Source, n *naming.Names) {
	t.add("\"A condition on rows of %s: all its parts must hold.\"\ninput %s {\n", s.Name, n.Expression)
	for i := range s.Schema.Columns {
		c := &s.Schema.Columns[i]
		typ := t.columnType(c)
		if typ == "ID" {
			typ = "String"
		}
		t.scalars[typ] = true
		t.add("  %s: %s\n", c.Field, naming.Comparison(typ))
	}
	t.add("  _and: [%[1]s!]\n  _or: [%[1]s!]\n  _not: %[1]s\n}\n", n.Expression)
	t.add("\"An order of rows of %s.\"\ninput %s {\n", s.Name, n.OrderByType)
	for _, c := range s.Schema.Columns {
		t.add("  %s: OrderBy\n", c.Field)
	}
	t.add("}\n")
}

// columnType returns the GraphQL type of a column, and notes that it is used.
func (t *typedSchema) columnType(c *relation.Column) string {
	typ := "String"
	switch c.Kind {
	case relation.Integer:
		typ = "Int"
	case relation.Float:
		typ = "Float"
	case relation.Boolean:
		typ = "Boolean"
	case relation.UUID:
		typ = "ID"
	case relation.Enumeration:
		typ = c.Enum.Name
		t.enums[typ] = c.Enum
	case relation.BigInt, relation.Decimal, relation.Timestamp, relation.Date, relation.Time:
		if !t.model.StringScalars {
			typ = c.Kind.String()
		}
	case relation.JSON, relation.Array:
		if !t.model.StringScalars {
			typ = "JSON"
		}
	case relation.String:
	}
	t.scalars[typ] = true
	return typ
}

const updateSDL = `"One change of a row of %s."
type %s {
  operation: RowOperation!
  "The row as it is; for DELETE the last row as the view held it."
  data: %s
  "The columns that changed, by name; all of them for INSERT and DELETE."
  fields: [String!]!
  "The upstream time of the change."
  timestamp: String!
}
`

const changesSDL = `"A frame of changes of %s: one upstream time, whole; or, for a client that was behind, a range labeled with its last time."
type %s {
  kind: FrameKind!
  "May be empty: proof of life, and news of state."
  changes: [%s!]!
  "False: more of the same set follows. What has been received is consistent at true."
  last: Boolean!
  "The upstream time."
  timestamp: String!
  "Where this frame ends, opaque."
  cursor: String!
  "The cursor that a RESUMED frame continues."
  from: String
  "Wall clock of the upstream time: the age of the data is now - asOf."
  asOf: Timestamp!
  "Wall clock of the gateway when it wrote this."
  sentAt: Timestamp!
  state: SourceState!
}
`

const orderBySDL = `"A direction. Nulls come last in ascending order and first in descending, unless it says otherwise."
enum OrderBy { asc asc_nulls_first asc_nulls_last desc desc_nulls_first desc_nulls_last }
`
