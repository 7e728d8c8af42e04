package filter

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tycostream/tycostream/internal/relation"
)

// NodeKind says what a Node is.
type NodeKind uint8

// The kinds of nodes.
const (
	Every NodeKind = iota // true for every row
	None                  // true for no row
	And                   // all of Nodes
	Or                    // any of Nodes
	Test                  // Op on a column
	not                   // Nodes[0] is false; never seen through Root
)

// Node is one node of a filter's tree. Read-only.
type Node struct {
	Kind   NodeKind
	Nodes  []*Node          // And, Or: two or more, sorted, each different
	Column int              // Test: position in the schema
	Op     Op               // Test
	Values []relation.Value // Test: constants; sorted and unique for In and Nin
	Text   string           // Test: the pattern, or the key of HasKey

	field string // Test: the column's name in the API
	key   string // canonical JSON; empty in the tree of Root
	depth int

	pattern func(text string) bool // Test: what Text was compiled to
	needles []Needles              // and what that asks of every text
	letters Letters
}

// appendConstant appends a Test's constant in canonical form.
func (n *Node) appendConstant(dst []byte) []byte {
	switch {
	case n.Op == IsNull || n.Op == NotNull:
		return strconv.AppendBool(dst, n.Op == IsNull)
	case n.Op.text() || n.Op == HasKey:
		return relation.AppendJSONString(dst, n.Text)
	case n.Op == In || n.Op == Nin:
		dst = append(dst, '[')
		for i := range n.Values {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = n.Values[i].AppendJSON(dst)
		}
		return append(dst, ']')
	}
	return n.Values[0].AppendJSON(dst)
}

func (n *Node) appendTest(dst []byte) []byte {
	dst = append(relation.AppendJSONString(dst, n.Op.String()), ':')
	return n.appendConstant(dst)
}

func every() *Node { return &Node{Kind: Every, key: "{}"} }

func none() *Node { return &Node{Kind: None, key: `{"_or":[]}`} }

// finish computes a Test's canonical text.
func (n *Node) finish() *Node {
	dst := append(relation.AppendJSONString([]byte{'{'}, n.field), ":{"...)
	n.key = string(append(n.appendTest(dst), "}}"...))
	return n
}

// allOf joins conditions by AND.
func allOf(nodes []*Node) *Node {
	n := join(And, Every, None, nodes)
	if n == nil {
		return every()
	}
	if n.Kind == And && n.key == "" {
		n.key = string(appendAnd(nil, n.Nodes))
	}
	return n
}

// anyOf joins conditions by OR.
func anyOf(nodes []*Node) *Node {
	n := join(Or, None, Every, nodes)
	if n == nil {
		return none()
	}
	if n.Kind == Or && n.key == "" {
		n.key = string(append(appendList([]byte(`{"_or":`), n.Nodes), '}'))
	}
	return n
}

// join flattens, sorts and de-duplicates. neutral conditions go, an absorbing
// one is the whole; nil means that nothing is left.
func join(kind, neutral, absorbing NodeKind, nodes []*Node) *Node {
	var flat []*Node
	for _, n := range nodes {
		switch n.Kind {
		case absorbing:
			return n
		case neutral:
		case kind:
			flat = append(flat, n.Nodes...)
		default:
			flat = append(flat, n)
		}
	}
	slices.SortFunc(flat, func(a, b *Node) int { return strings.Compare(a.key, b.key) })
	flat = slices.CompactFunc(flat, func(a, b *Node) bool { return a.key == b.key })
	switch len(flat) {
	case 0:
		return nil
	case 1:
		return flat[0]
	}
	n := &Node{Kind: kind, Nodes: flat}
	for _, c := range flat {
		n.depth = max(n.depth, c.depth+1)
	}
	return n
}

// negation is NOT n. An unknown n stays unknown.
func negation(n *Node) *Node {
	switch n.Kind { //nolint:exhaustive // all others alike
	case Every:
		return none()
	case None:
		return every()
	}
	return &Node{Kind: not, Nodes: []*Node{n}, key: `{"_not":` + n.key + `}`, depth: n.depth + 1}
}

func appendList(dst []byte, nodes []*Node) []byte {
	dst = append(dst, '[')
	for i, n := range nodes {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, n.key...)
	}
	return append(dst, ']')
}

// appendAnd writes conditions as one object, the way people write them:
// {"a":{"_gt":1,"_lt":5},"_or":[...]}. What would need a key twice goes to a
// list under _and. Tests of one column are neighbors, because nodes are sorted
// by their text.
func appendAnd(dst []byte, nodes []*Node) []byte {
	var rest []*Node
	var or, negated *Node
	column, used := -1, uint32(0)
	dst = append(dst, '{')
	for _, n := range nodes {
		switch n.Kind {
		case Test:
			bit := uint32(1) << n.Op
			if n.Op == NotNull {
				bit = 1 << IsNull // both are called _is_null
			}
			switch {
			case n.Column != column:
				if column >= 0 {
					dst = append(dst, "},"...)
				}
				dst = append(relation.AppendJSONString(dst, n.field), ":{"...)
				column, used = n.Column, bit
			case used&bit != 0:
				rest = append(rest, n)
				continue
			default:
				dst = append(dst, ',')
				used |= bit
			}
			dst = n.appendTest(dst)
		case Or:
			if or == nil {
				or = n
			} else {
				rest = append(rest, n)
			}
		case not:
			if negated == nil {
				negated = n
			} else {
				rest = append(rest, n)
			}
		case Every, None, And: // join leaves none of them
		}
	}
	if column >= 0 {
		dst = append(dst, '}')
	}
	if rest != nil {
		dst = appendList(append(comma(dst), `"_and":`...), rest)
	}
	if negated != nil {
		dst = append(append(comma(dst), `"_not":`...), negated.Nodes[0].key...)
	}
	if or != nil {
		dst = appendList(append(comma(dst), `"_or":`...), or.Nodes)
	}
	return append(dst, '}')
}

func comma(dst []byte) []byte {
	if dst[len(dst)-1] == '{' {
		return dst
	}
	return append(dst, ',')
}

// positive rewrites n, or its negation, without NOT, by De Morgan's laws. They
// hold in three-valued logic, and without NOT a test that is unknown can be
// taken for false: the root is true or not true either way.
func (n *Node) positive(negate bool) *Node {
	c := *n
	switch n.Kind {
	case not:
		return n.Nodes[0].positive(!negate)
	case Test:
		if negate {
			c.Op, c.key = n.Op.negate(), ""
		}
		return &c
	case Every, None:
		if negate {
			c.Kind, c.key = Every+None-n.Kind, ""
		}
		return &c
	case And, Or:
		if negate {
			c.Kind, c.key = And+Or-n.Kind, ""
		}
		c.Nodes = make([]*Node, len(n.Nodes))
		for i, x := range n.Nodes {
			c.Nodes[i] = x.positive(negate)
		}
	}
	return &c
}
