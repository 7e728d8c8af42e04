package transport

import (
	"context"
	"errors"
	"io"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/tycostream/tycostream/internal/transport/delivery"
	"github.com/tycostream/tycostream/internal/transport/jsontext"
)

// reserved is an event stream that a client has reserved, for the results of
// all its operations. They may start before it is opened: what they have to say
// waits, and cursors are not read.
type reserved struct {
	h      *Handler
	ops    operations
	events *delivery.Merge
}

// Close ends the operations and waits for them.
func (v *reserved) Close() error {
	v.ops.stopAll()
	v.events.Close() // they may wait for room in it
	v.ops.end()
	return nil
}

// open is what a stream pumps from.
func (v *reserved) open(wake func()) delivery.Source {
	v.events.Open(wake)
	return v.events
}

// append is the stream's appendFunc.
func (v *reserved) append(dst, msg []byte) []byte {
	env := v.events.Envelope()
	if len(env.Prefix) == 0 {
		return append(dst, msg...)
	}
	return appendEventOf(dst, env.Prefix, msg, env.Suffix)
}

// start runs an operation. Its context must be op's.
func (v *reserved) start(ctx context.Context, op *operation, p *prepared) error {
	return v.ops.start(op, v.h.opts.Operations, func() { v.run(ctx, op, p) })
}

func (v *reserved) run(ctx context.Context, op *operation, p *prepared) {
	defer op.cancel()
	l, next := v.h.dispatch(ctx, p)
	if l.open != nil {
		v.follow(op, l)
		return
	}
	env := envelopeOf(op.id)
	for resp := next(); resp != nil && ctx.Err() == nil; resp = next() {
		v.events.Send(appendEventOf(nil, env.Prefix, appendResponse(nil, resp, false), env.Suffix))
	}
	if v.ops.remove(op) {
		v.events.Send(completeEvent(op.id))
	}
}

// follow leaves a live subscription to whoever pumps.
func (v *reserved) follow(op *operation, l live) {
	env := envelopeOf(op.id)
	stream := v.events.NewStream(env, func(err error) []byte {
		var last []byte
		switch {
		case !v.ops.remove(op):
			return nil
		case !errors.Is(err, io.EOF):
			list := jsontext.Append(nil, gqlerror.List{v.h.subscriptionError(err)})
			last = appendEventOf(nil, env.Prefix, inErrors(list), env.Suffix)
		}
		return append(last, completeEvent(op.id)...)
	})
	done := v.h.stats.subscribed(l.source, l.kind)
	v.ops.carry(op, stream)
	stream.Attach(&counted{l.open(stream.Wake), done})
}

// envelopeOf says whose a result is.
func envelopeOf(id string) delivery.Envelope {
	return delivery.Envelope{Prefix: append(jsontext.Append([]byte(`{"id":`), id), `,"payload":`...), Suffix: "}"}
}

func completeEvent(id string) []byte {
	return append(jsontext.Append([]byte("event: complete\ndata: {\"id\":"), id), "}\n\n"...)
}
