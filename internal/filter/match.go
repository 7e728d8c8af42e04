package filter

import (
	"slices"

	"github.com/tycostream/tycostream/internal/relation"
)

// matcher is one compiled node. It reports whether the node is true; false
// stands for unknown too, which is sound because no matcher negates another.
type matcher interface {
	match(r relation.Row) bool
}

type (
	constant bool
	allMatch []matcher
	anyMatch []matcher

	nullMatch struct {
		column int
		null   bool
	}
	// unreadableMatch takes cells that are no value of their column for NULL.
	unreadableMatch struct {
		nullMatch
		parser *relation.Column
	}
	// orderMatch accepts cells by their order to value: accept holds a bit for
	// each of less, equal and greater.
	orderMatch struct {
		column int
		accept uint8
		value  relation.Value
	}
	textMatch struct {
		column int
		equal  bool
		text   string
	}
	textInMatch struct {
		column int
		in     bool
		texts  map[string]struct{}
	}
	inMatch struct {
		column int
		in     bool
		values []relation.Value // sorted
		parser *relation.Column
	}
	enumMatch struct {
		column int
		accept map[string]bool // false: in the enum, but not accepted
	}
	patternMatch struct {
		column   int
		positive bool
		shown    *relation.Column // set where the API shows another text than the cell's
		test     func(text string) bool
	}
	containsMatch struct {
		column   int
		positive bool
		value    relation.Value
	}
	hasKeyMatch struct {
		column   int
		positive bool
		key      string
	}
)

const (
	acceptLess = 1 << iota
	acceptEqual
	acceptGreater
)

// build compiles a tree without NOT and adds the columns it reads to columns.
func build(s *relation.Schema, n *Node, columns relation.ColumnSet) matcher {
	switch n.Kind {
	case And:
		return allMatch(buildAll(s, n.Nodes, columns))
	case Or:
		return anyMatch(buildAll(s, n.Nodes, columns))
	case Test:
		columns.Add(n.Column)
		return buildTest(&s.Columns[n.Column], n)
	case Every, None, not:
	}
	return constant(n.Kind == Every)
}

func buildAll(s *relation.Schema, nodes []*Node, columns relation.ColumnSet) []matcher {
	matchers := make([]matcher, len(nodes))
	for i, n := range nodes {
		matchers[i] = build(s, n, columns)
	}
	return matchers
}

func buildTest(column *relation.Column, n *Node) matcher {
	switch n.Op {
	case IsNull, NotNull:
		return buildNull(column, n)
	case Like, Nlike, Ilike, Nilike, Regex, Nregex, Iregex, Niregex:
		return buildPattern(column, n)
	case Contains, NotContains:
		return &containsMatch{n.Column, n.Op == Contains, n.Values[0]}
	case HasKey, NotHasKey:
		return &hasKeyMatch{n.Column, n.Op == HasKey, n.Text}
	case Eq, Neq, Gt, Gte, Lt, Lte, In, Nin:
	}
	switch {
	case column.Kind == relation.Enumeration:
		return buildEnum(column.Enum, n)
	case n.Op == In || n.Op == Nin:
		return buildIn(column, n)
	case column.Kind == relation.String && (n.Op == Eq || n.Op == Neq):
		return &textMatch{n.Column, n.Op == Eq, n.Values[0].String()}
	}
	return &orderMatch{n.Column, accepts(n.Op), n.Values[0]}
}

func buildNull(column *relation.Column, n *Node) matcher {
	switch column.Kind { //nolint:exhaustive // the others are parsed
	case relation.String, relation.JSON, relation.Array:
		return &nullMatch{n.Column, n.Op == IsNull}
	}
	return &unreadableMatch{nullMatch{n.Column, n.Op == IsNull}, column}
}

func accepts(op Op) uint8 {
	switch op { //nolint:exhaustive // the comparisons
	case Eq:
		return acceptEqual
	case Neq:
		return acceptLess | acceptGreater
	case Gt:
		return acceptGreater
	case Gte:
		return acceptGreater | acceptEqual
	case Lt:
		return acceptLess
	}
	return acceptLess | acceptEqual
}

