package eval

import (
	"slices"
	"strconv"

	"github.com/tycostream/tycostream/internal/mzsim/pgval"
	"github.com/tycostream/tycostream/internal/mzsim/sqlparse"
)

// selection is a planned SELECT.
type selection struct {
	from    *from
	where   *compiled
	items   []compiled
	cols    []Column
	series  int // position of a generate_series among the items, or -1
	group   []compiled
	aggs    *aggregates
	having  *compiled
	keys    *sortKeys
	unique  bool
	planner *Planner
}

func (p *Planner) selectBody(b *sqlparse.Body, order []sqlparse.OrderBy, outer *scope) (*Plan, error) {
	s := &selection{series: -1, unique: b.Distinct, planner: p}
	var err error
	if s.from, err = p.from(b.From, outer); err != nil {
		return nil, err
	}
	plain := &scope{cols: s.from.cols, outer: outer}
	if b.Where != nil {
		c, err := p.condition(b.Where, plain, "WHERE")
		if err != nil {
			return nil, err
		}
		s.where = &c
	}
	for _, g := range b.GroupBy {
		c, err := p.groupKey(g, b.Items, plain)
		if err != nil {
			return nil, err
		}
		s.group = append(s.group, c)
	}
	inner := &scope{cols: s.from.cols, outer: outer, aggs: &aggregates{planner: p, scope: plain}}
	if err := p.items(s, b.Items, inner); err != nil {
		return nil, err
	}
	if b.Having != nil {
		c, err := p.condition(b.Having, inner, "HAVING")
		if err != nil {
			return nil, err
		}
		s.having = &c
	}
	if len(order) > 0 {
		if s.keys, err = p.sortKeys(order, s.cols, inner); err != nil {
			return nil, err
		}
	}
	if len(inner.aggs.list) > 0 || len(s.group) > 0 || s.having != nil {
		s.aggs = inner.aggs
	}
	plan := &Plan{Columns: s.cols, run: s.run}
	if len(s.from.tables) == 1 && s.aggs == nil && s.keys == nil && !s.unique && s.series < 0 {
		plan.Single = s.from.tables[0].src
		plan.Map = s.mapRow
	}
	return plan, nil
}

// groupKey reads a GROUP BY item: an expression, or a position.
func (p *Planner) groupKey(g sqlparse.Expr, items []sqlparse.Item, sc *scope) (compiled, error) {
	if l, ok := g.(*sqlparse.Literal); ok && l.Kind == "number" {
		n, err := strconv.Atoi(l.Text)
		if err != nil || n < 1 || n > len(items) || items[n-1].Expr == nil {
			return compiled{}, Errorf("column reference %s in GROUP BY clause is out of range (1 - %d)", l.Text, len(items))
		}
		g = items[n-1].Expr
	}
	return p.expr(g, sc)
}

func (p *Planner) items(s *selection, items []sqlparse.Item, sc *scope) error {
	for _, it := range items {
		if it.Expr == nil {
			if err := s.star(it.Table); err != nil {
				return err
			}
			continue
		}
		x := it.Expr
		call, isCall := x.(*sqlparse.Call)
		if isCall && call.Name == "generate_series" && s.series < 0 {
			src, err := p.series(call, sc)
			if err != nil {
				return err
			}
			s.series = len(s.items)
			s.items = append(s.items, compiled{typ: src.Columns[0].Type})
			s.from.series = src
		} else {
			c, err := p.expr(x, sc)
			if err != nil {
				return err
			}
			s.items = append(s.items, p.as(c, known(c.typ)))
		}
		c := s.items[len(s.items)-1]
		name := it.Alias
		if name == "" {
			name = outputName(x)
		}
		s.cols = append(s.cols, Column{Name: name, Type: c.typ, Nullable: c.nullable})
	}
	return nil
}

func (s *selection) star(table string) error {
	found := false
	for i, c := range s.from.cols {
		if table != "" && c.Table != table || slices.Contains(s.from.hidden, i) {
			continue
		}
		found = true
		s.items = append(s.items, columnAt(c, i, 0))
		c.Table = ""
		s.cols = append(s.cols, c)
	}
	if !found {
		return Errorf("no table named '%s' in scope", table)
	}
	return nil
}

// outputName is the name of a column without alias.
func outputName(x sqlparse.Expr) string {
	switch x := x.(type) {
	case *sqlparse.Column:
		return x.Name[len(x.Name)-1]
	case *sqlparse.Call:
		return x.Name
	case *sqlparse.Cast:
		if n := outputName(x.X); n != "?column?" {
			return n
		}
		if t, err := pgval.Parse(x.Type); err == nil {
			return castName(t)
		}
	case *sqlparse.Case:
		return "case"
	case *sqlparse.Collection:
		return x.Kind
	case *sqlparse.Subquery:
		if x.Exists {
			return "exists"
		}
	case *sqlparse.Literal:
		if x.Kind == "bool" {
			return "bool"
		}
	}
	return "?column?"
}

