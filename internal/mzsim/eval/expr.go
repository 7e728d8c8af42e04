package eval

import (
	"errors"
	"strings"

	"github.com/tycostream/tycostream/internal/mzsim/pgval"
	"github.com/tycostream/tycostream/internal/mzsim/sqlparse"
)

// compiled is an expression that is ready to be evaluated.
type compiled struct {
	typ      pgval.Type
	nullable bool
	literal  bool // an untyped string: takes the type of what it meets
	fn       func(f *frame) (Cell, error)
}

func constant(typ pgval.Type, c Cell) compiled {
	return compiled{typ: typ, nullable: !c.OK, fn: func(*frame) (Cell, error) { return c, nil }}
}

// columnAt reads column i of the row that is up levels out.
func columnAt(c Column, i, up int) compiled {
	return compiled{typ: c.Type, nullable: c.Nullable, fn: func(f *frame) (Cell, error) {
		for range up {
			f = f.outer
		}
		if i >= len(f.row) {
			return Cell{}, nil
		}
		return f.row[i], nil
	}}
}

// known replaces the type of an untyped literal by text.
func known(t pgval.Type) pgval.Type {
	if t.Name == "unknown" {
		return pgval.Must("text")
	}
	return t
}

func rank(t pgval.Type) int {
	switch {
	case t.Name == "unknown":
		return 0
	case t.Class == pgval.Int:
		return 1 + int(t.Size)
	case t.Class == pgval.Numeric:
		return 20
	case t.Class == pgval.Float:
		return 30 + int(t.Size)
	}
	return 15
}

// commonType is the type that values of both types become together.
func commonType(a, b pgval.Type) pgval.Type {
	if rank(b) > rank(a) && (isNumber(a) && isNumber(b) || a.Name == "unknown") {
		return b
	}
	return a
}

func isNumber(t pgval.Type) bool {
	return t.Class == pgval.Int || t.Class == pgval.Numeric || t.Class == pgval.Float
}

// as converts an expression to a type.
func (p *Planner) as(c compiled, t pgval.Type) compiled {
	if c.fn == nil || c.typ.OID == t.OID && c.typ.Typmod == t.Typmod && !c.literal {
		return c
	}
	from, inner := c.typ, c.fn
	return compiled{typ: t, nullable: c.nullable, fn: func(f *frame) (Cell, error) {
		v, err := inner(f)
		if err != nil || !v.OK {
			return v, err
		}
		return convert(v, from, t)
	}}
}

// convert casts one value.
func convert(v Cell, from, to pgval.Type) (Cell, error) {
	text := v.Text
	switch {
	case to.Class == pgval.Text || to.Class == pgval.Opaque:
		if from.Class == pgval.Bool && to.Class == pgval.Text {
			return Of(map[string]string{"t": "true", "f": "false"}[text]), nil
		}
		return v, nil
	case to.Class == pgval.Int && (from.Class == pgval.Numeric || from.Class == pgval.Float):
		r, ok := pgval.Rational(text)
		if !ok {
			return Cell{}, Errorf("Evaluation error: \"%s\" %s out of range", text, to.Name)
		}
		text = r.FloatString(0)
	case to.Class == pgval.Int && from.Class == pgval.Bool:
		text = map[string]string{"t": "1", "f": "0"}[text]
	case to.Class == pgval.Bool && from.Class == pgval.Int:
		if text != "0" {
			text = "1"
		}
	case to.Class == pgval.Date && (from.Class == pgval.Timestamp || from.Class == pgval.TimestampTZ):
		text, _, _ = strings.Cut(text, " ")
	}
	s, err := to.Canon(text)
	if err != nil {
		return Cell{}, Errorf("Evaluation error: %s", err)
	}
	return Of(s), nil
}

func (p *Planner) expr(x sqlparse.Expr, sc *scope) (compiled, error) { //nolint:cyclop // one case for each kind of node
	switch x := x.(type) {
	case *sqlparse.Literal:
		return p.literal(x)
	case *sqlparse.Column:
		return p.column(x.Name, sc)
	case *sqlparse.Param:
		return p.param(x.N), nil
	case *sqlparse.Unary:
		return p.unary(x, sc)
	case *sqlparse.Binary:
		return p.binary(x, sc)
	case *sqlparse.In:
		return p.in(x, sc)
	case *sqlparse.Call:
		return p.call(x, sc)
	case *sqlparse.Cast:
		t, err := pgval.Parse(x.Type)
		if err != nil {
			return compiled{}, Errorf("%s", err)
		}
		p.hint(x.X, t)
		c, err := p.expr(x.X, sc)
		return p.as(c, t), err
	case *sqlparse.Case:
		return p.caseOf(x, sc)
	case *sqlparse.Collection:
		return p.collection(x, sc)
	case *sqlparse.Subquery:
		return p.subquery(x, sc)
	}
	return compiled{}, errors.New("unknown kind of expression")
}

