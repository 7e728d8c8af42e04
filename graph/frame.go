package graph

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/99designs/gqlgen/graphql"

	"github.com/tycostream/tycostream/graph/model"
	"github.com/tycostream/tycostream/graph/sdl"
	"github.com/tycostream/tycostream/internal/codec"
	"github.com/tycostream/tycostream/internal/feed"
)

// Rates outside these are not taken as they are: one pass in a quarter of an
// hour is the slowest that is of use, and a thousand in a second hold nothing
// back.
const (
	minRate = 0.001
	maxRate = 1000
)

// frameArguments are those of subscriptions and of queries that answer frames.
// Each field has only some of them.
type frameArguments struct {
	where      *model.Exact
	snapshot   *bool
	maxRate    *model.Exact
	maxRows    *int
	resumeFrom *string
	numbers    *model.Exact
}

// options compiles the arguments and the selection of the field being resolved,
// which is routed to core. The encoder writes whole messages under alias, or
// with an empty alias the object alone.
func (r *Resolver) options(ctx context.Context, s *live, core, alias string, a frameArguments) (o feed.Options, err error) {
	o.SkipSnapshot = a.snapshot != nil && !*a.snapshot
	if o.MaxRate, err = r.rate(a.maxRate); err != nil {
		return o, err
	}
	if a.maxRows != nil {
		if *a.maxRows < 1 {
			return o, badInput(r.args.MaxRows, fmt.Sprintf("%d rows are no frame: at least 1", *a.maxRows))
		}
		o.MaxRows = *a.maxRows
	}
	if o.Where, err = r.predicate(s, a.where); err != nil {
		return o, err
	}
	// Clients that have no cursor yet send the variable all the same.
	if a.resumeFrom != nil && *a.resumeFrom != "" {
		if o.Resume, err = feed.ParseCursor(*a.resumeFrom, o.Where); err != nil {
			return o, badInput(r.args.ResumeFrom, err.Error())
		}
	}
	numbers, err := numberFormat(a.numbers)
	if err != nil {
		return o, err
	}
	o.Encoder, err = r.encoder(ctx, s, core, alias, numbers)
	return o, err
}

// rate reads a maxRate argument; 0 is no bound.
func (r *Resolver) rate(arg *model.Exact) (float64, error) {
	if arg == nil || arg.Value == nil {
		return 0, nil
	}
	text, ok := arg.Value.(json.Number)
	rate, err := strconv.ParseFloat(text.String(), 64)
	switch {
	case !ok || err != nil || !(rate >= minRate): // not "<": NaN is no rate either
		return 0, badInput(r.args.MaxRate, fmt.Sprintf(
			"%v is no rate: it needs a number, how often a second to deliver, and at least %v", arg.Value, minRate))
	case rate > maxRate:
		return 0, nil
	}
	return rate, nil
}

// numberFormat reads a numbers argument.
func numberFormat(arg *model.Exact) (codec.Numbers, error) {
	if arg == nil || arg.Value == nil {
		return codec.Exact, nil
	}
	switch arg.Value {
	case "EXACT":
		return codec.Exact, nil
	case "NUMBER":
		return codec.Number, nil
	}
	return codec.Exact, badInput("numbers", fmt.Sprintf("%v is no NumberFormat: use EXACT or NUMBER", arg.Value))
}

// encoder returns the encoder for the field being resolved.
func (r *Resolver) encoder(ctx context.Context, s *live, core, alias string, numbers codec.Numbers) (feed.Encoder, error) {
	sel := selected(ctx)
	kind := core
	if numbers == codec.Number {
		kind += "/NUMBER"
	}
	e, err := plan(r.plans, kind, s.index, alias, sel, func() (feed.Encoder, error) {
		switch core {
		case sdl.CoreChanges:
			return codec.CompileChanges(s.shape, alias, sel)
		case sdl.CoreColumns:
			return codec.CompileColumns(s.shape, alias, sel, numbers)
		}
		return codec.CompileUpdates(s.shape, alias, sel)
	})
	if err != nil {
		return nil, badInput("", err.Error()) // validated documents fail only where @skip left nothing
	}
	return e, nil
}

// frame answers one complete frame.
func (r *Resolver) frame(ctx context.Context, source, core string, a frameArguments) (model.Encoded, error) {
	s, err := r.source(source)
	if err != nil {
		return nil, err
	}
	o, err := r.options(ctx, s, core, "", a)
	if err != nil {
		return nil, err
	}
	f, err := s.Feed.Frame(ctx, o.Where, o.Resume)
	if err != nil {
		return nil, err
	}
	if err := r.spendRows(ctx, len(f.Events)*listings(graphql.GetFieldContext(ctx).Field.Selections)); err != nil {
		return nil, err
	}
	out, _ := o.Encoder.Encode(nil, nil, &f)
	return out, nil
}

// subscription fills the sink of the context.
func (r *Resolver) subscription(ctx context.Context, source, core string, a frameArguments) (<-chan model.Encoded, error) {
	s, err := r.source(source)
	if err != nil {
		return nil, err
	}
	sink := sinkFrom(ctx)
	if sink == nil {
		return nil, fmt.Errorf("subscription to %q without a sink", source)
	}
	o, err := r.options(ctx, s, core, graphql.GetFieldContext(ctx).Field.Alias, a)
	if err != nil {
		return nil, err
	}
	sink.Source, sink.Kind, sink.options = s.Name, core, o
	if core == sdl.CoreUpdates {
		sink.Kind = "rows"
	}
	sink.Open = func(wake func()) *feed.Cursor { return s.Feed.Subscribe(o, wake) }
	return endless(), nil
}

// endless is what subscription resolvers return: the stream itself goes
// through the sink.
func endless() <-chan model.Encoded {
	c := make(chan model.Encoded)
	close(c)
	return c
}
