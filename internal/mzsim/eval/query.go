package eval

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tycostream/tycostream/internal/mzsim/pgval"
	"github.com/tycostream/tycostream/internal/mzsim/sqlparse"
)

func (p *Planner) query(q *sqlparse.Query, outer *scope) (*Plan, error) {
	if len(q.With) > 0 {
		p.ctes = append(p.ctes, map[string]*Source{})
		defer func() { p.ctes = p.ctes[:len(p.ctes)-1] }()
		for _, c := range q.With {
			plan, err := p.query(c.Query, outer)
			if err != nil {
				return nil, err
			}
			src, err := planSource(plan, c.Name, c.Columns)
			if err != nil {
				return nil, err
			}
			p.ctes[len(p.ctes)-1][c.Name] = src
		}
	}
	plan, err := p.body(q.Body, q.OrderBy, outer)
	if err != nil {
		return nil, err
	}
	if q.Limit == nil && q.Offset == nil {
		return plan, nil
	}
	return p.limited(plan, q, outer)
}

// planSource makes a relation of a query's result.
func planSource(plan *Plan, alias string, names []string) (*Source, error) {
	cols := slices.Clone(plan.Columns)
	if len(names) > len(cols) {
		return nil, Errorf("%s has %d columns available but %d columns specified", alias, len(cols), len(names))
	}
	for i := range cols {
		cols[i].Table = alias
		if i < len(names) {
			cols[i].Name = names[i]
		}
	}
	return &Source{Columns: cols, Rows: func(rt *Runtime) ([]Row, error) { return plan.Run(rt) }}, nil
}

func (p *Planner) limited(plan *Plan, q *sqlparse.Query, outer *scope) (*Plan, error) {
	number := func(x sqlparse.Expr) (compiled, error) {
		if x == nil {
			return compiled{fn: func(*frame) (Cell, error) { return Cell{}, nil }}, nil
		}
		c, err := p.expr(x, &scope{outer: outer})
		bigint := pgval.Must("bigint")
		return p.as(c, bigint), err
	}
	limit, err := number(q.Limit)
	if err != nil {
		return nil, err
	}
	offset, err := number(q.Offset)
	if err != nil {
		return nil, err
	}
	inner := plan.run
	run := func(f *frame) ([]Row, error) {
		rows, err := inner(f)
		for i, c := range []compiled{offset, limit} {
			v, verr := c.fn(f)
			if err = firstError(err, verr); err != nil {
				return nil, err
			}
			if n, perr := strconv.ParseInt(v.Text, 10, 64); v.OK && perr == nil {
				n = min(max(n, 0), int64(len(rows)))
				if i == 0 {
					rows = rows[n:]
				} else {
					rows = rows[:n]
				}
			}
		}
		return rows, err
	}
	return &Plan{Columns: plan.Columns, run: run}, nil
}

func firstError(errs ...error) error {
	for _, e := range errs {
		if e != nil {
			return e
		}
	}
	return nil
}

func (p *Planner) body(b *sqlparse.Body, order []sqlparse.OrderBy, outer *scope) (*Plan, error) {
	switch {
	case b.Values != nil:
		return p.ordered(p.values(b.Values, outer))(order, outer)
	case b.Nested != nil:
		return p.ordered(p.query(b.Nested, outer))(order, outer)
	case b.Op != "":
		return p.ordered(p.setOp(b, outer))(order, outer)
	}
	return p.selectBody(b, order, outer)
}

// ordered sorts a result by its own columns.
func (p *Planner) ordered(plan *Plan, err error) func([]sqlparse.OrderBy, *scope) (*Plan, error) {
	return func(order []sqlparse.OrderBy, outer *scope) (*Plan, error) {
		if err != nil || len(order) == 0 {
			return plan, err
		}
		keys, err := p.sortKeys(order, plan.Columns, &scope{cols: plan.Columns, outer: outer})
		if err != nil {
			return nil, err
		}
		inner := plan.run
		return &Plan{Columns: plan.Columns, run: func(f *frame) ([]Row, error) {
			rows, err := inner(f)
			if err != nil {
				return nil, err
			}
			pairs := make([]sortable, len(rows))
			for i, r := range rows {
				if pairs[i], err = keys.of(f, r, r); err != nil {
					return nil, err
				}
			}
			return keys.sort(pairs), nil
		}}, nil
	}
}

