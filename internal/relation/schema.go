package relation

import (
	"slices"
	"strings"
)

// Kind is the class of a column: what its cells mean, how they compare and how
// they are encoded. The zero Kind is String.
type Kind uint8

// The kinds of schema.yaml, each with the text its cells hold.
const (
	String      Kind = iota // any text
	Integer                 // decimal digits; GraphQL Int, but cells may exceed int32 when declared over int8
	BigInt                  // decimal digits of any 64-bit integer, signed or not
	Float                   // float4 or float8 as printed; NaN, Infinity, -Infinity
	Decimal                 // numeric as printed, never through float64; NaN, Infinity, -Infinity
	UUID                    // lower case with dashes
	Boolean                 // "t" or "f"
	Timestamp               // "YYYY-MM-DD HH:MM:SS[.ffffff][+00][ BC]" or infinity
	Date                    // "YYYY-MM-DD[ BC]" or infinity
	Time                    // "HH:MM:SS[.ffffff]"
	JSON                    // json or jsonb text
	Array                   // "{...}" as PostgreSQL prints arrays and Materialize lists
	Enumeration             // text, one of Column.Enum's values
)

var kindNames = [...]string{
	"String", "Integer", "BigInt", "Float", "Decimal", "UUID", "Boolean",
	"Timestamp", "Date", "Time", "JSON", "Array", "Enum",
}

// String returns the kind's name in schema.yaml ("Enum" for Enumeration, which
// schema.yaml writes as the enum's own name).
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "Kind(?)"
}

// ParseKind returns the kind that schema.yaml calls name. Enum names are not
// kinds: look them up first.
func ParseKind(name string) (Kind, bool) {
	i := slices.Index(kindNames[:len(kindNames)-1], name)
	return Kind(max(i, 0)), i >= 0 //nolint:gosec // far fewer than 256
}

// KindNames lists the names that ParseKind knows, for suggestions.
func KindNames() []string { return slices.Clone(kindNames[:len(kindNames)-1]) }

// Enum is a declared enumeration. The order of Values is their order in
// comparisons.
type Enum struct {
	Name   string
	Values []string
}

// Rank returns the position of text among the enum's values.
func (e *Enum) Rank(text string) (int, bool) {
	i := slices.Index(e.Values, text)
	return i, i >= 0
}

// Column describes one column of a source.
type Column struct {
	Name     string // in the database
	Field    string // in GraphQL
	Kind     Kind
	Elem     Kind  // of an Array: the element's kind, String when unknown
	Enum     *Enum // of an Enumeration
	Nullable bool
	Zoned    bool // of a Timestamp: with time zone, an instant; without, wall-clock text
}

// Schema is the shape of a source's rows: its columns in order and which of
// them are the primary key. Treat it as immutable.
type Schema struct {
	Columns []Column
	Key     []int // positions in Columns, in the order schema.yaml declares them
}

// Column returns the position of the column with this database name, or -1.
func (s *Schema) Column(name string) int {
	return slices.IndexFunc(s.Columns, func(c Column) bool { return c.Name == name })
}

// Field returns the position of the column with this GraphQL name, or -1.
func (s *Schema) Field(field string) int {
	return slices.IndexFunc(s.Columns, func(c Column) bool { return c.Field == field })
}

// IsKey reports whether column i is part of the primary key.
func (s *Schema) IsKey(i int) bool { return slices.Contains(s.Key, i) }

// Equal reports whether both schemas describe the same columns and key.
func (s *Schema) Equal(o *Schema) bool {
	return slices.Equal(s.Key, o.Key) && slices.EqualFunc(s.Columns, o.Columns, func(a, b Column) bool {
		ae, be := a.Enum, b.Enum
		a.Enum, b.Enum = nil, nil
		same := ae == be || ae != nil && be != nil && ae.Name == be.Name && slices.Equal(ae.Values, be.Values)
		return same && a == b
	})
}

// String lists the columns as "name Kind", key columns marked with "*".
func (s *Schema) String() string {
	var b strings.Builder
	for i, c := range s.Columns {
		if i > 0 {
			b.WriteString(", ")
		}
		if s.IsKey(i) {
			b.WriteByte('*')
		}
		b.WriteString(c.Name + " " + c.Kind.String())
	}
	return b.String()
}
