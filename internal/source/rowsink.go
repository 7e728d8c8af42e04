package source

import (
	"iter"

	"github.com/tycostream/tycostream/internal/feed"
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

var (
	_ RowSink     = (*intake)(nil)
	_ HistorySink = (*intake)(nil)
	_ holder      = (*feed.Feed)(nil)
)

// holder is a Feed that can be asked for its rows, as a feed.Feed can.
type holder interface {
	Current(key relation.Row) (relation.Row, bool)
	All() iter.Seq[relation.Row]
}

// holder returns the feed, or nil if it cannot be asked.
func (in *intake) holder() holder {
	in.mu.Lock()
	defer in.mu.Unlock()
	h, _ := in.feed.(holder)
	return h
}

// Current implements RowSink.
func (in *intake) Current(key relation.Row) (relation.Row, bool) {
	if h := in.holder(); h != nil {
		return h.Current(key)
	}
	return "", false
}

// All implements RowSink.
func (in *intake) All() iter.Seq[relation.Row] {
	if h := in.holder(); h != nil {
		return h.All()
	}
	return func(func(relation.Row) bool) {}
}
