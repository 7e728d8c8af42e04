package feed

import (
	"iter"
	"slices"

	"github.com/tycostream/tycostream/internal/relation"
)

// All yields every row as it stood when All was called, in no order, for
// backends that are told of a change to all rows without their keys. It does
// not wait.
func (f *Feed) All() iter.Seq[relation.Row] {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return slices.Values(f.allRows())
}
