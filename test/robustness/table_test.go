package robustness

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// kind is a column's type in schema.yaml.
type kind uint8

const (
	integer kind = iota
	bigint
	decimal
	float
	boolean
	text
	enum
	timestamp
)

// column is one column of the table that everybody follows.
type column struct {
	name    string
	kind    kind
	yaml    string
	mz, sql string // declarations
}

// columns of the table, the key first. Cells are kept as the texts that clients
// shall get, without quotes; null stands for NULL.
var columns = []column{
	{"id", integer, "Integer", "integer not null", "int PRIMARY KEY"},
	{"owner", text, "String", "text", "text"},
	{"branch", text, "String", "text", "text"},
	{"balance", integer, "Integer", "integer", "int"},
	{"big", bigint, "BigInt", "bigint", "bigint"},
	{"price", decimal, "Decimal", "numeric", "numeric"},
	{"ratio", float, "Float", "double precision", "float8"},
	{"active", boolean, "Boolean", "boolean", "boolean"},
	{"level", enum, "level", "text", "level"},
	{"note", text, "String", "text", "text"},
	{"at", timestamp, "Timestamp", "timestamp with time zone", "timestamptz"},
}

const (
	null    = "\x00"
	balance = 3 // the column whose sum never changes
	noteAt  = 9 // the column with large values
)

var levels = []string{"low", "mid", "high"}

func columnNames() []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = c.name
	}
	return out
}

// schemaFile is the gateways' schema.yaml. A lazy source follows upstream while
// somebody reads.
func schemaFile(lazy bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "naming: camelCase\nenums: {level: [%s]}\nsources:\n  accounts:\n    primary_key: id\n", strings.Join(levels, ", "))
	if lazy {
		b.WriteString("    start: lazy\n    linger: 150ms\n")
	}
	b.WriteString("    columns:\n")
	for _, c := range columns {
		fmt.Fprintf(&b, "      %s: %s\n", c.name, c.yaml)
	}
	return b.String()
}

// record is one version of a row. It is immutable, and versions are told apart
// by their address.
type record struct{ cells []string }

func (r *record) key() string { return r.cells[0] }

// with returns a version with other cells.
func (r *record) with(change func(cells []string)) *record {
	out := &record{slices.Clone(r.cells)}
	change(out.cells)
	return out
}

func (r *record) same(o *record) bool {
	return r == o || r != nil && o != nil && slices.Equal(r.cells, o.cells)
}

// money is what the row adds to the sum of all balances.
func (r *record) money() int {
	n, _ := strconv.Atoi(r.cells[balance]) // NULL adds nothing
	return n
}

// selection is which columns a client asks for, by index.
type selection []int

func (s selection) of(r *record) []string {
	out := make([]string, len(s))
	for i, c := range s {
		out[i] = r.cells[c]
	}
	return out
}

func (s selection) names() []string {
	out := make([]string, len(s))
	for i, c := range s {
		out[i] = columns[c].name
	}
	return out
}

// changed returns the names of the columns that differ, in schema order.
func changed(a, b *record) []string {
	var out []string
	for i, c := range columns {
		if a.cells[i] != b.cells[i] {
			out = append(out, c.name)
		}
	}
	return out
}

// show writes cells for people.
func show(cells []string) string {
	out := make([]string, len(cells))
	for i, c := range cells {
		switch {
		case c == null:
			out[i] = "null"
		case len(c) > 40:
			out[i] = fmt.Sprintf("%.20s... (%d bytes)", c, len(c))
		default:
			quoted := strconv.Quote(c)
			out[i] = quoted[1 : len(quoted)-1]
		}
	}
	return "[" + strings.Join(out, " ") + "]"
}
