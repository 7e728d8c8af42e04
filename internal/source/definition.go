package source

import (
	"time"

	"github.com/tycostream/tycostream/internal/relation"
)

// Definition is one source as schema.yaml declares it, names already decided.
type Definition struct {
	Name     string   // the source's name in schema.yaml
	Base     string   // the base of its GraphQL names: graphql_name, or derived by `naming`
	Relation string   // as written: "live_pnl", "public.live_pnl" or "materialize.public.live_pnl"
	Query    string   // instead of Relation, Materialize only
	Key      []string // database names of the key columns
	Columns  []ColumnDefinition
	Lazy     bool          // connect with the first subscriber
	Linger   time.Duration // of a lazy source: stay connected this long after the last one
	MaxRows  int           // 0: no limit
	Required bool          // counts for readiness

	// Field turns a database column name that Columns does not list into a
	// GraphQL name (the file's `naming`).
	Field func(column string) string
}

// ColumnDefinition is a declared column. A declared type wins over the
// catalog's.
type ColumnDefinition struct {
	Name     string
	Field    string
	Kind     relation.Kind
	Enum     *relation.Enum
	Elem     relation.Kind
	Nullable *bool // nil: key columns false, others true
	Line     int   // in schema.yaml, for messages; 0 unknown
}