func buildIn(column *relation.Column, n *Node) matcher {
	if column.Kind != relation.String {
		return &inMatch{n.Column, n.Op == In, n.Values, column}
	}
	m := &textInMatch{n.Column, n.Op == In, make(map[string]struct{}, len(n.Values))}
	for i := range n.Values {
		m.texts[n.Values[i].String()] = struct{}{}
	}
	return m
}

// buildEnum turns any comparison into a table of the enum's values.
func buildEnum(enum *relation.Enum, n *Node) matcher {
	m := &enumMatch{n.Column, make(map[string]bool, len(enum.Values))}
	for _, text := range enum.Values {
		switch n.Op {
		case In, Nin:
			found := slices.ContainsFunc(n.Values, func(v relation.Value) bool { return v.String() == text })
			m.accept[text] = found == (n.Op == In)
		default:
			order, _ := n.Values[0].CompareCell(text)
			m.accept[text] = accepts(n.Op)>>(sign(order)+1)&1 != 0
		}
	}
	return m
}

func buildPattern(column *relation.Column, n *Node) matcher {
	m := &patternMatch{column: n.Column, positive: n.Op.wants(), test: n.pattern}
	if column.Kind != relation.String {
		m.shown = column
	}
	return m
}

func sign(order int) int { return min(max(order, -1), 1) }

func (c constant) match(relation.Row) bool { return bool(c) }

func (m allMatch) match(r relation.Row) bool {
	for _, c := range m {
		if !c.match(r) {
			return false
		}
	}
	return true
}

func (m anyMatch) match(r relation.Row) bool {
	for _, c := range m {
		if c.match(r) {
			return true
		}
	}
	return false
}

func (m *nullMatch) match(r relation.Row) bool { return r.Null(m.column) == m.null }

func (m *unreadableMatch) match(r relation.Row) bool {
	cell, ok := r.Cell(m.column)
	if ok {
		_, err := m.parser.Parse(cell)
		ok = err == nil
	}
	return ok != m.null
}

func (m *orderMatch) match(r relation.Row) bool {
	cell, ok := r.Cell(m.column)
	if !ok {
		return false
	}
	order, ok := m.value.CompareCell(cell)
	return ok && m.accept>>(sign(order)+1)&1 != 0
}

func (m *textMatch) match(r relation.Row) bool {
	cell, ok := r.Cell(m.column)
	return ok && (cell == m.text) == m.equal
}

func (m *textInMatch) match(r relation.Row) bool {
	cell, ok := r.Cell(m.column)
	if !ok {
		return false
	}
	_, found := m.texts[cell]
	return found == m.in
}

func (m *inMatch) match(r relation.Row) bool {
	cell, ok := r.Cell(m.column)
	if !ok {
		return false
	}
	v, err := m.parser.Parse(cell)
	if err != nil {
		return false
	}
	low, high := 0, len(m.values) // by hand: v must not escape to the heap
	for low < high {
		middle := (low + high) / 2
		switch order := v.Compare(&m.values[middle]); {
		case order == 0:
			return m.in
		case order < 0:
			high = middle
		default:
			low = middle + 1
		}
	}
	return !m.in
}

func (m *enumMatch) match(r relation.Row) bool {
	cell, ok := r.Cell(m.column)
	return ok && m.accept[cell]
}

func (m *patternMatch) match(r relation.Row) bool {
	cell, ok := r.Cell(m.column)
	if !ok {
		return false
	}
	if m.shown != nil {
		if cell, ok = m.shown.Text(cell); !ok {
			return false
		}
	}
	return m.test(cell) == m.positive
}

func (m *containsMatch) match(r relation.Row) bool {
	cell, ok := r.Cell(m.column)
	if !ok {
		return false
	}
	contains, ok := m.value.ContainsCell(cell)
	return ok && contains == m.positive
}

func (m *hasKeyMatch) match(r relation.Row) bool {
	cell, ok := r.Cell(m.column)
	if !ok {
		return false
	}
	has, ok := relation.HasKey(cell, m.key)
	return ok && has == m.positive
}
