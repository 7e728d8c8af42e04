package subscribe

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tycostream/tycostream/internal/mzsim/catalog"
	"github.com/tycostream/tycostream/internal/mzsim/eval"
	"github.com/tycostream/tycostream/internal/mzsim/pgerr"
	"github.com/tycostream/tycostream/internal/mzsim/pgval"
	"github.com/tycostream/tycostream/internal/mzsim/sqlparse"
	"github.com/tycostream/tycostream/internal/mzsim/store"
)

// Plan is a SUBSCRIBE with its input resolved.
type Plan struct {
	view  *catalog.View
	spec  *sqlparse.Subscribe
	cols  []eval.Column // of the relation
	key   []int         // of an envelope
	rest  []int         // the other columns, in order
	input func(params []eval.Cell) input
}

// Prepare plans a SUBSCRIBE: names and types are checked, nothing is read.
func Prepare(v *catalog.View, pl *eval.Planner, spec *sqlparse.Subscribe) (*Plan, error) {
	switch spec.Envelope {
	case sqlparse.EnvelopeDebezium:
		return nil, pgerr.Errorf("XX000", "ENVELOPE DEBEZIUM is not available")
	case sqlparse.EnvelopeWithin:
		return nil, pgerr.Errorf("XX000", "WITHIN TIMESTAMP ORDER BY is not available")
	case sqlparse.EnvelopeNone, sqlparse.EnvelopeUpsert:
	}
	p := &Plan{spec: spec, view: v}
	if spec.Query != nil {
		plan, err := pl.Query(spec.Query)
		if err != nil {
			return nil, err
		}
		p.cols = plan.Columns
		p.input = func(params []eval.Cell) input { return queryInput(v, plan, params) }
	} else {
		src, err := v.Table(spec.Object)
		if err != nil {
			return nil, err
		}
		p.cols = src.Columns
		if c, ok := src.Ref.(*store.Collection); ok {
			p.input = func([]eval.Cell) input { return &directInput{v: v, c: c} }
		} else {
			plan := &eval.Plan{Columns: src.Columns, Inputs: []*eval.Source{src}}
			p.input = func([]eval.Cell) input { return followQuery(v, plan, src.Rows, nil) }
		}
	}
	for _, name := range spec.Key {
		i := slices.IndexFunc(p.cols, func(c eval.Column) bool { return c.Name == name })
		if i < 0 {
			return nil, eval.Errorf("column \"%s\" does not exist", name)
		}
		p.key = append(p.key, i)
	}
	for i := range p.cols {
		if !slices.Contains(p.key, i) {
			p.rest = append(p.rest, i)
		}
	}
	for _, x := range []sqlparse.Expr{spec.AsOf, spec.UpTo} {
		if err := checkTime(pl, x); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Output describes the columns of the result.
func (p *Plan) Output() []eval.Column {
	time := pgval.Must("numeric(39,0)")
	cols := []eval.Column{{Name: "mz_timestamp", Type: time}}
	if p.spec.Progress {
		cols = append(cols, eval.Column{Name: "mz_progressed", Type: pgval.Must("boolean")})
	}
	state := p.spec.Envelope == sqlparse.EnvelopeUpsert
	if state {
		cols = append(cols, eval.Column{Name: "mz_state", Type: pgval.Must("text"), Nullable: true})
	} else {
		cols = append(cols, eval.Column{Name: "mz_diff", Type: pgval.Must("bigint"), Nullable: true})
	}
	for n, i := range append(slices.Clone(p.key), p.rest...) {
		c := p.cols[i]
		c.Nullable = c.Nullable || p.spec.Progress || state && n >= len(p.key)
		cols = append(cols, c)
	}
	return cols
}

const badTime = "AS OF or UP TO should be castable to a (non-null) mz_timestamp value"

// Pinned reports whether the statement has an AS OF.
func (p *Plan) Pinned() bool { return p.spec.AsOf != nil }

// checkTime finds the mistakes in AS OF and UP TO that planning reports.
func checkTime(pl *eval.Planner, x sqlparse.Expr) error {
	if x == nil {
		return nil
	}
	if usesClock(x) {
		return pgerr.Errorf("XX000", "calling an unmaterializable function in AS OF or UP TO not yet supported")
	}
	return pl.Check(x)
}

func usesClock(x sqlparse.Expr) bool {
	switch x := x.(type) {
	case *sqlparse.Call:
		return slices.Contains([]string{"now", "mz_now", "current_database", "current_timestamp"}, x.Name)
	case *sqlparse.Binary:
		return usesClock(x.X) || usesClock(x.Y)
	case *sqlparse.Cast:
		return usesClock(x.X)
	case *sqlparse.Unary:
		return usesClock(x.X)
	}
	return false
}

// timeOf evaluates AS OF or UP TO.
func (p *Plan) timeOf(x sqlparse.Expr, params []eval.Cell) (uint64, error) {
	v, typ, err := eval.New(p.view.Env(nil)).Scalar(x, params)
	if err != nil || !v.OK {
		return 0, pgerr.Errorf("XX000", badTime)
	}
	text := v.Text
	switch typ.Class { //nolint:exhaustive // the others are taken as text
	case pgval.Date, pgval.Timestamp, pgval.TimestampTZ:
		return millis(text)
	case pgval.Text:
		if strings.Contains(text, "-") {
			t := pgval.Must("timestamptz")
			if c, err := t.Canon(text); err == nil {
				return millis(c)
			}
		}
	}
	t, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, pgerr.Errorf("XX000", badTime)
	}
	return t, nil
}

// millis reads a canonical date or timestamp as milliseconds.
func millis(text string) (uint64, error) {
	text = strings.TrimSuffix(text, "+00")
	for _, layout := range []string{time.DateTime, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil && t.UnixMilli() >= 0 {
			return uint64(t.UnixMilli()), nil
		}
	}
	return 0, pgerr.Errorf("XX000", badTime)
}
