package filter

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tycostream/tycostream/internal/relation"
)

const (
	// MaxDepth is how deeply _and, _or and _not may nest once _and in _and and
	// _or in _or are flattened.
	MaxDepth = 64
	// maxObjects bounds the nesting of the input itself. The canonical form of
	// a filter at MaxDepth stays below it.
	maxObjects = 3 * MaxDepth
)

// Error says what is wrong with a filter, and where.
type Error struct {
	Path []string // the argument, then fields, operators and list positions
	Text string
	Null bool // an explicit null stands where a value belongs
}

// Error returns for example `where._or[1].quantity._gt: expected an integer,
// got "abc"`.
func (e *Error) Error() string {
	var b strings.Builder
	for i, p := range e.Path {
		switch {
		case p != "" && p[0] >= '0' && p[0] <= '9':
			b.WriteString("[" + p + "]")
		case i > 0:
			b.WriteString("." + p)
		default:
			b.WriteString(p)
		}
	}
	return b.String() + ": " + e.Text
}

// Option changes how Compile reads its input.
type Option func(*compiler)

// JSONText makes strings given for JSON columns JSON text, as under
// `scalars: string`, where such columns are String. Without it they are JSON
// strings.
func JSONText() Option { return func(c *compiler) { c.jsonText = true } }

// DatabaseNames allows columns to be named as the database does, where no column
// has that name in the API: for clients that see rows under those names.
func DatabaseNames() Option { return func(c *compiler) { c.database = true } }

// Argument names the argument that holds the filter, for errors; the default
// is "where".
func Argument(name string) Option { return func(c *compiler) { c.path[0] = name } }

// Compile turns a `where` value into a predicate. Keys are the columns' names
// in the API, operators, and _and, _or, _not; nil is no filter. The input is
// not kept. The error is an *[Error].
func Compile(s *relation.Schema, where any, options ...Option) (*Predicate, error) {
	c := &compiler{schema: s, path: []string{"where"}}
	for _, o := range options {
		o(c)
	}
	if where == nil {
		return All(), nil
	}
	n, err := c.object(where, 1)
	if err != nil {
		return nil, err
	}
	return newPredicate(s, n), nil
}

type compiler struct {
	schema   *relation.Schema
	path     []string
	jsonText bool
	database bool
}

// fail returns an error that names the present place.
func (c *compiler) fail(text string) error {
	return &Error{Path: slices.Clone(c.path), Text: text}
}

// null refuses an explicit null: in SQL no row would match, and taken as "no
// condition" every row would, which has cost others their data.
func (c *compiler) null() error {
	return &Error{Path: slices.Clone(c.path), Text: "null is not allowed here: use _is_null", Null: true}
}

// at runs f one step further down the path.
func (c *compiler) at(step string, f func() (*Node, error)) (*Node, error) {
	c.path = append(c.path, step)
	n, err := f()
	c.path = c.path[:len(c.path)-1]
	return n, err
}

