// Package order sorts rows by columns, as the API's orderBy asks.
//
// Everything here is a pure function of its arguments, which it leaves as they
// are: it is safe for any use.
package order

import (
	"cmp"
	"container/heap"
	"slices"

	"github.com/tycostream/tycostream/internal/relation"
)

// Term is one term of an order.
type Term struct {
	Column     int
	Descending bool
	NullsFirst bool
}

// Direction returns the term, still without its column, that a value of the
// enum OrderBy stands for.
func Direction(name string) (Term, bool) {
	switch name {
	case "asc", "asc_nulls_last":
		return Term{}, true
	case "asc_nulls_first":
		return Term{NullsFirst: true}, true
	case "desc", "desc_nulls_first":
		return Term{Descending: true, NullsFirst: true}, true
	case "desc_nulls_last":
		return Term{Descending: true}, true
	}
	return Term{}, false
}

// ByKey completes an order by the key columns, so that it has no ties.
func ByKey(schema *relation.Schema, order []Term) []Term {
	out := slices.Clone(order)
	for _, k := range schema.Key {
		if !slices.ContainsFunc(order, func(t Term) bool { return t.Column == k }) {
			out = append(out, Term{Column: k})
		}
	}
	return out
}

// First returns the first n rows in the given order, which has no ties. Each
// cell is parsed once: the comparisons of a sort would parse it about 20 times
// in a million rows. When n is a small part of the rows, only n are kept.
func First(schema *relation.Schema, rows []relation.Row, order []Term, n int) []relation.Row {
	n = min(n, len(rows))
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
	order  []Term
}

// sortRow is a row with its parsed sort key.
type sortRow struct {
	row   relation.Row
	cells []sortCell
}

func (k *keys) row(row relation.Row, cells []sortCell) sortRow {
	for i, t := range k.order {
		cells[i] = newSortCell(&k.schema.Columns[t.Column], row, t.Column)
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

func (t Term) compare(a, b *sortCell) int {
	if (a.rank == 2) != (b.rank == 2) {
		if (a.rank == 2) == t.NullsFirst {
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
	if t.Descending {
		return -c
	}
	return c
}
