package predindex

import (
	"github.com/tycostream/tycostream/internal/filter"
	"github.com/tycostream/tycostream/internal/relation"
)

// sides is a set of the two rows of a pass.
type sides uint8

const (
	oldRow sides = 1 << iota
	newRow
	both = oldRow | newRow
)

// pass is what one pair of rows leads to.
type pass[T any] struct {
	before, after relation.Row
	rows          sides // those that are there
	epoch         uint64
	hits          []*Entry[T]        // what was reached through paths
	changed       relation.ColumnSet // columns that differ, when diffed is set
	diffed        bool
}

// Visit calls visit once for every entry whose predicate matches before, after
// or both, in no particular order, and says which. An empty row is no row and
// matches nothing. visit must not call the index.
func (x *Index[T]) Visit(before, after relation.Row, visit func(value T, was, is bool)) {
	x.collect(before, after)
	for _, e := range x.hits {
		if rows := e.exact | x.settle(e.predicate, e.open&^e.exact); rows != 0 {
			visit(e.value, rows&oldRow != 0, rows&newRow != 0)
		}
	}
	for _, r := range x.residues {
		r.visitAll(x, visit)
	}
	x.release()
}

// Match calls visit once for every entry whose predicate matches row, in no
// particular order. An empty row matches nothing. visit must not call the
// index.
func (x *Index[T]) Match(row relation.Row, visit func(value T)) {
	x.Visit("", row, func(value T, _, _ bool) { visit(value) })
}

// collect finds everything that the rows reach through paths.
func (x *Index[T]) collect(before, after relation.Row) {
	x.epoch++
	x.hits, x.diffed = x.hits[:0], false
	x.before, x.after, x.rows = before, after, 0
	if before != "" {
		x.rows |= oldRow
	}
	if after != "" {
		x.rows |= newRow
	}
	if x.rows == 0 {
		return
	}
	x.follow(x.always.head, x.rows)
	for _, c := range x.active {
		c.load(x)
		c.collect(x)
	}
	for _, s := range x.shapes {
		s.collect(x)
	}
}

// release lets go of entries, which may be large and removed before the next
// pass. The last rows stay referenced.
func (x *Index[T]) release() { clear(x.hits) }

// follow reaches the entries of a list of paths.
func (x *Index[T]) follow(p *path[T], rows sides) {
	for ; p != nil; p = p.next {
		x.reach(p, rows)
	}
}

func (x *Index[T]) reach(p *path[T], rows sides) {
	e := p.entry
	if e.mark != x.epoch {
		e.mark, e.exact, e.open = x.epoch, 0, 0
		x.hits = append(x.hits, e)
	}
	if p.exact {
		e.exact |= rows
	} else {
		e.open |= rows
	}
}

// settle evaluates a predicate for some of the rows, once if they do not differ
// in what it reads, and returns those for which it is true.
func (x *Index[T]) settle(p *filter.Predicate, rows sides) sides {
	if rows == both && !x.differ(p.Columns()) {
		if x.evaluate(p, x.after) {
			return both
		}
		return 0
	}
	var matched sides
	if rows&oldRow != 0 && x.evaluate(p, x.before) {
		matched |= oldRow
	}
	if rows&newRow != 0 && x.evaluate(p, x.after) {
		matched |= newRow
	}
	return matched
}

func (x *Index[T]) evaluate(p *filter.Predicate, row relation.Row) bool {
	x.evaluations++
	return p.Match(row)
}

// differ reports whether the rows differ in some columns.
func (x *Index[T]) differ(columns relation.ColumnSet) bool {
	if !x.diffed {
		clear(x.changed)
		relation.Diff(x.before, x.after, x.changed)
		x.diffed = true
	}
	for i, word := range columns {
		if word&x.changed[i] != 0 {
			return true
		}
	}
	return false
}
