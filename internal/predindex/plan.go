package predindex

import (
	"cmp"
	"slices"

	"github.com/tycostream/tycostream/internal/filter"
	"github.com/tycostream/tycostream/internal/relation"
)

// way is a kind of access path.
type way uint8

const (
	always    way = iota // every row
	equal                // one cell has value
	composite            // several cells, by tests
	within               // one cell lies between low and high
	holds                // one cell holds needle
	isNull
	notNull
)

// access describes a path before it is laid.
type access struct {
	way       way
	column    int
	value     *relation.Value
	tests     []*filter.Node // by column
	low, high bound
	needle    *filter.Needle
	exact     bool
}

// grade orders access plans by how few rows they usually let through.
type grade uint8

const (
	byComposite grade = iota
	byEquality
	bySet
	byNeedle
	byNull
	byRange
	byScrap // a needle of a character or two
	byBound
	byPresence
)

const (
	wordy   = 3 // bytes of a needle that few rows have, one hopes
	crowded = 8 // paths at a needle that make another one worth a try
)

// plan is a set of paths that every row which the predicate is true for takes
// at least one of.
type plan struct {
	grade grade
	paths []access
	merit int // within the grade, as far as the index tells; see planner
}

func (p *plan) better(o *plan) bool {
	return cmp.Or(cmp.Compare(p.grade, o.grade), cmp.Compare(len(p.paths), len(o.paths)), cmp.Compare(o.merit, p.merit)) < 0
}

// planner makes plans for one index.
type planner struct {
	schema    *relation.Schema
	constants func(column int) int                   // how many an index on equality holds now: the more, the better
	crowd     func(column int, n *filter.Needle) int // how many paths hang at a needle: the fewer, the better
	room      func(columns []*filter.Node) bool      // whether there may be an index on these columns
}

// plan returns the best plan for a condition; ok is false when there is none.
func (l *planner) plan(n *filter.Node) (p plan, ok bool) {
	switch n.Kind {
	case filter.Every:
		return plan{paths: []access{{way: always, exact: true}}, grade: byPresence}, true
	case filter.And:
		return l.and(conjuncts(n, nil))
	case filter.Or:
		return l.or(n.Nodes)
	case filter.Test:
		return l.test(n)
	case filter.None:
		return p, true
	}
	return p, false
}

// or needs the paths of all branches.
func (l *planner) or(nodes []*filter.Node) (p plan, ok bool) {
	p.grade = bySet
	for _, n := range nodes {
		branch, ok := l.plan(n)
		if !ok {
			return p, false
		}
		p.grade = max(p.grade, branch.grade)
		p.paths = append(p.paths, branch.paths...)
	}
	return p, true
}

// conjuncts takes nested ANDs, which negation leaves, apart.
func conjuncts(n *filter.Node, list []*filter.Node) []*filter.Node {
	for _, c := range n.Nodes {
		if c.Kind == filter.And {
			list = conjuncts(c, list)
		} else {
			list = append(list, c)
		}
	}
	return list
}

// and chooses the best of its conjuncts' plans. Tests that only together make
// a path, equalities of several columns and both ends of a range, count as one
// conjunct.
func (l *planner) and(nodes []*filter.Node) (best plan, found bool) {
	offer := func(p plan, covered int) {
		if covered < len(nodes) {
			for i := range p.paths {
				p.paths[i].exact = false
			}
		}
		if !found || p.better(&best) {
			best, found = p, true
		}
	}
	if p, covered := l.composite(nodes); covered > 0 {
		offer(p, covered)
	}
	for i, n := range nodes {
		if !l.ranged(n) {
			if p, ok := l.plan(n); ok {
				offer(p, 1)
			}
			continue
		}
		if first := slices.IndexFunc(nodes, func(o *filter.Node) bool { return l.ranged(o) && o.Column == n.Column }); first == i {
			offer(l.span(n.Column, nodes))
		}
	}
	return best, found
}

