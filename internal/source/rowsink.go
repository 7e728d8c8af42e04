package source

import (
	"iter"

	"github.com/tycostream/tycostream/internal/relation"
)

// RowSink is a Sink that can be asked for the rows it holds. Some upstreams do
// not repeat what did not change (large values in PostgreSQL's replication) or
// name no keys (TRUNCATE): a backend then asks the sink if it can, and
// remembers the rows itself if not.
//
// Both methods answer from everything that Live and Apply have taken so far,
// and are called between them, from the same goroutine. Rows hold the cells of
// the schema that Open returned.
type RowSink interface {
	Sink

	// Current returns the row with the key cells of key.
	Current(key relation.Row) (relation.Row, bool)

	// All yields every row, in any order.
	All() iter.Seq[relation.Row]
}
