package eval

import (
	"slices"
	"strconv"

	"github.com/tycostream/tycostream/internal/mzsim/pgval"
	"github.com/tycostream/tycostream/internal/mzsim/sqlparse"
)

// maxSeries bounds generate_series.
const maxSeries = 10_000_000

// from is a planned FROM: tables joined from left to right.
type from struct {
	cols   []Column
	tables []fromTable
	hidden []int // columns that a star leaves out: the right side of USING
	series *seriesPlan
}

type fromTable struct {
	src    *Source
	query  func(f *frame) ([]Row, error) // instead of src.Rows
	left   bool
	on     *compiled
	before int // columns of the tables before
}

func (p *Planner) from(tables []sqlparse.Table, outer *scope) (*from, error) {
	fr := &from{}
	for _, t := range tables {
		ft, err := p.table(t, outer)
		if err != nil {
			return nil, err
		}
		ft.before, ft.left = len(fr.cols), t.Join == "left"
		cols := slices.Clone(ft.src.Columns)
		for i := range cols {
			cols[i].Nullable = cols[i].Nullable || ft.left
		}
		fr.cols = append(fr.cols, cols...)
		sc := &scope{cols: fr.cols, outer: outer}
		on := t.On
		if len(t.Using) > 0 {
			if on, err = fr.using(t.Using, ft.before); err != nil {
				return nil, err
			}
		}
		if on != nil {
			c, err := p.condition(on, sc, "JOIN/ON")
			if err != nil {
				return nil, err
			}
			ft.on = &c
		}
		fr.tables = append(fr.tables, ft)
	}
	return fr, nil
}

// using makes the condition of USING and hides the right-hand columns.
func (fr *from) using(names []string, before int) (sqlparse.Expr, error) {
	var on sqlparse.Expr
	for _, n := range names {
		l := slices.IndexFunc(fr.cols[:before], func(c Column) bool { return c.Name == n })
		r := slices.IndexFunc(fr.cols[before:], func(c Column) bool { return c.Name == n })
		if l < 0 || r < 0 {
			return nil, Errorf("column \"%s\" does not exist", n)
		}
		r += before
		fr.hidden = append(fr.hidden, r)
		eq := &sqlparse.Binary{
			Op: "=", X: &sqlparse.Column{Name: sqlparse.Ident{fr.cols[l].Table, n}},
			Y: &sqlparse.Column{Name: sqlparse.Ident{fr.cols[r].Table, n}},
		}
		if on == nil {
			on = eq
		} else {
			on = &sqlparse.Binary{Op: "and", X: on, Y: eq}
		}
	}
	return on, nil
}

func (p *Planner) table(t sqlparse.Table, outer *scope) (fromTable, error) {
	switch {
	case t.Query != nil:
		plan, err := p.query(t.Query, outer)
		if err != nil {
			return fromTable{}, err
		}
		src, err := planSource(plan, t.Alias, t.Columns)
		return fromTable{src: src, query: plan.run}, err
	case t.Func != nil:
		if t.Func.Name != "generate_series" {
			return fromTable{}, Errorf("function \"%s\" does not exist", t.Func.Name)
		}
		s, err := p.series(t.Func, &scope{outer: outer})
		if err != nil {
			return fromTable{}, err
		}
		alias := t.Alias
		if alias == "" {
			alias = "generate_series"
		}
		s.Columns[0].Table, s.Columns[0].Name = alias, alias
		if len(t.Columns) > 0 {
			s.Columns[0].Name = t.Columns[0]
		}
		return fromTable{src: s.Source, query: s.run}, nil
	}
	src, err := p.relation(t.Name)
	if err != nil {
		return fromTable{}, err
	}
	alias := t.Alias
	if alias == "" {
		alias = t.Name[len(t.Name)-1]
	}
	renamed := *src
	renamed.Columns = slices.Clone(src.Columns)
	for i := range renamed.Columns {
		renamed.Columns[i].Table = alias
		if i < len(t.Columns) {
			renamed.Columns[i].Name = t.Columns[i]
		}
	}
	return fromTable{src: &renamed}, nil
}

func (p *Planner) relation(name sqlparse.Ident) (*Source, error) {
	if len(name) == 1 {
		for _, level := range slices.Backward(p.ctes) {
			if src := level[name[0]]; src != nil {
				return src, nil
			}
		}
	}
	src, err := p.env.Table(name)
	if err == nil {
		p.inputs = append(p.inputs, src)
	}
	return src, err
}

// rows joins the tables and keeps what passes where.
func (fr *from) rows(outer *frame, where *compiled) ([]Row, error) {
	rows := []Row{{}}
	for _, t := range fr.tables {
		var err error
		if rows, err = t.join(rows, outer); err != nil {
			return nil, err
		}
	}
	if where == nil {
		return rows, nil
	}
	kept := rows[:0:0]
	for _, r := range rows {
		v, err := where.fn(&frame{rt: outer.rt, row: r, outer: outer})
		if err != nil {
			return nil, err
		}
		if v.True() {
			kept = append(kept, r)
		}
	}
	return kept, nil
}

func (t *fromTable) join(left []Row, outer *frame) ([]Row, error) {
	var right []Row
	var err error
	if t.query != nil {
		right, err = t.query(outer)
	} else {
		right, err = t.src.Rows(outer.rt)
	}
	if err != nil {
		return nil, err
	}
	if t.before == 0 && t.on == nil {
		return right, nil
	}
	var out []Row
	for _, l := range left {
		matched := false
		for _, r := range right {
			row := append(slices.Clip(l), r...)
			if t.on != nil {
				v, err := t.on.fn(&frame{rt: outer.rt, row: row, outer: outer})
				if err != nil {
					return nil, err
				}
				if !v.True() {
					continue
				}
			}
			matched = true
			out = append(out, row)
		}
		if t.left && !matched {
			out = append(out, append(slices.Clip(l), make(Row, len(t.src.Columns))...))
		}
	}
	return out, nil
}

// seriesPlan is a call of generate_series.
type seriesPlan struct {
	*Source
	run func(f *frame) ([]Row, error)
}

func (p *Planner) series(call *sqlparse.Call, sc *scope) (*seriesPlan, error) {
	if len(call.Args) < 2 || len(call.Args) > 3 {
		return nil, Errorf("function generate_series with %d arguments does not exist", len(call.Args))
	}
	integer, bigint := pgval.Must("integer"), pgval.Must("bigint")
	args := make([]compiled, len(call.Args))
	typ := integer
	for i, x := range call.Args {
		c, err := p.expr(x, sc)
		if err != nil {
			return nil, err
		}
		if c.typ.OID == bigint.OID {
			typ = bigint
		}
		args[i] = p.as(c, bigint)
	}
	run := func(f *frame) ([]Row, error) {
		n := [3]int64{0, 0, 1}
		for i, a := range args {
			v, err := a.fn(f)
			if err != nil || !v.OK {
				return nil, err
			}
			n[i], _ = strconv.ParseInt(v.Text, 10, 64)
		}
		if n[2] == 0 || (n[1]-n[0])/n[2] > maxSeries {
			return nil, Errorf("step size cannot equal zero, or the series is too long")
		}
		var rows []Row
		for i := n[0]; n[2] > 0 && i <= n[1] || n[2] < 0 && i >= n[1]; i += n[2] {
			rows = append(rows, Row{Of(strconv.FormatInt(i, 10))})
		}
		return rows, nil
	}
	return &seriesPlan{Source: &Source{Columns: []Column{{Name: "generate_series", Type: typ}}}, run: run}, nil
}