func (p *Planner) literal(l *sqlparse.Literal) (compiled, error) {
	switch l.Kind {
	case "null":
		c := constant(pgval.Must("unknown"), Cell{})
		c.literal = true
		return c, nil
	case "bool":
		return constant(pgval.Must("boolean"), Of(l.Text)), nil
	case "string":
		c := constant(pgval.Must("unknown"), Of(l.Text))
		c.literal = true
		return c, nil
	}
	for _, name := range []string{"integer", "bigint", "numeric"} {
		t := pgval.Must(name)
		if s, err := t.Canon(l.Text); err == nil {
			return constant(t, Of(s)), nil
		}
	}
	return compiled{}, Errorf("%s is out of range for type numeric", l.Text)
}

// column finds a name in the scope, then in those around it.
func (p *Planner) column(name sqlparse.Ident, sc *scope) (compiled, error) {
	for up, s := 0, sc; s != nil; up, s = up+1, s.outer {
		found := -1
		for i, c := range s.cols {
			if c.Name != name[len(name)-1] || len(name) > 1 && c.Table != name[len(name)-2] {
				continue
			}
			if found >= 0 {
				return compiled{}, Errorf("column reference \"%s\" is ambiguous", strings.Join(name, "."))
			}
			found = i
		}
		if found >= 0 {
			return columnAt(s.cols[found], found, up), nil
		}
	}
	return compiled{}, Errorf("column \"%s\" does not exist", strings.Join(name, "."))
}

func (p *Planner) param(n int) compiled {
	for len(p.params) < n {
		p.params = append(p.params, nil)
	}
	typ := pgval.Must("text")
	if t := p.params[n-1]; t != nil {
		typ = *t
	}
	return compiled{typ: typ, nullable: true, fn: func(f *frame) (Cell, error) {
		if n > len(f.rt.Params) {
			return Cell{}, Errorf("there is no parameter $%d", n)
		}
		return f.rt.Params[n-1], nil
	}}
}

// hint gives a parameter of unknown type the type of what it meets.
func (p *Planner) hint(x sqlparse.Expr, t pgval.Type) {
	if param, ok := x.(*sqlparse.Param); ok && t.Name != "unknown" {
		p.param(param.N)
		if p.params[param.N-1] == nil {
			p.params[param.N-1] = &t
		}
	}
}

func (p *Planner) condition(x sqlparse.Expr, sc *scope, clause string) (compiled, error) {
	boolean := pgval.Must("boolean")
	p.hint(x, boolean)
	c, err := p.expr(x, sc)
	if err != nil {
		return c, err
	}
	if c.typ.Class != pgval.Bool && !c.literal {
		return c, Errorf("%s clause must have type boolean, not type %s", clause, c.typ.Name)
	}
	return p.as(c, boolean), nil
}

func (p *Planner) in(x *sqlparse.In, sc *scope) (compiled, error) {
	left, err := p.expr(x.X, sc)
	if err != nil {
		return left, err
	}
	values := func(*frame) ([]Cell, error) { return nil, nil }
	typ := left.typ
	if x.Query != nil {
		plan, err := p.query(x.Query, sc)
		if err != nil {
			return left, err
		}
		if len(plan.Columns) != 1 {
			return left, Errorf("Expected subselect to return 1 column, got %d columns", len(plan.Columns))
		}
		typ = commonType(typ, plan.Columns[0].Type)
		values = func(f *frame) ([]Cell, error) {
			rows, err := plan.run(f)
			cells := make([]Cell, len(rows))
			for i, r := range rows {
				cells[i] = r[0]
			}
			return cells, err
		}
	} else {
		list := make([]compiled, len(x.List))
		for i, e := range x.List {
			p.hint(e, left.typ)
			if list[i], err = p.expr(e, sc); err != nil {
				return left, err
			}
			typ = commonType(typ, list[i].typ)
		}
		for i := range list {
			list[i] = p.as(list[i], typ)
		}
		values = func(f *frame) ([]Cell, error) { return evalAll(list, f) }
	}
	left = p.as(left, typ)
	return compiled{typ: pgval.Must("boolean"), nullable: true, fn: func(f *frame) (Cell, error) {
		v, err := left.fn(f)
		if err != nil {
			return Cell{}, err
		}
		cells, err := values(f)
		if err != nil {
			return Cell{}, err
		}
		return member(&typ, v, cells, x.Not), nil
	}}, nil
}

