package eval

import (
	"encoding/json"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"github.com/tycostream/tycostream/internal/mzsim/pgval"
	"github.com/tycostream/tycostream/internal/mzsim/sqlparse"
)

func (p *Planner) unary(x *sqlparse.Unary, sc *scope) (compiled, error) {
	boolean := pgval.Must("boolean")
	if x.Op == "not" {
		c, err := p.condition(x.X, sc, "NOT")
		if err != nil {
			return c, err
		}
		inner := c.fn
		c.fn = func(f *frame) (Cell, error) {
			v, err := inner(f)
			if err != nil || !v.OK {
				return v, err
			}
			return Bool(!v.True()), nil
		}
		return c, nil
	}
	c, err := p.expr(x.X, sc)
	if err != nil {
		return c, err
	}
	inner := c.fn
	switch x.Op {
	case "+":
		return c, nil
	case "-":
		if c.literal {
			c = p.as(c, pgval.Must("integer"))
		}
		zero := constant(pgval.Must("integer"), Of("0"))
		return p.arithmetic("-", zero, c)
	}
	test := func(v Cell) bool { return v.OK }
	switch strings.TrimPrefix(strings.TrimPrefix(x.Op, "is "), "not ") {
	case "null":
		test = func(v Cell) bool { return !v.OK }
	case "true":
		test = Cell.True
	case "false":
		test = func(v Cell) bool { return v.OK && v.Text == "f" }
	}
	not := strings.HasPrefix(x.Op, "is not ")
	return compiled{typ: boolean, fn: func(f *frame) (Cell, error) {
		v, err := inner(f)
		return Bool(test(v) != not), err
	}}, nil
}

func (p *Planner) binary(x *sqlparse.Binary, sc *scope) (compiled, error) {
	if x.Op == "and" || x.Op == "or" {
		return p.logic(x, sc)
	}
	if call, ok := x.Y.(*sqlparse.Call); ok && call.Name == "any" && len(call.Args) == 1 {
		return p.anyOf(x, call, sc)
	}
	a, b, err := p.pair(x, sc)
	if err != nil {
		return a, err
	}
	switch x.Op {
	case "=", "<>", "<", ">", "<=", ">=", "is distinct from", "is not distinct from":
		return p.compare(x.Op, a, b)
	case "+", "-", "*", "/", "%":
		return p.arithmetic(x.Op, a, b)
	case "->", "->>":
		return p.jsonGet(x.Op, a, b), nil
	case "||":
		text := pgval.Must("text")
		a, b = p.as(a, text), p.as(b, text)
		return strict(text, a, b, func(l, r string) (Cell, error) { return Of(l + r), nil }), nil
	}
	return p.pattern(x.Op, a, b)
}

// pair plans both sides; each may tell the other the type of a parameter.
func (p *Planner) pair(x *sqlparse.Binary, sc *scope) (a, b compiled, err error) {
	if _, isParam := x.X.(*sqlparse.Param); isParam {
		if b, err = p.expr(x.Y, sc); err != nil {
			return a, b, err
		}
		p.hint(x.X, b.typ)
	}
	if a, err = p.expr(x.X, sc); err != nil {
		return a, b, err
	}
	p.hint(x.Y, a.typ)
	b, err = p.expr(x.Y, sc)
	return a, b, err
}

// logic is AND and OR with SQL's unknown.
func (p *Planner) logic(x *sqlparse.Binary, sc *scope) (compiled, error) {
	a, err := p.condition(x.X, sc, strings.ToUpper(x.Op))
	if err != nil {
		return a, err
	}
	b, err := p.condition(x.Y, sc, strings.ToUpper(x.Op))
	if err != nil {
		return b, err
	}
	decides := "f"
	if x.Op == "or" {
		decides = "t"
	}
	return compiled{typ: a.typ, nullable: a.nullable || b.nullable, fn: func(f *frame) (Cell, error) {
		l, err := a.fn(f)
		if err != nil || l.OK && l.Text == decides {
			return l, err
		}
		r, err := b.fn(f)
		if err != nil || r.OK && r.Text == decides || l.OK {
			return r, err
		}
		return Cell{}, nil
	}}, nil
}

