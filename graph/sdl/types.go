package sdl

import (
	"github.com/tycostream/tycostream/internal/naming"
	"github.com/tycostream/tycostream/internal/relation"
)

// rowTypes writes the types of a row and of a change of one.
func (t *typed) rowTypes(s *Source, n *naming.Names) {
	t.add("\"A row of %s.\"\ntype %s {\n  \"The key's text; the key of several columns as a JSON array.\"\n  _key: ID!\n",
		s.label(), n.Row)
	for i := range s.Schema.Columns {
		t.add("  %s: %s\n", s.Schema.Columns[i].Field, t.cellType(s.Schema, i))
	}
	t.add("}\n")
	t.add(updateSDL, s.label(), n.Update, n.Row)
}

// frameTypes writes the types of frames, and of the sets of columns in them.
func (t *typed) frameTypes(s *Source, n *naming.Names) {
	t.add(changesSDL, s.label(), n.ChangesFrame, n.Update, frameSDL)
	t.add(columnsSDL, s.label(), n.ColumnsFrame, frameSDL, n.ColumnSet, n.KeySet)
	set := func(about, name string, in func(column int) bool) {
		t.add("\"%s of %s: a list per column, all of one length.\"\ntype %s {\n  _key: [ID!]!\n", about, s.label(), name)
		for i := range s.Schema.Columns {
			if in(i) {
				t.add("  %s: [%s]!\n", s.Schema.Columns[i].Field, t.cellType(s.Schema, i))
			}
		}
		t.add("}\n")
	}
	set("Rows", n.ColumnSet, func(int) bool { return true })
	set("Keys of rows", n.KeySet, s.Schema.IsKey)
}

// inputTypes writes the filter and the order of a source.
func (t *typed) inputTypes(s *Source, n *naming.Names) {
	t.add("\"A condition on rows of %s: all its parts must hold.\"\ninput %s {\n", s.label(), n.Expression)
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
	t.add("\"An order of rows of %s.\"\ninput %s {\n", s.label(), n.OrderByType)
	for _, c := range s.Schema.Columns {
		t.add("  %s: OrderBy\n", c.Field)
	}
	t.add("}\n")
}

// cellType returns the GraphQL type of a row's cells in column i.
func (t *typed) cellType(s *relation.Schema, i int) string {
	typ := t.columnType(&s.Columns[i])
	if !s.Columns[i].Nullable || s.IsKey(i) {
		typ += "!"
	}
	return typ
}

// columnType returns the GraphQL type of a column's values, and notes that it
// is used.
func (t *typed) columnType(c *relation.Column) string {
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
%s}
`

const columnsSDL = `"A frame of changes of %s, a list per column: one upstream time, whole; or, for a client that was behind, a range labeled with its last time."
type %s {
  kind: FrameKind!
%s  "Rows to put in place of any with their key: each as it is now, whole."
  upserts: %s!
  "Rows to remove."
  deletes: %s!
}
`

// frameSDL are the fields that frames have in common, but for kind.
const frameSDL = `  "False: more of the same set follows. What has been received is consistent at true."
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
`

const orderBySDL = `"A direction. Nulls come last in ascending order and first in descending, unless it says otherwise."
enum OrderBy { asc asc_nulls_first asc_nulls_last desc desc_nulls_first desc_nulls_last }
`