// castName is the short name of a type, as PostgreSQL names a cast's column.
func castName(t pgval.Type) string {
	switch t.Name {
	case "integer":
		return "int4"
	case "bigint":
		return "int8"
	case "smallint":
		return "int2"
	case "boolean":
		return "bool"
	case "double precision":
		return "float8"
	case "real":
		return "float4"
	case "timestamp with time zone":
		return "timestamptz"
	case "timestamp without time zone":
		return "timestamp"
	}
	return t.Name
}

func (s *selection) passes(f *frame) (bool, error) {
	if s.where == nil {
		return true, nil
	}
	v, err := s.where.fn(f)
	return v.True(), err
}

func (s *selection) mapRow(rt *Runtime, r Row) (Row, bool, error) {
	f := &frame{rt: rt, row: r}
	ok, err := s.passes(f)
	if err != nil || !ok {
		return nil, false, err
	}
	out, err := evalAll(s.items, f)
	return out, err == nil, err
}

func (s *selection) run(outer *frame) ([]Row, error) {
	in, err := s.from.rows(outer, s.where)
	if err != nil {
		return nil, err
	}
	if s.aggs != nil {
		if in, err = s.grouped(in, outer); err != nil {
			return nil, err
		}
	}
	var pairs []sortable
	for _, r := range in {
		f := &frame{rt: outer.rt, row: r, outer: outer}
		if s.having != nil {
			v, err := s.having.fn(f)
			if err != nil {
				return nil, err
			}
			if !v.True() {
				continue
			}
		}
		outs, err := s.project(f)
		if err != nil {
			return nil, err
		}
		for _, out := range outs {
			pair := sortable{row: out}
			if s.keys != nil {
				if pair, err = s.keys.of(outer, r, out); err != nil {
					return nil, err
				}
			}
			pairs = append(pairs, pair)
		}
	}
	if s.keys != nil {
		s.keys.sort(pairs)
	}
	rows := make([]Row, len(pairs))
	for i, p := range pairs {
		rows[i] = p.row
	}
	if s.unique {
		rows = distinct(rows)
	}
	return rows, nil
}

// project computes the output rows of one input row: one, or those of a series.
func (s *selection) project(f *frame) ([]Row, error) {
	if s.series < 0 {
		r, err := evalAll(s.items, f)
		return []Row{r}, err
	}
	values, err := s.from.series.run(f)
	if err != nil {
		return nil, err
	}
	rows := make([]Row, 0, len(values))
	items := slices.Clone(s.items)
	for _, v := range values {
		items[s.series].fn = func(*frame) (Cell, error) { return v[0], nil }
		r, err := evalAll(items, f)
		if err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// sortKeys orders rows.
type sortKeys struct {
	exprs []compiled
	out   []int // >= 0: take this output column instead
	desc  []bool
	nulls []bool // NULLs first
}

type sortable struct{ row, key Row }

func (p *Planner) sortKeys(order []sqlparse.OrderBy, cols []Column, sc *scope) (*sortKeys, error) {
	k := &sortKeys{}
	for _, o := range order {
		out, c := -1, compiled{}
		switch x := o.Expr.(type) {
		case *sqlparse.Literal:
			if n, err := strconv.Atoi(x.Text); x.Kind == "number" {
				if err != nil || n < 1 || n > len(cols) {
					return nil, Errorf("column reference %s in ORDER BY clause is out of range (1 - %d)", x.Text, len(cols))
				}
				out = n - 1
			}
		case *sqlparse.Column:
			if len(x.Name) == 1 {
				out = slices.IndexFunc(cols, func(c Column) bool { return c.Name == x.Name[0] })
			}
		}
		if out >= 0 {
			c.typ = cols[out].Type
		} else {
			var err error
			if c, err = p.expr(o.Expr, sc); err != nil {
				return nil, err
			}
		}
		nulls := o.Desc // PostgreSQL's default: NULLs are the largest
		if o.NullsFirst != nil {
			nulls = *o.NullsFirst
		}
		k.exprs, k.out = append(k.exprs, c), append(k.out, out)
		k.desc, k.nulls = append(k.desc, o.Desc), append(k.nulls, nulls)
	}
	return k, nil
}

func (k *sortKeys) of(outer *frame, in, out Row) (sortable, error) {
	s := sortable{row: out, key: make(Row, len(k.exprs))}
	f := &frame{rt: outer.rt, row: in, outer: outer}
	for i, c := range k.exprs {
		if k.out[i] >= 0 {
			s.key[i] = out[k.out[i]]
			continue
		}
		v, err := c.fn(f)
		if err != nil {
			return s, err
		}
		s.key[i] = v
	}
	return s, nil
}

func (k *sortKeys) sort(pairs []sortable) []Row {
	slices.SortStableFunc(pairs, func(a, b sortable) int {
		for i := range k.exprs {
			x, y := a.key[i], b.key[i]
			switch {
			case !x.OK && !y.OK:
				continue
			case !x.OK || !y.OK:
				if x.OK != k.nulls[i] {
					return -1
				}
				return 1
			}
			c := k.exprs[i].typ.Compare(x.Text, y.Text)
			if k.desc[i] {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
	rows := make([]Row, len(pairs))
	for i, p := range pairs {
		rows[i] = p.row
	}
	return rows
}