// strict is a function of two values that are not NULL.
func strict(t pgval.Type, a, b compiled, f func(l, r string) (Cell, error)) compiled {
	return compiled{typ: t, nullable: a.nullable || b.nullable, fn: func(fr *frame) (Cell, error) {
		l, err := a.fn(fr)
		if err != nil {
			return Cell{}, err
		}
		r, err := b.fn(fr)
		if err != nil || !l.OK || !r.OK {
			return Cell{}, err
		}
		return f(l.Text, r.Text)
	}}
}

// alike brings two operands to one type.
func (p *Planner) alike(op string, a, b compiled) (compiled, compiled, error) {
	switch {
	case a.literal && b.literal:
		return p.as(a, pgval.Must("text")), p.as(b, pgval.Must("text")), nil
	case a.literal:
		return p.as(a, b.typ), b, nil
	case b.literal:
		return a, p.as(b, a.typ), nil
	case isNumber(a.typ) && isNumber(b.typ), a.typ.Class == b.typ.Class:
		return a, b, nil
	}
	moments := func(c pgval.Class) bool { return c == pgval.Date || c == pgval.Timestamp || c == pgval.TimestampTZ }
	texts := func(c pgval.Class) bool { return c == pgval.Text || c == pgval.Char || c == pgval.Opaque }
	if moments(a.typ.Class) && moments(b.typ.Class) || texts(a.typ.Class) && texts(b.typ.Class) {
		return a, b, nil
	}
	return a, b, Errorf("operator does not exist: %s %s %s", a.typ.Name, op, b.typ.Name)
}

func (p *Planner) compare(op string, a, b compiled) (compiled, error) {
	a, b, err := p.alike(op, a, b)
	if err != nil {
		return a, err
	}
	boolean := pgval.Must("boolean")
	typ := commonType(a.typ, b.typ)
	if strings.HasSuffix(op, "distinct from") {
		same := op == "is not distinct from"
		return compiled{typ: boolean, fn: func(f *frame) (Cell, error) {
			l, err := a.fn(f)
			if err != nil {
				return l, err
			}
			r, err := b.fn(f)
			equal := l.OK == r.OK && (!l.OK || typ.Compare(l.Text, r.Text) == 0)
			return Bool(equal == same), err
		}}, nil
	}
	return strict(boolean, a, b, func(l, r string) (Cell, error) {
		c := typ.Compare(l, r)
		switch op {
		case "=":
			return Bool(c == 0), nil
		case "<>":
			return Bool(c != 0), nil
		case "<":
			return Bool(c < 0), nil
		case ">":
			return Bool(c > 0), nil
		case "<=":
			return Bool(c <= 0), nil
		}
		return Bool(c >= 0), nil
	}), nil
}

// anyOf is x op ANY (array): only equality.
func (p *Planner) anyOf(x *sqlparse.Binary, call *sqlparse.Call, sc *scope) (compiled, error) {
	a, err := p.expr(x.X, sc)
	if err != nil {
		return a, err
	}
	if x.Op != "=" {
		return a, Errorf("operator %s ANY is not supported by this stand-in", x.Op)
	}
	typ := known(a.typ)
	array := pgval.ArrayOf(typ)
	p.hint(call.Args[0], array)
	b, err := p.expr(call.Args[0], sc)
	if err != nil {
		return b, err
	}
	return strict(pgval.Must("boolean"), a, p.as(b, array), func(l, r string) (Cell, error) {
		elems, err := array.Elements(r)
		if err != nil {
			return Cell{}, Errorf("%s", err)
		}
		cells := make([]Cell, len(elems))
		for i, e := range elems {
			if e != nil {
				cells[i] = Of(*e)
			}
		}
		return member(&typ, Of(l), cells, false), nil
	}), nil
}

func (p *Planner) arithmetic(op string, a, b compiled) (compiled, error) {
	a, b, err := p.alike(op, a, b)
	if err != nil {
		return a, err
	}
	typ := commonType(a.typ, b.typ)
	if !isNumber(typ) {
		return a, Errorf("operator does not exist: %s %s %s", a.typ.Name, op, b.typ.Name)
	}
	if typ.Class == pgval.Numeric {
		typ = pgval.Must("numeric") // results have no declared scale
	}
	if typ.Class == pgval.Float {
		return strict(typ, a, b, func(l, r string) (Cell, error) { return floatOp(op, l, r, typ) }), nil
	}
	return strict(typ, a, b, func(l, r string) (Cell, error) {
		x, okx := pgval.Rational(l)
		y, oky := pgval.Rational(r)
		if !okx || !oky {
			return Of("NaN"), nil
		}
		return exactOp(op, x, y, typ)
	}), nil
}