func (p *Planner) values(list [][]sqlparse.Expr, outer *scope) (*Plan, error) {
	width := len(list[0])
	rows := make([][]compiled, len(list))
	cols := make([]Column, width)
	for i, exprs := range list {
		if len(exprs) != width {
			return nil, Errorf("VALUES expression has varying number of columns: %d vs %d", len(exprs), width)
		}
		for j, x := range exprs {
			c, err := p.expr(x, &scope{outer: outer})
			if err != nil {
				return nil, err
			}
			rows[i] = append(rows[i], c)
			if i == 0 {
				cols[j] = Column{Name: "column" + strconv.Itoa(j+1), Type: c.typ}
			} else {
				cols[j].Type = commonType(cols[j].Type, c.typ)
			}
			cols[j].Nullable = cols[j].Nullable || c.nullable
		}
	}
	for j := range cols {
		cols[j].Type = known(cols[j].Type)
		for i := range rows {
			rows[i][j] = p.as(rows[i][j], cols[j].Type)
		}
	}
	return &Plan{Columns: cols, run: func(f *frame) ([]Row, error) {
		out := make([]Row, len(rows))
		for i, exprs := range rows {
			r, err := evalAll(exprs, f)
			if err != nil {
				return nil, err
			}
			out[i] = r
		}
		return out, nil
	}}, nil
}

func evalAll(exprs []compiled, f *frame) (Row, error) {
	r := make(Row, len(exprs))
	for i, c := range exprs {
		v, err := c.fn(f)
		if err != nil {
			return nil, err
		}
		r[i] = v
	}
	return r, nil
}

func rowKey(r Row) string {
	var b strings.Builder
	for _, c := range r {
		if c.OK {
			b.WriteString(strconv.Itoa(len(c.Text)))
			b.WriteByte(':')
			b.WriteString(c.Text)
		} else {
			b.WriteByte('N')
		}
	}
	return b.String()
}

// setOp computes UNION, EXCEPT and INTERSECT, each with and without ALL.
func (p *Planner) setOp(b *sqlparse.Body, outer *scope) (*Plan, error) {
	left, err := p.body(b.Left, nil, outer)
	if err != nil {
		return nil, err
	}
	right, err := p.body(b.Right, nil, outer)
	if err != nil {
		return nil, err
	}
	op, all := strings.CutSuffix(b.Op, " all")
	if len(left.Columns) != len(right.Columns) {
		return nil, Errorf("each %s query must have the same number of columns: %d vs %d", strings.ToUpper(op), len(left.Columns), len(right.Columns))
	}
	cols := slices.Clone(left.Columns)
	for i := range cols {
		cols[i].Type = commonType(cols[i].Type, right.Columns[i].Type)
		cols[i].Nullable = cols[i].Nullable || right.Columns[i].Nullable
	}
	return &Plan{Columns: cols, run: func(f *frame) ([]Row, error) {
		l, err := left.run(f)
		if err != nil {
			return nil, err
		}
		r, err := right.run(f)
		if err != nil {
			return nil, err
		}
		return combine(op, all, l, r), nil
	}}, nil
}

func combine(op string, all bool, l, r []Row) []Row {
	if op == "union" {
		l = append(slices.Clone(l), r...)
	}
	if !all {
		l = distinct(l)
	}
	if op == "union" {
		return l
	}
	counts := map[string]int{}
	for _, row := range r {
		counts[rowKey(row)]++
	}
	var out []Row
	for _, row := range l {
		k := rowKey(row)
		has := counts[k] > 0
		if has && all {
			counts[k]--
		}
		if has == (op == "intersect") {
			out = append(out, row)
		}
	}
	return out
}

func distinct(rows []Row) []Row {
	seen := make(map[string]bool, len(rows))
	return slices.DeleteFunc(slices.Clone(rows), func(r Row) bool {
		k := rowKey(r)
		dup := seen[k]
		seen[k] = true
		return dup
	})
}
