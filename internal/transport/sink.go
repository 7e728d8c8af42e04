package transport

import (
	"context"

	"github.com/tycostream/tycostream/graph"
	"github.com/tycostream/tycostream/internal/transport/delivery"
)

// live is a live subscription taken out of the executor's hands. open is nil
// when the operation is none.
type live struct {
	open   func(wake func()) delivery.Source
	source string
	kind   string // of messages: rows, changes or columns
}

// sinkFunc puts an empty sink into a context for DispatchOperation; the
// function that it returns reads the sink afterwards.
type sinkFunc func(ctx context.Context) (context.Context, func() live)

func graphSink(ctx context.Context) (context.Context, func() live) {
	s := new(graph.Sink)
	return graph.WithSink(ctx, s), func() live {
		if s.Open == nil {
			return live{}
		}
		return live{
			open:   func(wake func()) delivery.Source { return s.Open(wake) },
			source: s.Source,
			kind:   s.Kind,
		}
	}
}