// composite joins the equalities of two or more columns, and counts them.
func (l *planner) composite(nodes []*filter.Node) (p plan, covered int) {
	var tests []*filter.Node
	a := access{way: composite, exact: true}
	for _, n := range nodes {
		if n.Kind != filter.Test || n.Op != filter.Eq || !hashed(l.kind(n)) ||
			slices.ContainsFunc(tests, func(o *filter.Node) bool { return o.Column == n.Column }) {
			continue
		}
		tests = append(tests, n)
		a.exact = a.exact && distinct(l.kind(n))
	}
	slices.SortFunc(tests, func(a, b *filter.Node) int { return cmp.Compare(a.Column, b.Column) })
	if len(tests) < 2 || !l.room(tests) {
		return p, 0
	}
	a.tests = tests
	return plan{grade: byComposite, paths: []access{a}}, len(tests)
}

func (l *planner) kind(n *filter.Node) relation.Kind { return l.schema.Columns[n.Column].Kind }

// ranged reports whether a condition is one end of a range.
func (l *planner) ranged(n *filter.Node) bool {
	if n.Kind != filter.Test || !ordered(l.kind(n)) {
		return false
	}
	return n.Op == filter.Gt || n.Op == filter.Gte || n.Op == filter.Lt || n.Op == filter.Lte
}

// span joins the ends of ranges over one column, and counts them.
func (l *planner) span(position int, nodes []*filter.Node) (p plan, covered int) {
	a := access{way: within, column: position, exact: true}
	for _, n := range nodes {
		if !l.ranged(n) || n.Column != position {
			continue
		}
		covered++
		b := bound{&n.Values[0], n.Op == filter.Gt || n.Op == filter.Lt}
		if n.Op == filter.Gt || n.Op == filter.Gte {
			if compareLow(&b, &a.low) > 0 {
				a.low = b
			}
		} else if compareHigh(&b, &a.high) < 0 {
			a.high = b
		}
	}
	p = plan{grade: byRange, paths: []access{a}}
	if a.low.value == nil || a.high.value == nil {
		p.grade = byBound
	}
	return p, covered
}

// test plans a condition that stands alone.
func (l *planner) test(n *filter.Node) (p plan, ok bool) {
	switch n.Op { //nolint:exhaustive // the others have no path
	case filter.Eq:
		return l.set(byEquality, n.Column, n.Values), true
	case filter.In:
		return l.set(bySet, n.Column, n.Values), true
	case filter.Gt, filter.Gte, filter.Lt, filter.Lte:
		if l.ranged(n) {
			p, _ = l.span(n.Column, []*filter.Node{n})
			return p, true
		}
	case filter.IsNull:
		return plan{grade: byNull, paths: []access{{way: isNull, column: n.Column, exact: true}}}, true
	case filter.NotNull:
		return plan{grade: byPresence, paths: []access{{way: notNull, column: n.Column, exact: true}}}, true
	case filter.Like, filter.Ilike, filter.Regex, filter.Iregex:
		return l.pattern(n)
	}
	return p, false
}

// pattern plans for a cell that matches a pattern: through the needles that
// rule out most, as far as their length tells, unless many others hang there
// already. What many patterns have in common is in many cells too.
func (l *planner) pattern(n *filter.Node) (best plan, found bool) {
	for _, needles := range n.Needles() {
		p := plan{grade: byNeedle}
		crowd := 0
		for i := range needles.List {
			needle := &needles.List[i]
			if len(needle.Text) < wordy {
				p.grade = byScrap
			}
			crowd = max(crowd, l.crowd(n.Column, needle))
			p.paths = append(p.paths, access{way: holds, column: n.Column, needle: needle, exact: needles.Exact})
		}
		p.merit = -crowd / crowded
		if !found || p.merit > best.merit {
			best, found = p, true
		}
	}
	return best, found
}

// set plans for a cell that is one of values.
func (l *planner) set(g grade, position int, values []relation.Value) plan {
	kind := l.schema.Columns[position].Kind
	p := plan{grade: g, merit: l.constants(position)}
	for i := range values {
		a := access{way: equal, column: position, value: &values[i], exact: distinct(kind)}
		if !hashed(kind) {
			a.way, a.low.value, a.high.value = within, a.value, a.value
		}
		p.paths = append(p.paths, a)
	}
	return p
}
