package backendtest

import (
	"testing"

	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
)

// Table is a relation that a case wants to exist upstream.
type Table struct {
	Name    string // unique in the suite, lower case
	Columns []Column
	Key     []string // names of the key columns
}

// Column is a column of a Table.
type Column struct {
	Name    string
	SQLType string // understood by every backend: integer, bigint, text, numeric, boolean, ...
}

// Op is the kind of a Write.
type Op uint8

// What a Write does.
const (
	Insert Op = iota + 1
	Update    // the row whose key is Key becomes Row, its key too
	Delete    // the row whose key is Key goes
)

// Write is one change of one row.
type Write struct {
	Op    Op
	Table string
	Row   []Cell // Insert, Update: one for each column, in order
	Key   []Cell // Update, Delete: one for each key column, in order
}

// Cell is the text that the database prints for a value, which is also what is
// written; nil is NULL.
type Cell *string

// Text returns a cell that is not NULL.
func Text(s string) Cell { return &s }

// Harness controls one upstream database. Its methods fail the test when they
// cannot do what they are asked to.
type Harness interface {
	// Backend returns a backend that reads from the upstream.
	Backend(t *testing.T) source.Backend

	// Relation is what Definition.Relation says for this table, usually its
	// name.
	Relation(table string) string

	// Create makes the relation, empty. A relation of that name does not exist.
	Create(t *testing.T, table Table)

	// Drop removes the relation.
	Drop(t *testing.T, table string)

	// Commit makes the writes visible in one transaction, in order.
	Commit(t *testing.T, writes ...Write)

	// Cut breaks the backend's connections without a word, and returns when
	// they are broken. The upstream keeps running.
	Cut(t *testing.T)

	// Restart stops the upstream and starts it again with the same rows.
	Restart(t *testing.T)

	// ForgetHistory makes the upstream unable to go on from any position that
	// was taken before. It is called while nothing is connected.
	ForgetHistory(t *testing.T)

	// Features says what the upstream can do.
	Features() Features
}

// Features says which cases apply to an upstream.
type Features struct {
	// Duplicates: Insert can add a second live row with the same key, as in a
	// view; the declared key is only a claim.
	Duplicates bool

	// Resume: a backend that was cut can go on from its position, as long as
	// ForgetHistory has not been called.
	Resume bool

	// Ticks: the frontier moves on by itself while nothing is written.
	Ticks bool

	// DropEnds: dropping a relation ends its stream with an error.
	DropEnds bool

	// Kinds: the kinds that the catalog is expected to give for the SQL types
	// of AllTypes, where they differ from the suite's own expectation.
	Kinds map[string]relation.Kind
}
