package graph

import (
	"context"

	"github.com/tycostream/tycostream/graph/model"
	"github.com/tycostream/tycostream/internal/filter"
	"github.com/tycostream/tycostream/internal/relation"
)

// one answers the row with a key, or nil.
func (r *Resolver) one(ctx context.Context, source string, key map[string]any) (model.Encoded, error) {
	s, err := r.source(source)
	if err != nil {
		return nil, err
	}
	encoder, err := r.rowEncoder(ctx, s)
	if err != nil {
		return nil, err
	}
	row, ok, err := s.find(ctx, key)
	if err != nil || !ok {
		return nil, err
	}
	if err := r.spendRows(ctx, 1); err != nil {
		return nil, err
	}
	return encoder.Append(nil, row), nil
}

// find looks a row up by its key: in the key index when the argument says how
// the database writes the cell, else by comparing values, which reads all rows.
func (s *live) find(ctx context.Context, key map[string]any) (relation.Row, bool, error) {
	texts := make(map[int]string, len(s.Schema.Key))
	exact := true
	for _, k := range s.Schema.Key {
		c := &s.Schema.Columns[k]
		v, err := c.Constant(key[c.Field])
		if err != nil {
			return "", false, badInput(c.Field, err.Error())
		}
		text, ok := cellText(&v)
		texts[k], exact = text, exact && ok
	}
	if !exact {
		return s.scan(ctx, key)
	}
	var b relation.Builder
	for i := range s.Schema.Columns {
		text, ok := texts[i]
		b.AppendCell(text, ok)
	}
	return s.Feed.Row(ctx, b.Row())
}

// scan finds a row by comparing key values as a filter does.
func (s *live) scan(ctx context.Context, key map[string]any) (relation.Row, bool, error) {
	where := make(map[string]any, len(key))
	for name, v := range key {
		where[name] = map[string]any{"_eq": v}
	}
	p, err := filter.Compile(s.Schema, where)
	if err != nil {
		return "", false, filterError(err)
	}
	result, err := s.Feed.Rows(ctx, p)
	if err != nil || len(result.Rows) == 0 {
		return "", false, err
	}
	return result.Rows[0], true, nil
}

// cellText returns the cell that a database prints for v; ok is false for the
// kinds that have more than one text for one value.
func cellText(v *relation.Value) (cell string, ok bool) {
	switch v.Kind() {
	case relation.String, relation.Enumeration, relation.Integer, relation.BigInt, relation.UUID:
		return v.String(), true
	case relation.Boolean:
		return v.String()[:1], true
	case relation.Float, relation.Decimal, relation.Timestamp, relation.Date, relation.Time,
		relation.JSON, relation.Array:
	}
	return "", false
}
