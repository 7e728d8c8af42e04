package eval

import (
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/tycostream/tycostream/internal/mzsim/pgval"
	"github.com/tycostream/tycostream/internal/mzsim/sqlparse"
)

func isAggregate(name string) bool {
	return slices.Contains([]string{"count", "sum", "min", "max", "avg", "bool_and", "bool_or", "string_agg"}, name)
}

// aggregates are the aggregate calls of one SELECT. Their values follow the
// input columns in the rows of a grouped result.
type aggregates struct {
	planner *Planner
	scope   *scope // of the arguments
	list    []aggregate
}

type aggregate struct {
	name     string
	arg      *compiled // nil: count(*)
	sep      *compiled
	filter   *compiled
	distinct bool
}

func (a *aggregates) add(x *sqlparse.Call) (compiled, error) {
	ag := aggregate{name: x.Name, distinct: x.Distinct}
	typ := pgval.Must("bigint")
	if !x.Star {
		if len(x.Args) == 0 || len(x.Args) > 2 {
			return compiled{}, Errorf("function %s with %d arguments does not exist", x.Name, len(x.Args))
		}
		c, err := a.planner.expr(x.Args[0], a.scope)
		if err != nil {
			return compiled{}, err
		}
		c = a.planner.as(c, known(c.typ))
		ag.arg = &c
		if typ, err = resultType(x.Name, c.typ); err != nil {
			return compiled{}, err
		}
		if len(x.Args) == 2 {
			s, err := a.planner.expr(x.Args[1], a.scope)
			if err != nil {
				return compiled{}, err
			}
			ag.sep = &s
		}
	}
	if x.Filter != nil {
		c, err := a.planner.condition(x.Filter, a.scope, "FILTER")
		if err != nil {
			return compiled{}, err
		}
		ag.filter = &c
	}
	at := len(a.scope.cols) + len(a.list)
	a.list = append(a.list, ag)
	return columnAt(Column{Type: typ, Nullable: x.Name != "count"}, at, 0), nil
}

func resultType(name string, arg pgval.Type) (pgval.Type, error) {
	switch name {
	case "count":
		return pgval.Must("bigint"), nil
	case "sum", "avg":
		switch {
		case !isNumber(arg):
			return arg, Errorf("function %s(%s) does not exist", name, arg.Name)
		case arg.Class == pgval.Float:
			return pgval.Must("double precision"), nil
		case name == "sum" && arg.Class == pgval.Int && arg.Size <= 4:
			return pgval.Must("bigint"), nil
		}
		return pgval.Must("numeric"), nil
	case "string_agg":
		return pgval.Must("text"), nil
	}
	return arg, nil
}

// grouped computes one row for each group: its first row and the aggregates.
func (s *selection) grouped(in []Row, outer *frame) ([]Row, error) {
	type group struct{ rows []Row }
	var order []*group
	byKey := map[string]*group{}
	if len(s.group) == 0 { // one group, even of nothing
		order = append(order, &group{rows: in})
		in = nil
	}
	for _, r := range in {
		key, err := evalAll(s.group, &frame{rt: outer.rt, row: r, outer: outer})
		if err != nil {
			return nil, err
		}
		k := rowKey(key)
		if byKey[k] == nil {
			byKey[k] = &group{}
			order = append(order, byKey[k])
		}
		byKey[k].rows = append(byKey[k].rows, r)
	}
	out := make([]Row, 0, len(order))
	for _, g := range order {
		row := make(Row, len(s.from.cols), len(s.from.cols)+len(s.aggs.list))
		if len(g.rows) > 0 {
			copy(row, g.rows[0])
		}
		for _, a := range s.aggs.list {
			v, err := a.compute(g.rows, outer)
			if err != nil {
				return nil, err
			}
			row = append(row, v)
		}
		out = append(out, row)
	}
	return out, nil
}

func (a *aggregate) compute(rows []Row, outer *frame) (Cell, error) {
	var values []string
	seen := map[string]bool{}
	n := 0
	for _, r := range rows {
		f := &frame{rt: outer.rt, row: r, outer: outer}
		if a.filter != nil {
			v, err := a.filter.fn(f)
			if err != nil {
				return Cell{}, err
			}
			if !v.True() {
				continue
			}
		}
		if a.arg == nil {
			n++
			continue
		}
		v, err := a.arg.fn(f)
		if err != nil {
			return Cell{}, err
		}
		if !v.OK || a.distinct && seen[v.Text] {
			continue
		}
		if a.distinct {
			seen[v.Text] = true
		}
		n++
		if a.name != "count" {
			values = append(values, v.Text)
		}
	}
	if a.name == "count" {
		return Of(strconv.Itoa(n)), nil
	}
	if n == 0 {
		return Cell{}, nil
	}
	return a.fold(values, outer)
}

func (a *aggregate) fold(values []string, outer *frame) (Cell, error) {
	switch a.name {
	case "min":
		return Of(slices.MinFunc(values, a.arg.typ.Compare)), nil
	case "max":
		return Of(slices.MaxFunc(values, a.arg.typ.Compare)), nil
	case "bool_and":
		return Bool(!slices.Contains(values, "f")), nil
	case "bool_or":
		return Bool(slices.Contains(values, "t")), nil
	case "string_agg":
		sep, err := a.sep.fn(outer)
		return Of(strings.Join(values, sep.Text)), err
	}
	sum := new(big.Rat)
	for _, v := range values {
		r, ok := pgval.Rational(v)
		if !ok {
			return Of("NaN"), nil
		}
		sum.Add(sum, r)
	}
	if a.name == "avg" {
		sum.Quo(sum, new(big.Rat).SetInt64(int64(len(values))))
	}
	if a.arg.typ.Class == pgval.Float {
		f, _ := sum.Float64()
		return Of(pgval.FormatFloat(f, 64)), nil
	}
	s, err := pgval.FormatNumeric(sum)
	if err != nil {
		return Cell{}, Errorf("Evaluation error: %s", err)
	}
	return Of(s), nil
}
