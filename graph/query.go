package graph

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/tycostream/tycostream/graph/model"
	"github.com/tycostream/tycostream/internal/codec"
	"github.com/tycostream/tycostream/internal/naming"
	"github.com/tycostream/tycostream/internal/relation"
)

// rowBudget counts the rows that an operation's fields answer together: with
// aliases one document may ask for a source many times.
type rowBudget struct{ left atomic.Int64 }

type rowBudgetKey struct{}

func withRowBudget(ctx context.Context, rows int) context.Context {
	b := &rowBudget{}
	b.left.Store(int64(rows))
	return context.WithValue(ctx, rowBudgetKey{}, b)
}

// spendRows takes n rows from the operation's budget.
func (r *Resolver) spendRows(ctx context.Context, n int) error {
	b, _ := ctx.Value(rowBudgetKey{}).(*rowBudget)
	if b == nil || b.left.Add(-int64(n)) >= 0 {
		return nil
	}
	return &inputError{code: codeTooMany, text: fmt.Sprintf(
		"the query answers %d rows here, and no more than %d are allowed in all: narrow it with where or limit, or raise the setting limits.query_rows",
		n, r.limits.QueryRows)}
}

// listArguments are those of a rows query.
type listArguments struct {
	where, orderBy *model.Exact
	limit, offset  *int
}

// list answers the rows of a source as a JSON array.
func (r *Resolver) list(ctx context.Context, source string, a listArguments) (model.Encoded, error) {
	s, err := r.source(source)
	if err != nil {
		return nil, err
	}
	for name, v := range map[string]*int{"limit": a.limit, "offset": a.offset} {
		if v != nil && *v < 0 {
			return nil, badInput(name, fmt.Sprintf("%d is negative", *v))
		}
	}
	where, err := r.predicate(s, a.where)
	if err != nil {
		return nil, err
	}
	order, err := r.order(s, a.orderBy)
	if err != nil {
		return nil, err
	}
	encoder, err := r.rowEncoder(ctx, s)
	if err != nil {
		return nil, err
	}
	result, err := s.Feed.Rows(ctx, where)
	if err != nil {
		return nil, err
	}
	rows := result.Rows
	if len(order) == 0 && (a.limit != nil || a.offset != nil) {
		order = keyOrder(s.Schema, nil) // pages need an order to be stable
	}
	size := pageSize(len(rows), a.limit, a.offset)
	if err := r.spendRows(ctx, size); err != nil {
		return nil, err
	}
	if len(order) > 0 && size > 0 {
		rows = sorted(s.Schema, rows, keyOrder(s.Schema, order))
	}
	if a.offset != nil {
		rows = rows[min(*a.offset, len(rows)):]
	}
	return encodeRows(ctx, encoder, rows[:size])
}

func pageSize(rows int, limit, offset *int) int {
	if offset != nil {
		rows -= min(*offset, rows)
	}
	if limit != nil {
		rows = min(rows, *limit)
	}
	return rows
}

func (r *Resolver) rowEncoder(ctx context.Context, s *live) (*codec.RowEncoder, error) {
	sel := selected(ctx, s.names.Row)
	e, err := plan(r.plans, coreRow, s.index, "", sel, func() (*codec.RowEncoder, error) {
		return codec.CompileRow(s.shape, sel)
	})
	if err != nil {
		return nil, badInput("", err.Error()) // validated documents fail only where @skip left nothing
	}
	return e, nil
}

// encodeRows writes rows as a JSON array. It looks at the context now and then:
// a client that went away frees the memory of a large answer at once.
func encodeRows(ctx context.Context, e *codec.RowEncoder, rows []relation.Row) (model.Encoded, error) {
	out := []byte{'['}
	for i, row := range rows {
		if i > 0 {
			out = append(out, ',')
		}
		if i%1024 == 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
		}
		out = e.Append(out, row)
	}
	return append(out, ']'), nil
}

// term is one term of an order.
type term struct {
	column     int
	descending bool
	nullsFirst bool
}

// directions are the values of the enum OrderBy.
var directions = map[string]term{
	"asc":              {},
	"asc_nulls_first":  {nullsFirst: true},
	"asc_nulls_last":   {},
	"desc":             {descending: true, nullsFirst: true},
	"desc_nulls_first": {descending: true, nullsFirst: true},
	"desc_nulls_last":  {descending: true},
}

// order compiles an orderBy argument.
func (r *Resolver) order(s *live, by *model.Exact) ([]term, error) {
	if by == nil || by.Value == nil {
		return nil, nil
	}
	name := naming.ArgumentsFor(r.model.CamelCase).OrderBy
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

// sorted returns the rows in the given order. Each cell is parsed once: the
// comparisons of a sort would parse it about 20 times in a million rows.
func sorted(schema *relation.Schema, rows []relation.Row, order []term) []relation.Row {
	cells := make([]sortCell, len(rows)*len(order))
	positions := make([]int, len(rows))
	for i, row := range rows {
		positions[i] = i
		for j, t := range order {
			cells[i*len(order)+j] = newSortCell(&schema.Columns[t.column], row, t.column)
		}
	}
	slices.SortFunc(positions, func(a, b int) int {
		for j, t := range order {
			if c := t.compare(&cells[a*len(order)+j], &cells[b*len(order)+j]); c != 0 {
				return c
			}
		}
		return cmp.Compare(a, b)
	})
	out := make([]relation.Row, len(rows))
	for i, p := range positions {
		out[i] = rows[p]
	}
	return out
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
