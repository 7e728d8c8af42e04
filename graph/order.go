package graph

import (
	"cmp"
	"container/heap"
	"fmt"
	"slices"

	"github.com/tycostream/tycostream/graph/model"
	"github.com/tycostream/tycostream/internal/relation"
)

// order compiles an orderBy argument.
func (r *Resolver) order(s *live, by *model.Exact) ([]term, error) {
	if by == nil || by.Value == nil {
		return nil, nil
	}
	name := r.args.OrderBy
	list, _ := asList(by.Value).([]any)
	var terms []term
	for i, e := range list {
		object, ok := e.(map[string]any)
		if !ok {
			return nil, badInput(fmt.Sprintf("%s.%d", name, i), "needs an object such as {column: asc}")
		}
		if len(object) > 1 {
			return nil, badInput(fmt.Sprintf("%s.%d", name, i),
				"holds several columns, whose order JSON does not keep: give each its own object in the list")
		}
		for field, direction := range object {
			t, err := orderTerm(s.Schema, field, direction)
			if err != nil {
				return nil, badInput(fmt.Sprintf("%s.%d.%s", name, i, field), err.Error())
			}
			terms = append(terms, t)
		}
	}
	return terms, nil
}

func orderTerm(schema *relation.Schema, field string, direction any) (term, error) {
	text, _ := direction.(string)
	t, ok := directions[text]
	if !ok {
		return t, fmt.Errorf("%v is no direction: use asc or desc, with _nulls_first or _nulls_last", direction)
	}
	if t.column = schema.Field(field); t.column < 0 {
		return t, fmt.Errorf("there is no column %s", field)
	}
	return t, nil
}

// keyOrder completes an order by the key columns, so that it has no ties.
func keyOrder(schema *relation.Schema, order []term) []term {
	out := slices.Clone(order)
	for _, k := range schema.Key {
		if !slices.ContainsFunc(order, func(t term) bool { return t.column == k }) {
			out = append(out, term{column: k})
		}
	}
	return out
}

// sorted returns the first n rows in the given order, which has no ties. Each
// cell is parsed once: the comparisons of a sort would parse it about 20 times
// in a million rows. When n is a small part of the rows, only n are kept.
func sorted(schema *relation.Schema, rows []relation.Row, order []term, n int) []relation.Row {
	k := keys{schema: schema, order: order}
	if n < len(rows)/4 {
		return k.smallest(rows, n)
	}
	all := make([]sortRow, len(rows))
	cells := make([]sortCell, len(rows)*len(order))
	for i, row := range rows {
		all[i] = k.row(row, cells[i*len(order):(i+1)*len(order)])
	}
	slices.SortFunc(all, k.compare)
	return plain(all[:n])
}

func plain(in []sortRow) []relation.Row {
	out := make([]relation.Row, len(in))
	for i := range in {
		out[i] = in[i].row
	}
	return out
}

// keys makes and compares sort keys.
type keys struct {
	schema *relation.Schema
	order  []term
}

// sortRow is a row with its parsed sort key.
type sortRow struct {
	row   relation.Row
	cells []sortCell
}

func (k *keys) row(row relation.Row, cells []sortCell) sortRow {
	for i, t := range k.order {
		cells[i] = newSortCell(&k.schema.Columns[t.column], row, t.column)
	}
	return sortRow{row, cells}
}

func (k *keys) compare(a, b sortRow) int {
	for i, t := range k.order {
		if c := t.compare(&a.cells[i], &b.cells[i]); c != 0 {
			return c
		}
	}
	return 0
}

// smallest returns the first n rows, keeping no more than n at any time.
func (k *keys) smallest(rows []relation.Row, n int) []relation.Row {
	best := worstFirst{keys: k}
	spare := make([]sortCell, len(k.order))
	for _, row := range rows {
		r := k.row(row, spare)
		switch {
		case len(best.rows) < n:
			heap.Push(&best, r)
			spare = make([]sortCell, len(k.order))
		case n > 0 && k.compare(r, best.rows[0]) < 0:
			spare = best.rows[0].cells
			best.rows[0] = r
			heap.Fix(&best, 0)
		}
	}
	slices.SortFunc(best.rows, k.compare)
	return plain(best.rows)
}

// worstFirst is a heap whose first row is the last in order.
type worstFirst struct {
	keys *keys
	rows []sortRow
}

func (h *worstFirst) Len() int           { return len(h.rows) }
func (h *worstFirst) Less(i, j int) bool { return h.keys.compare(h.rows[i], h.rows[j]) > 0 }
func (h *worstFirst) Swap(i, j int)      { h.rows[i], h.rows[j] = h.rows[j], h.rows[i] }

// Push implements heap.Interface.
func (h *worstFirst) Push(x any) { h.rows = append(h.rows, x.(sortRow)) } //nolint:forcetypeassert // only smallest pushes

// Pop implements heap.Interface.
func (h *worstFirst) Pop() any {
	last := h.rows[len(h.rows)-1]
	h.rows = h.rows[:len(h.rows)-1]
	return last
}

// sortCell is a cell ready to be compared.
type sortCell struct {
	value relation.Value
	text  string
	rank  int8 // 0: value holds; 1: only text does, sorted behind all values; 2: NULL
}

func newSortCell(c *relation.Column, row relation.Row, i int) sortCell {
	text, ok := row.Cell(i)
	if !ok {
		return sortCell{rank: 2}
	}
	v, err := c.Parse(text)
	if err != nil {
		return sortCell{text: text, rank: 1}
	}
	return sortCell{value: v}
}

func (t term) compare(a, b *sortCell) int {
	if (a.rank == 2) != (b.rank == 2) {
		if (a.rank == 2) == t.nullsFirst {
			return -1
		}
		return 1
	}
	c := cmp.Compare(a.rank, b.rank)
	if c == 0 {
		switch a.rank {
		case 0:
			c = a.value.Compare(&b.value)
		case 1:
			c = cmp.Compare(a.text, b.text)
		}
	}
	if t.descending {
		return -c
	}
	return c
}
