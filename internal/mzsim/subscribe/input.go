package subscribe

import (
	"errors"
	"slices"

	"github.com/tycostream/tycostream/internal/mzsim/catalog"
	"github.com/tycostream/tycostream/internal/mzsim/eval"
	"github.com/tycostream/tycostream/internal/mzsim/pgerr"
	"github.com/tycostream/tycostream/internal/mzsim/store"
	"github.com/tycostream/tycostream/internal/relation"
)

// input is what a subscription follows.
type input interface {
	// constant says that it never changes: rows are stamped with MaxTime.
	constant() bool
	// frontier returns what can be read, or why nothing can.
	frontier(copying bool) (store.Frontier, error)
	// hold keeps history from at on; it may be called again with later times.
	hold(at uint64)
	// snapshot returns the consolidated rows at a time.
	snapshot(at uint64) ([]store.Counted, error)
	// updates returns the changes with from <= time < to, by time.
	updates(from, to uint64) ([]store.Update, error)
	// name is for messages: the catalog id of the first collection.
	name() string
	close()
}

// directInput is SUBSCRIBE of a collection by name.
type directInput struct {
	v    *catalog.View
	c    *store.Collection
	held *store.Hold
}

func (d *directInput) constant() bool { return d.c.Constant() }

func (d *directInput) name() string { return d.c.ID() }

func (d *directInput) frontier(copying bool) (store.Frontier, error) {
	if err := d.v.Allowed(d.v.Store.Info(d.c)); err != nil {
		return store.Frontier{}, err
	}
	f, err := d.v.Store.Frontier(d.c)
	if errors.Is(err, store.ErrDropped) {
		err = pgerr.Dropped(d.v.Era, d.c.Name(), copying)
	}
	return f, err
}

func (d *directInput) hold(at uint64) {
	if d.held == nil {
		d.held = d.v.Store.Hold(d.c, at)
		return
	}
	d.held.Move(at)
}

func (d *directInput) snapshot(at uint64) ([]store.Counted, error) {
	return d.v.Store.Snapshot(d.c, at)
}

func (d *directInput) updates(from, to uint64) ([]store.Update, error) {
	return d.v.Store.Updates(d.c, from, to)
}

func (d *directInput) close() {
	if d.held != nil {
		d.held.Release()
		d.held = nil
	}
}

// queryInput chooses how to follow a query.
func queryInput(v *catalog.View, plan *eval.Plan, params []eval.Cell) input {
	if plan.Single != nil && len(plan.Inputs) == 1 {
		if c, ok := plan.Single.Ref.(*store.Collection); ok {
			return &mappedInput{directInput: directInput{v: v, c: c}, plan: plan, rt: &eval.Runtime{Params: params}}
		}
	}
	return followQuery(v, plan, plan.Run, params)
}

// mappedInput is a filter and projection of one collection, row by row.
type mappedInput struct {
	directInput
	plan *eval.Plan
	rt   *eval.Runtime
	b    relation.Builder
}

func (m *mappedInput) mapRow(r relation.Row) (relation.Row, bool, error) {
	out, ok, err := m.plan.Map(m.rt, catalog.ToEval(r))
	if err != nil || !ok {
		return "", false, err
	}
	return catalog.FromEval(&m.b, out), true, nil
}

func (m *mappedInput) snapshot(at uint64) ([]store.Counted, error) {
	rows, err := m.directInput.snapshot(at)
	if err != nil {
		return nil, err
	}
	counts := make(map[relation.Row]int64, len(rows))
	for _, r := range rows {
		out, ok, err := m.mapRow(r.Row)
		if err != nil {
			return nil, err
		}
		if ok {
			counts[out] += r.N
		}
	}
	return fromCounts(counts), nil
}

func fromCounts(counts map[relation.Row]int64) []store.Counted {
	rows := make([]store.Counted, 0, len(counts))
	for r, n := range counts {
		if n != 0 {
			rows = append(rows, store.Counted{Row: r, N: n})
		}
	}
	return rows
}

func (m *mappedInput) updates(from, to uint64) ([]store.Update, error) {
	ups, err := m.directInput.updates(from, to)
	if err != nil {
		return nil, err
	}
	var out []store.Update
	for i := 0; i < len(ups); {
		at := ups[i].Time
		counts := map[relation.Row]int64{}
		for ; i < len(ups) && ups[i].Time == at; i++ {
			r, ok, err := m.mapRow(ups[i].Row)
			if err != nil {
				return nil, err
			}
			if ok {
				counts[r] += ups[i].Diff
			}
		}
		for _, c := range fromCounts(counts) {
			out = append(out, store.Update{Row: c.Row, Time: at, Diff: c.N})
		}
	}
	return out, nil
}

