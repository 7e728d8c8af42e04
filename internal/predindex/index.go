package predindex

import (
	"slices"

	"github.com/tycostream/tycostream/internal/filter"
	"github.com/tycostream/tycostream/internal/relation"
)

// Index holds predicates over one schema's rows, each with a value. Not safe
// for concurrent use: a visit writes too.
type Index[T any] struct {
	schema   *relation.Schema
	columns  []*column[T] // by position; nil without paths
	active   []*column[T] // those that are not nil
	shapes   []*shape[T]
	always   chain[T]
	residues []*residue[T]

	entries     int
	residuals   int
	serial      uint64 // of the last residual entry
	remembered  int    // bytes, about, of what young verdicts take
	evaluations uint64

	pass[T]
}

// Entry is one predicate in an Index. What a visit reads stands first, in one
// cache line.
type Entry[T any] struct {
	value     T
	predicate *filter.Predicate
	mark      uint64    // number of the pass that reached the entry last; a residual one's serial
	exact     sides     // rows that reached it, which makes the predicate true
	open      sides     // rows that reached it, for which it must be evaluated
	path      path[T]   // the first, nearly always the only one
	more      []path[T] // the others
}

// New returns an empty index for rows of a schema.
func New[T any](schema *relation.Schema) *Index[T] {
	return &Index[T]{
		schema: schema, columns: make([]*column[T], len(schema.Columns)),
		pass: pass[T]{changed: relation.NewColumnSet(len(schema.Columns))},
	}
}

// Add puts a predicate, compiled for the index's schema, into the index.
func (x *Index[T]) Add(p *filter.Predicate, value T) *Entry[T] {
	e := &Entry[T]{value: value, predicate: p}
	l := planner{x.schema, x.constants, x.crowd, x.room}
	plan, ok := l.plan(p.Root())
	x.entries++
	switch {
	case !ok:
		x.residuals++
		x.serial++
		e.path.entry = e
		x.residue(p).link(&e.path, x.serial)
	case len(plan.paths) > 0:
		x.lay(&e.path, e, &plan.paths[0])
		if rest := plan.paths[1:]; len(rest) > 0 {
			e.more = make([]path[T], len(rest))
			for i := range rest {
				x.lay(&e.more[i], e, &rest[i])
			}
		}
	}
	return e
}

// constants returns how many constants the hash of a column holds.
func (x *Index[T]) constants(position int) int {
	if c := x.columns[position]; c != nil {
		return len(c.equal.heads)
	}
	return 0
}

// crowd returns how many paths hang at a needle.
func (x *Index[T]) crowd(position int, n *filter.Needle) int {
	if c := x.columns[position]; c != nil {
		return c.trie(n).crowd(n.Text)
	}
	return 0
}

// room reports whether there is a shape for these columns, or room for one.
func (x *Index[T]) room(tests []*filter.Node) bool {
	return len(x.shapes) < mostShapes || slices.ContainsFunc(x.shapes, func(s *shape[T]) bool { return s.is(tests) })
}

// lay hangs a path where rows will take it.
func (x *Index[T]) lay(p *path[T], e *Entry[T], a *access) {
	p.entry, p.exact = e, a.exact
	switch a.way {
	case always:
		x.always.link(p)
	case equal:
		x.column(a.column).equal.link(p, a.value.String())
	case composite:
		s := x.shape(a.tests)
		s.link(p, s.key(a.tests))
	case within:
		x.column(a.column).ranges.link(p, a.low, a.high)
	case holds:
		x.column(a.column).trie(a.needle).link(p, a.needle)
	case isNull:
		x.column(a.column).null.link(p)
	case notNull:
		x.column(a.column).notNull.link(p)
	}
}

func (x *Index[T]) column(position int) *column[T] {
	c := x.columns[position]
	if c == nil {
		c = &column[T]{info: &x.schema.Columns[position], position: position}
		x.columns[position] = c
		x.active = append(x.active, c)
	}
	return c
}

func (x *Index[T]) shape(tests []*filter.Node) *shape[T] {
	for _, s := range x.shapes {
		if s.is(tests) {
			return s
		}
	}
	s := &shape[T]{}
	for _, n := range tests {
		c := x.column(n.Column)
		c.shapes++
		s.columns = append(s.columns, c)
	}
	x.shapes = append(x.shapes, s)
	return s
}

// Remove takes an entry out. An entry may be removed once.
func (x *Index[T]) Remove(e *Entry[T]) {
	x.entries--
	if _, ok := e.path.home.(*residue[T]); ok {
		x.residuals--
	}
	if e.path.home != nil {
		e.path.home.unlink(&e.path)
	}
	for i := range e.more {
		e.more[i].home.unlink(&e.more[i])
	}
	x.residues = slices.DeleteFunc(x.residues, func(r *residue[T]) bool { return r.live == 0 })
	x.shapes = slices.DeleteFunc(x.shapes, func(s *shape[T]) bool {
		if s.empty() {
			for _, c := range s.columns {
				c.shapes--
			}
		}
		return s.empty()
	})
	x.active = slices.DeleteFunc(x.active, func(c *column[T]) bool {
		if c.empty() {
			x.columns[c.position] = nil
		}
		return c.empty()
	})
}

// Len returns the number of entries.
func (x *Index[T]) Len() int { return x.entries }

// Indexed returns the number of entries that only concerned rows can reach.
func (x *Index[T]) Indexed() int { return x.entries - x.residuals }

// Residual returns the number of entries without an access path, which every
// visit asks unless it is remembered what they said.
func (x *Index[T]) Residual() int { return x.residuals }

// Evaluations returns how often a predicate was evaluated so far.
func (x *Index[T]) Evaluations() uint64 { return x.evaluations }
