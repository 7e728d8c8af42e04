package predindex

import (
	"github.com/tycostream/tycostream/internal/filter"
	"github.com/tycostream/tycostream/internal/relation"
)

// Index holds predicates over one schema's rows, each with a value. Not safe
// for concurrent use, reading included.
type Index[T any] struct {
	entries     []*Entry[T]
	evaluations uint64
}

// Entry is one predicate in an Index.
type Entry[T any] struct {
	value     T
	predicate *filter.Predicate
	position  int
}

// New returns an empty index for rows of a schema.
func New[T any](_ *relation.Schema) *Index[T] { return &Index[T]{} }

// Add puts a predicate, compiled for the index's schema, into the index.
func (x *Index[T]) Add(p *filter.Predicate, value T) *Entry[T] {
	e := &Entry[T]{value, p, len(x.entries)}
	x.entries = append(x.entries, e)
	return e
}

// Remove takes an entry out. An entry may be removed once.
func (x *Index[T]) Remove(e *Entry[T]) {
	last := x.entries[len(x.entries)-1]
	x.entries[e.position] = last
	last.position = e.position
	x.entries[len(x.entries)-1] = nil
	x.entries = x.entries[:len(x.entries)-1]
}

// Visit calls visit once for every entry whose predicate matches before, after
// or both, in no particular order. An empty row matches nothing. visit must
// not call the index.
func (x *Index[T]) Visit(before, after relation.Row, visit func(value T, was, is bool)) {
	for _, e := range x.entries {
		was, is := before != "" && x.evaluate(e, before), after != "" && x.evaluate(e, after)
		if was || is {
			visit(e.value, was, is)
		}
	}
}

// Match calls visit once for every entry whose predicate matches row.
func (x *Index[T]) Match(row relation.Row, visit func(value T)) {
	x.Visit("", row, func(value T, _, _ bool) { visit(value) })
}

func (x *Index[T]) evaluate(e *Entry[T], row relation.Row) bool {
	x.evaluations++
	return e.predicate.Match(row)
}

// Len returns the number of entries.
func (x *Index[T]) Len() int { return len(x.entries) }

// Indexed returns the number of entries that have an access path.
func (x *Index[T]) Indexed() int { return 0 }

// Residual returns the number of entries that have none.
func (x *Index[T]) Residual() int { return len(x.entries) }

// Evaluations counts the predicates evaluated so far.
func (x *Index[T]) Evaluations() uint64 { return x.evaluations }