// generalInput follows any query by running it again at every time at which
// an input changed.
type generalInput struct {
	inputs   []*directInput
	volatile bool // reads system tables: it may change at any time
	run      func(rt *eval.Runtime) ([]eval.Row, error)
	params   []eval.Cell
	b        relation.Builder
	last     map[relation.Row]int64 // the result at lastAt
}

func followQuery(v *catalog.View, plan *eval.Plan, run func(*eval.Runtime) ([]eval.Row, error), params []eval.Cell) input {
	g := &generalInput{run: run, params: params}
	seen := map[*store.Collection]bool{}
	for _, src := range plan.Inputs {
		c, ok := src.Ref.(*store.Collection)
		switch {
		case !ok:
			g.volatile = true
		case !seen[c]:
			seen[c] = true
			g.inputs = append(g.inputs, &directInput{v: v, c: c})
		}
	}
	if g.volatile {
		return &clockedInput{generalInput: g, v: v}
	}
	return g
}

func (g *generalInput) constant() bool {
	return !slices.ContainsFunc(g.inputs, func(d *directInput) bool { return !d.constant() })
}

func (g *generalInput) name() string {
	if len(g.inputs) == 0 {
		return ""
	}
	return g.inputs[0].name()
}

func (g *generalInput) frontier(copying bool) (store.Frontier, error) {
	all := store.Frontier{Upper: store.MaxTime, Ready: true}
	for _, d := range g.inputs {
		f, err := d.frontier(copying)
		if err != nil {
			return all, err
		}
		all.Since, all.Upper, all.Ready = max(all.Since, f.Since), min(all.Upper, f.Upper), all.Ready && f.Ready
	}
	return all, nil
}

func (g *generalInput) hold(at uint64) {
	for _, d := range g.inputs {
		d.hold(at)
	}
}

func (g *generalInput) close() {
	for _, d := range g.inputs {
		d.close()
	}
}

func (g *generalInput) at(t uint64) (map[relation.Row]int64, error) {
	rt := &eval.Runtime{Params: g.params}
	if !g.constant() {
		rt.At = t
	}
	rows, err := g.run(rt)
	counts := make(map[relation.Row]int64, len(rows))
	for _, r := range rows {
		counts[catalog.FromEval(&g.b, r)]++
	}
	return counts, err
}

func (g *generalInput) snapshot(at uint64) ([]store.Counted, error) {
	var err error
	g.last, err = g.at(at)
	return fromCounts(g.last), err
}

func (g *generalInput) updates(from, to uint64) ([]store.Update, error) {
	var times []uint64
	for _, d := range g.inputs {
		ups, err := d.updates(from, to)
		if err != nil {
			return nil, err
		}
		for _, u := range ups {
			times = append(times, u.Time)
		}
	}
	slices.Sort(times)
	return g.differences(slices.Compact(times))
}

func (g *generalInput) differences(times []uint64) ([]store.Update, error) {
	var out []store.Update
	for _, t := range times {
		next, err := g.at(t)
		if err != nil {
			return nil, err
		}
		for r, n := range next {
			if d := n - g.last[r]; d != 0 {
				out = append(out, store.Update{Row: r, Time: t, Diff: d})
			}
		}
		for r, n := range g.last {
			if _, still := next[r]; !still {
				out = append(out, store.Update{Row: r, Time: t, Diff: -n})
			}
		}
		g.last = next
	}
	return out, nil
}

// clockedInput reads system tables, whose history nobody keeps: what they say
// now is what they said just before the upper.
type clockedInput struct {
	*generalInput
	v *catalog.View
}

func (c *clockedInput) constant() bool { return false }

func (c *clockedInput) frontier(copying bool) (store.Frontier, error) {
	f, err := c.generalInput.frontier(copying)
	if len(c.inputs) == 0 {
		f.Upper = c.v.Store.Upper()
		f.Since = f.Upper - 1
	}
	return f, err
}

func (c *clockedInput) updates(from, to uint64) ([]store.Update, error) {
	if from >= to {
		return nil, nil
	}
	return c.differences([]uint64{to - 1})
}
