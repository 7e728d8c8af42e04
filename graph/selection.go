package graph

import (
	"context"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/tycostream/tycostream/internal/codec"
)

// selected returns the selection of the field being resolved, as encoders take
// it: fragments and directives resolved. typ is the field's type in the merged
// schema; the core field's own is only a scalar.
func selected(ctx context.Context, typ string) []codec.Field {
	op := graphql.GetOperationContext(ctx)
	return collect(op, graphql.GetFieldContext(ctx).Field.Selections, typ)
}

func collect(op *graphql.OperationContext, set ast.SelectionSet, typ string) []codec.Field {
	fields := graphql.CollectFields(op, set, []string{typ})
	out := make([]codec.Field, len(fields))
	for i := range fields {
		f := &fields[i]
		out[i] = codec.Field{Alias: f.Alias, Name: f.Name}
		if len(f.Selections) > 0 {
			out[i].Fields = collect(op, f.Selections, f.Definition.Type.Name())
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