func (c *compiler) object(in any, depth int) (*Node, error) {
	if depth > maxObjects {
		return nil, c.fail("nested deeper than " + strconv.Itoa(maxObjects) + " levels")
	}
	object, ok := in.(map[string]any)
	if !ok {
		return nil, c.fail("expected an object of conditions, got " + relation.Describe(in))
	}
	nodes := make([]*Node, 0, len(object))
	for _, key := range slices.Sorted(maps.Keys(object)) { // sorted: the same error every time
		n, err := c.at(key, func() (*Node, error) { return c.entry(key, object[key], depth) })
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	return c.limit(allOf(nodes))
}

func (c *compiler) limit(n *Node) (*Node, error) {
	if n.depth > MaxDepth {
		return nil, c.fail("conditions nested deeper than " + strconv.Itoa(MaxDepth) + " levels")
	}
	return n, nil
}

func (c *compiler) entry(key string, in any, depth int) (*Node, error) {
	switch key {
	case "_and", "_or":
		nodes, err := c.list(in, depth)
		if err != nil {
			return nil, err
		}
		if key == "_or" {
			return anyOf(nodes), nil
		}
		return allOf(nodes), nil
	case "_not":
		n, err := c.object(in, depth+1)
		if err != nil {
			return nil, err
		}
		return negation(n), nil
	}
	return c.column(key, in)
}

func (c *compiler) list(in any, depth int) ([]*Node, error) {
	list, ok := in.([]any)
	if !ok {
		n, err := c.object(in, depth+1)
		return []*Node{n}, err
	}
	nodes := make([]*Node, len(list))
	for i, x := range list {
		n, err := c.at(strconv.Itoa(i), func() (*Node, error) { return c.object(x, depth+1) })
		if err != nil {
			return nil, err
		}
		nodes[i] = n
	}
	return nodes, nil
}

// column reads all operators of one column.
func (c *compiler) column(field string, in any) (*Node, error) {
	position := c.schema.Field(field)
	if position < 0 && c.database {
		position = c.schema.Column(field)
	}
	if position < 0 {
		return nil, c.fail("no such column")
	}
	object, ok := in.(map[string]any)
	if !ok {
		return nil, c.fail(`expected comparisons such as {_eq: ...}, got ` + relation.Describe(in))
	}
	nodes := make([]*Node, 0, len(object))
	for _, name := range slices.Sorted(maps.Keys(object)) {
		n, err := c.at(name, func() (*Node, error) { return c.test(position, name, object[name]) })
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	return allOf(nodes), nil
}

func (c *compiler) test(position int, name string, in any) (*Node, error) {
	column := &c.schema.Columns[position]
	op, ok := parseOp(name)
	switch {
	case !ok:
		return nil, c.fail("no such operator")
	case !op.appliesTo(column.Kind):
		return nil, c.fail("no operator of " + column.Kind.String() + " columns; those have " +
			strings.Join(Operators(column.Kind), " "))
	case in == nil:
		return nil, c.null()
	}
	n := &Node{Kind: Test, Column: position, Op: op, field: column.Field}
	switch {
	case op == IsNull:
		yes, ok := in.(bool)
		if !ok {
			return nil, c.fail("expected true or false, got " + relation.Describe(in))
		}
		if !yes {
			n.Op = NotNull
		}
	case op.text() || op == HasKey:
		if n.Text, ok = in.(string); !ok || !utf8.ValidString(n.Text) {
			return nil, c.fail("expected a string, got " + relation.Describe(in))
		}
		if err := n.compilePattern(); err != nil {
			return nil, c.fail(err.Error())
		}
	case op == In || op == Nin:
		return c.members(n, column, in)
	default:
		v, err := c.constant(column, in)
		if err != nil {
			return nil, err
		}
		n.Values = []relation.Value{v}
	}
	return n.finish(), nil
}

// members reads the list of _in or _nin.
func (c *compiler) members(n *Node, column *relation.Column, in any) (*Node, error) {
	list, ok := in.([]any)
	if !ok {
		list = []any{in}
	}
	for i, x := range list {
		c.path = append(c.path, strconv.Itoa(i))
		v, err := c.constant(column, x)
		c.path = c.path[:len(c.path)-1]
		if err != nil {
			return nil, err
		}
		n.Values = append(n.Values, v)
	}
	slices.SortFunc(n.Values, func(a, b relation.Value) int { return a.Compare(&b) })
	n.Values = slices.CompactFunc(n.Values, func(a, b relation.Value) bool { return a.Compare(&b) == 0 })
	switch {
	case len(n.Values) == 0 && n.Op == In:
		return none(), nil
	case len(n.Values) == 0:
		return every(), nil
	case len(n.Values) == 1 && n.Op == In:
		n.Op = Eq
	case len(n.Values) == 1:
		n.Op = Neq
	}
	return n.finish(), nil
}

func (c *compiler) constant(column *relation.Column, in any) (v relation.Value, err error) {
	if in == nil {
		return v, c.null()
	}
	if text, ok := in.(string); ok && c.jsonText && column.Kind == relation.JSON {
		v, err = column.Parse(text)
	} else {
		v, err = column.Constant(in)
	}
	if err != nil {
		return v, c.fail(err.Error())
	}
	return v, nil
}

// Size counts the operators and list elements of a filter, for limits on what
// clients may send.
func Size(where any) int {
	object, ok := where.(map[string]any)
	if !ok {
		return 0
	}
	size := 0
	for key, in := range object {
		switch key {
		case "_and", "_or":
			list, ok := in.([]any)
			if !ok {
				list = []any{in}
			}
			size++
			for _, x := range list {
				size += 1 + Size(x)
			}
		case "_not":
			size += 1 + Size(in)
		default:
			size += elements(in)
		}
	}
	return size
}

// elements counts keys and list elements at all depths.
func elements(in any) int {
	size := 0
	switch x := in.(type) {
	case []any:
		for _, e := range x {
			size += 1 + elements(e)
		}
	case map[string]any:
		for _, e := range x {
			size += 1 + elements(e)
		}
	}
	return size
}
