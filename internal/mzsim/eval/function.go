package eval

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tycostream/tycostream/internal/mzsim/pgval"
	"github.com/tycostream/tycostream/internal/mzsim/sqlparse"
)

func (p *Planner) call(x *sqlparse.Call, sc *scope) (compiled, error) {
	if isAggregate(x.Name) {
		if sc.aggs == nil {
			return compiled{}, Errorf("aggregate functions are not allowed in this clause")
		}
		return sc.aggs.add(x)
	}
	args := make([]compiled, len(x.Args))
	for i, a := range x.Args {
		c, err := p.expr(a, sc)
		if err != nil {
			return compiled{}, err
		}
		args[i] = c
	}
	if p.env.Func != nil {
		if f := p.env.Func(x.Name); f != nil {
			return compiled{typ: f.Type, nullable: true, fn: func(fr *frame) (Cell, error) {
				cells, err := evalAll(args, fr)
				if err != nil {
					return Cell{}, err
				}
				return f.Call(cells)
			}}, nil
		}
	}
	if x.Name == "coalesce" || x.Name == "nullif" || x.Name == "greatest" || x.Name == "least" {
		return p.choice(x.Name, args)
	}
	return p.textFunction(x.Name, args)
}

// choice is the functions whose result is one of their arguments.
func (p *Planner) choice(name string, args []compiled) (compiled, error) {
	if len(args) == 0 || name == "nullif" && len(args) != 2 {
		return compiled{}, Errorf("wrong number of arguments of %s", name)
	}
	typ := args[0].typ
	for _, a := range args[1:] {
		typ = commonType(typ, a.typ)
	}
	typ = known(typ)
	for i := range args {
		args[i] = p.as(args[i], typ)
	}
	return compiled{typ: typ, nullable: true, fn: func(f *frame) (Cell, error) {
		cells, err := evalAll(args, f)
		if err != nil {
			return Cell{}, err
		}
		if name == "nullif" {
			if cells[0].OK && cells[1].OK && typ.Compare(cells[0].Text, cells[1].Text) == 0 {
				return Cell{}, nil
			}
			return cells[0], nil
		}
		var best Cell
		for _, c := range cells {
			switch {
			case !c.OK:
			case !best.OK:
				best = c
			case name == "greatest" && typ.Compare(c.Text, best.Text) > 0, name == "least" && typ.Compare(c.Text, best.Text) < 0:
				best = c
			}
		}
		return best, nil
	}}, nil
}

// textFunction is the built-in functions of plain values.
func (p *Planner) textFunction(name string, args []compiled) (compiled, error) {
	text, integer := pgval.Must("text"), pgval.Must("integer")
	typ, least := text, 1
	var fn func(a []string) string
	switch name {
	case "lower":
		fn = func(a []string) string { return strings.ToLower(a[0]) }
	case "upper":
		fn = func(a []string) string { return strings.ToUpper(a[0]) }
	case "length", "char_length":
		typ = integer
		fn = func(a []string) string { return strconv.Itoa(utf8.RuneCountInString(a[0])) }
	case "concat":
		fn = func(a []string) string { return strings.Join(a, "") }
	case "replace":
		least = 3
		fn = func(a []string) string { return strings.ReplaceAll(a[0], a[1], a[2]) }
	case "lpad":
		least = 2
		fn = lpad
	case "abs":
		typ = pgval.Must("numeric")
		if len(args) == 1 {
			typ = args[0].typ
		}
		fn = func(a []string) string { return strings.TrimPrefix(a[0], "-") }
	case "round":
		typ = pgval.Must("numeric")
		fn = round
	case "quote_ident":
		fn = func(a []string) string { return `"` + strings.ReplaceAll(a[0], `"`, `""`) + `"` }
	default:
		names := make([]string, len(args))
		for i, a := range args {
			names[i] = a.typ.Name
		}
		return compiled{}, Errorf("function %s(%s) does not exist", name, strings.Join(names, ", "))
	}
	if len(args) < least {
		return compiled{}, Errorf("function %s with %d arguments does not exist", name, len(args))
	}
	for i := range args {
		args[i] = p.as(args[i], known(args[i].typ))
	}
	return compiled{typ: typ, nullable: true, fn: func(f *frame) (Cell, error) {
		cells, err := evalAll(args, f)
		if err != nil {
			return Cell{}, err
		}
		plain := make([]string, 0, len(cells))
		for _, c := range cells {
			if !c.OK && name != "concat" {
				return Cell{}, nil
			}
			plain = append(plain, c.Text)
		}
		return Of(fn(plain)), nil
	}}, nil
}

func lpad(a []string) string {
	n, _ := strconv.Atoi(a[1])
	n = min(n, 1<<20)
	fill := " "
	if len(a) > 2 {
		fill = a[2]
	}
	missing := n - utf8.RuneCountInString(a[0])
	if missing <= 0 || fill == "" {
		return string([]rune(a[0])[:max(min(n, utf8.RuneCountInString(a[0])), 0)])
	}
	pad := []rune(strings.Repeat(fill, missing/utf8.RuneCountInString(fill)+1))
	return string(pad[:missing]) + a[0]
}

func round(a []string) string {
	r, ok := pgval.Rational(a[0])
	if !ok {
		return a[0]
	}
	places := 0
	if len(a) > 1 {
		places, _ = strconv.Atoi(a[1])
	}
	s := r.FloatString(min(max(places, 0), pgval.MaxNumericDigits))
	numeric := pgval.Must("numeric")
	if c, err := numeric.Canon(s); err == nil {
		return c
	}
	return s
}
