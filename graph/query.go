package graph

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/tycostream/tycostream/graph/model"
	"github.com/tycostream/tycostream/graph/order"
	"github.com/tycostream/tycostream/graph/sdl"
	"github.com/tycostream/tycostream/internal/codec"
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
		"the query answers %d rows here, and no more than %d are allowed in all: narrow it with where, rows also with limit, or raise the setting limits.query_rows",
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
	terms, err := r.order(s, a.orderBy)
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
	if len(terms) == 0 && (a.limit != nil || a.offset != nil) {
		terms = order.ByKey(s.Schema, nil) // pages need an order to be stable
	}
	size := pageSize(len(rows), a.limit, a.offset)
	if err := r.spendRows(ctx, size); err != nil {
		return nil, err
	}
	start := 0
	if a.offset != nil {
		start = min(*a.offset, len(rows))
	}
	if len(terms) > 0 && size > 0 {
		rows = order.First(s.Schema, rows, order.ByKey(s.Schema, terms), start+size)
	}
	return encodeRows(ctx, encoder, rows[start:start+size])
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
	sel := selected(ctx)
	e, err := plan(r.plans, sdl.CoreRow, s.index, "", sel, func() (*codec.RowEncoder, error) {
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
		if i == 100 { // growing a large answer step by step would copy it several times
			out = slices.Grow(out, len(out)/100*(len(rows)-100)*9/8)
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