func exactOp(op string, x, y *big.Rat, typ pgval.Type) (Cell, error) {
	z := new(big.Rat)
	switch op {
	case "+":
		z.Add(x, y)
	case "-":
		z.Sub(x, y)
	case "*":
		z.Mul(x, y)
	default:
		if y.Sign() == 0 {
			return Cell{}, Errorf("Evaluation error: division by zero")
		}
		z.Quo(x, y)
		if op == "/" && typ.Class == pgval.Int || op == "%" {
			whole := new(big.Rat).SetInt(new(big.Int).Quo(z.Num(), z.Denom()))
			if op == "%" {
				whole.Sub(x, whole.Mul(whole, y))
			}
			z = whole
		}
	}
	if typ.Class == pgval.Int {
		s, err := typ.Canon(z.FloatString(0))
		if err != nil {
			return Cell{}, Errorf("Evaluation error: %s out of range", typ.Name)
		}
		return Of(s), nil
	}
	s, err := pgval.FormatNumeric(z)
	if err != nil {
		return Cell{}, Errorf("Evaluation error: %s", err)
	}
	return Of(s), nil
}

func floatOp(op, l, r string, typ pgval.Type) (Cell, error) {
	x, _ := strconv.ParseFloat(l, 64)
	y, _ := strconv.ParseFloat(r, 64)
	switch op {
	case "+":
		x += y
	case "-":
		x -= y
	case "*":
		x *= y
	default:
		if y == 0 {
			return Cell{}, Errorf("Evaluation error: division by zero")
		}
		x /= y
	}
	return Of(pgval.FormatFloat(x, int(typ.Size)*8)), nil
}

// pattern is LIKE, ILIKE and the regular expression operators.
func (p *Planner) pattern(op string, a, b compiled) (compiled, error) {
	text := pgval.Must("text")
	return strict(pgval.Must("boolean"), p.as(a, text), p.as(b, text), func(l, r string) (Cell, error) {
		src, not := r, strings.HasPrefix(op, "!")
		if strings.HasSuffix(op, "like") {
			src = likePattern(r)
		}
		if op == "ilike" || strings.HasSuffix(op, "*") {
			src = "(?i)" + src
		}
		re, err := regexp.Compile(src)
		if err != nil {
			return Cell{}, Errorf("Evaluation error: invalid regular expression: %s", err)
		}
		return Bool(re.MatchString(l) != not), nil
	}), nil
}

func likePattern(s string) string {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	escaped := false
	for _, r := range s {
		switch {
		case escaped:
			b.WriteString(regexp.QuoteMeta(string(r)))
			escaped = false
		case r == '\\':
			escaped = true
		case r == '%':
			b.WriteString(".*")
		case r == '_':
			b.WriteByte('.')
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	b.WriteString(`\z`)
	return b.String()
}

// jsonGet is -> and ->> on objects and arrays.
func (p *Planner) jsonGet(op string, a, b compiled) compiled {
	jsonb, text := pgval.Must("jsonb"), pgval.Must("text")
	typ := jsonb
	if op == "->>" {
		typ = text
	}
	c := strict(typ, p.as(a, jsonb), p.as(b, text), func(l, r string) (Cell, error) {
		var raw json.RawMessage
		var object map[string]json.RawMessage
		var array []json.RawMessage
		if json.Unmarshal([]byte(l), &object) == nil {
			raw = object[r]
		} else if i, err := strconv.Atoi(r); err == nil && json.Unmarshal([]byte(l), &array) == nil && i >= 0 && i < len(array) {
			raw = array[i]
		}
		var s string
		switch {
		case raw == nil, op == "->>" && string(raw) == "null":
			return Cell{}, nil
		case op == "->>" && json.Unmarshal(raw, &s) == nil:
			return Of(s), nil
		}
		return Of(string(raw)), nil
	})
	c.nullable = true
	return c
}
