package filter

import (
	"slices"

	"github.com/tycostream/tycostream/internal/relation"
)

// Predicate is a compiled filter. Immutable; safe for concurrent use.
type Predicate struct {
	root      *Node // without NOT
	canonical string
	columns   relation.ColumnSet
	matcher   matcher
}

// All returns the predicate that every row matches.
func All() *Predicate { return newPredicate(&relation.Schema{}, every()) }

func newPredicate(s *relation.Schema, n *Node) *Predicate {
	p := &Predicate{canonical: n.key, root: n.positive(false), columns: relation.NewColumnSet(len(s.Columns))}
	p.matcher = build(s, p.root, p.columns)
	return p
}

// Match reports whether the filter is true for a row: neither false nor
// unknown.
func (p *Predicate) Match(r relation.Row) bool { return p.matcher.match(r) }

// Canonical returns the filter as canonical JSON text, "{}" for All. Two
// filters with the same text match the same rows.
func (p *Predicate) Canonical() string { return p.canonical }

// IsAll reports whether every row matches.
func (p *Predicate) IsAll() bool { return p.root.Kind == Every }

// Columns returns the columns that the filter reads: when none of them
// changed, neither did the result. Read-only.
func (p *Predicate) Columns() relation.ColumnSet { return p.columns }

// Root returns the filter as a tree of And, Or and Test nodes, negations
// carried down to the tests. A test that is unknown may be taken for false.
// Read-only.
func (p *Predicate) Root() *Node { return p.root }

// Hint is a necessary condition on one column, fit for an index: a row can
// match only if the cell is one of Values (when there are any), and lies
// between Low and High (where they are not nil).
type Hint struct {
	Column    int
	Values    []relation.Value // sorted and unique; from _eq and _in
	Low, High *Bound
}

// Bound is one end of a range.
type Bound struct {
	Value     relation.Value
	Inclusive bool
}

// Hints lists the conjuncts of the filter that an index can use, by column.
// Every one of them must hold for a row to match; together they need not
// suffice, so that Match has the last word.
func (p *Predicate) Hints() []Hint {
	nodes := []*Node{p.root}
	if p.root.Kind == And {
		nodes = p.root.Nodes
	}
	var hints []Hint
	for _, n := range nodes {
		if n.Kind != Test || n.Op == Neq || len(n.Values) == 0 || n.Op > In {
			continue
		}
		i := slices.IndexFunc(hints, func(h Hint) bool { return h.Column == n.Column })
		if i < 0 {
			i = len(hints)
			hints = append(hints, Hint{Column: n.Column})
		}
		hints[i].add(n)
	}
	return hints
}

func (h *Hint) add(n *Node) {
	switch n.Op { //nolint:exhaustive // Hints passes no others
	case Eq, In:
		if h.Values == nil || len(n.Values) < len(h.Values) {
			h.Values = n.Values
		}
	case Gt, Gte:
		b := &Bound{n.Values[0], n.Op == Gte}
		if h.Low == nil || b.tighter(h.Low, 1) {
			h.Low = b
		}
	case Lt, Lte:
		b := &Bound{n.Values[0], n.Op == Lte}
		if h.High == nil || b.tighter(h.High, -1) {
			h.High = b
		}
	}
}

// tighter compares two bounds of one end; direction is 1 for low ends.
func (b *Bound) tighter(o *Bound, direction int) bool {
	order := b.Value.Compare(&o.Value) * direction
	return order > 0 || order == 0 && !b.Inclusive
}