// member is x [NOT] IN (cells), with SQL's unknown.
func member(t *pgval.Type, v Cell, cells []Cell, not bool) Cell {
	unknown := !v.OK && len(cells) > 0
	for _, c := range cells {
		switch {
		case !c.OK:
			unknown = true
		case v.OK && t.Compare(v.Text, c.Text) == 0:
			return Bool(!not)
		}
	}
	if unknown {
		return Cell{}
	}
	return Bool(not)
}

func (p *Planner) caseOf(x *sqlparse.Case, sc *scope) (compiled, error) {
	type branch struct{ when, then compiled }
	branches := make([]branch, len(x.Whens))
	result := compiled{typ: pgval.Must("unknown"), nullable: true}
	for i, w := range x.Whens {
		cond := w.If
		if x.Operand != nil {
			cond = &sqlparse.Binary{Op: "=", X: x.Operand, Y: w.If}
		}
		var err error
		if branches[i].when, err = p.condition(cond, sc, "CASE"); err != nil {
			return result, err
		}
		if branches[i].then, err = p.expr(w.Then, sc); err != nil {
			return result, err
		}
		result.typ = commonType(result.typ, branches[i].then.typ)
	}
	other := constant(pgval.Must("unknown"), Cell{})
	if x.Else != nil {
		var err error
		if other, err = p.expr(x.Else, sc); err != nil {
			return result, err
		}
		result.typ = commonType(result.typ, other.typ)
	}
	result.typ = known(result.typ)
	for i := range branches {
		branches[i].then = p.as(branches[i].then, result.typ)
	}
	other = p.as(other, result.typ)
	result.fn = func(f *frame) (Cell, error) {
		for _, b := range branches {
			v, err := b.when.fn(f)
			if err != nil {
				return v, err
			}
			if v.True() {
				return b.then.fn(f)
			}
		}
		return other.fn(f)
	}
	return result, nil
}

func (p *Planner) collection(x *sqlparse.Collection, sc *scope) (compiled, error) {
	elems := make([]compiled, len(x.Elems))
	typ := pgval.Must("unknown")
	for i, e := range x.Elems {
		c, err := p.expr(e, sc)
		if err != nil {
			return c, err
		}
		elems[i] = c
		if x.Kind != "map" || i%2 == 1 {
			typ = commonType(typ, c.typ)
		}
	}
	typ = known(typ)
	nested := typ.Class == pgval.List || typ.Class == pgval.Array || typ.Class == pgval.Map
	for i := range elems {
		if x.Kind != "map" || i%2 == 1 {
			elems[i] = p.as(elems[i], typ)
		}
	}
	result := compiled{typ: pgval.ListOf(typ)}
	switch x.Kind {
	case "array":
		result.typ = pgval.ArrayOf(typ)
	case "map":
		result.typ = pgval.MapOf(typ)
	}
	result.fn = func(f *frame) (Cell, error) {
		cells, err := evalAll(elems, f)
		if err != nil {
			return Cell{}, err
		}
		if x.Kind == "map" {
			return Of(pgval.FormatMap(texts(cells), nested)), nil
		}
		return Of(pgval.FormatElements(texts(cells), nested)), nil
	}
	return result, nil
}

func texts(cells []Cell) []*string {
	out := make([]*string, len(cells))
	for i := range cells {
		if cells[i].OK {
			out[i] = &cells[i].Text
		}
	}
	return out
}

func (p *Planner) subquery(x *sqlparse.Subquery, sc *scope) (compiled, error) {
	plan, err := p.query(x.Query, sc)
	if err != nil {
		return compiled{}, err
	}
	if x.Exists {
		return compiled{typ: pgval.Must("boolean"), fn: func(f *frame) (Cell, error) {
			rows, err := plan.run(f)
			return Bool(len(rows) > 0), err
		}}, nil
	}
	if len(plan.Columns) != 1 {
		return compiled{}, Errorf("Expected subselect to return 1 column, got %d columns", len(plan.Columns))
	}
	return compiled{typ: plan.Columns[0].Type, nullable: true, fn: func(f *frame) (Cell, error) {
		rows, err := plan.run(f)
		switch {
		case err != nil || len(rows) == 0:
			return Cell{}, err
		case len(rows) > 1:
			return Cell{}, Errorf("Evaluation error: more than one record produced in subquery")
		}
		return rows[0][0], nil
	}}, nil
}
