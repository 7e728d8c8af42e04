package graph

import (
	"context"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/tycostream/tycostream/internal/codec"
)

// selected returns the selection of the field being resolved, as encoders take
// it. Fragments have been resolved before (see collector).
func selected(ctx context.Context) []codec.Field {
	return fieldsOf(graphql.GetFieldContext(ctx).Field.Selections)
}

func fieldsOf(set ast.SelectionSet) []codec.Field {
	if len(set) == 0 {
		return nil
	}
	out := make([]codec.Field, 0, len(set))
	for _, s := range set {
		if f, ok := s.(*ast.Field); ok {
			out = append(out, codec.Field{Alias: f.Alias, Name: f.Name, Fields: fieldsOf(f.SelectionSet)})
		}
	}
	return out
}

// appendSelection writes a selection as a cache key.
func appendSelection(dst []byte, fields []codec.Field) []byte {
	for _, f := range fields {
		dst = append(dst, f.Alias...)
		dst = append(dst, ':')
		dst = append(dst, f.Name...)
		dst = append(dst, '{')
		dst = appendSelection(dst, f.Fields)
		dst = append(dst, '}')
	}
	return dst
}

// plans compiles encoders, and keeps them: compiling is most of what starting
// a subscription costs.
type plans struct{ cache *lru[any] }

func newPlans(entries int) *plans {
	const each = 2 << 10 // a compiled selection with its fragments, roughly
	return &plans{cache: newLRU(entries, planBytes, func(any) int { return each })}
}

const planBytes = 16 << 20

// plan returns the encoder that compile makes of a selection.
func plan[T any](p *plans, kind string, source int, alias string, sel []codec.Field, compile func() (T, error)) (T, error) {
	key := append(strconv.AppendInt([]byte(kind), int64(source), 10), ' ')
	key = append(key, alias...)
	key = append(key, '{')
	key = appendSelection(key, sel)
	if known, ok := p.cache.Get(context.Background(), string(key)); ok {
		if t, ok := known.(T); ok {
			return t, nil
		}
	}
	t, err := compile()
	if err == nil {
		p.cache.Add(context.Background(), string(key), t)
	}
	return t, err
}
