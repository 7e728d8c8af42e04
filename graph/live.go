package graph

import (
	"context"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/tycostream/tycostream/internal/codec"
	"github.com/tycostream/tycostream/internal/feed"
)

// Sink takes a live subscription out of gqlgen's hands: the resolver fills it,
// and the transport then opens the cursor and pulls whole response bodies.
type Sink struct {
	// Open opens the subscription's cursor. It is nil when the operation was no
	// live subscription or was refused: use the response handler then. Call it
	// once; the caller closes the cursor. wake is called when a Pull that had
	// nothing may have something again, and must not block.
	Open func(wake func()) *feed.Cursor

	// Source is the source's name in schema.yaml.
	Source string

	// Kind is what a message holds, for metrics: "rows" (one), "changes" or
	// "columns" (a frame).
	Kind string

	options feed.Options // of the cursor that Open opens
}

type sinkKey struct{}

// WithSink returns a context for DispatchOperation in which subscriptions fill s.
func WithSink(ctx context.Context, s *Sink) context.Context {
	return context.WithValue(ctx, sinkKey{}, s)
}

func sinkFrom(ctx context.Context) *Sink {
	s, _ := ctx.Value(sinkKey{}).(*Sink)
	return s
}

// pullBytes is how much one pull takes from the feed.
const pullBytes = 64 << 10

// cursor is what a pull needs of a feed's cursor.
type cursor interface {
	Pull(limit int, emit func(msg []byte)) (more bool, err error)
	Close()
}

// pull is a subscription without a sink of the transport's own: each call of
// next returns one message. It has no goroutine: the caller's does the work.
type pull struct {
	wake    chan struct{} // one slot: the cursor may have something
	closed  chan struct{}
	present func(error) *gqlerror.Error
	stop    func() bool // gives up waiting for the operation's context

	mu     sync.Mutex // guards what follows
	cursor cursor     // nil once closed
	queue  [][]byte
	failed error
}

// newPull returns a pull over the cursor that open opens, which is closed when
// ctx ends.
func newPull(ctx context.Context, open func(wake func()) cursor, present func(error) *gqlerror.Error) *pull {
	p := &pull{wake: make(chan struct{}, 1), closed: make(chan struct{}), present: present}
	c := open(func() {
		select {
		case p.wake <- struct{}{}:
		default:
		}
	})
	p.mu.Lock()
	p.cursor = c
	p.mu.Unlock()
	p.stop = context.AfterFunc(ctx, p.close)
	return p
}

// close ends the subscription. What is queued is dropped.
func (p *pull) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closeLocked()
}

func (p *pull) closeLocked() {
	if p.cursor == nil {
		return
	}
	p.cursor.Close()
	p.cursor, p.queue = nil, nil
	close(p.closed)
}

// next returns the next message as a response, and nil at the end of the
// subscription. It waits while there is nothing.
func (p *pull) next(ctx context.Context) *graphql.Response {
	for {
		msg, wait, err := p.take()
		switch {
		case err != nil:
			p.stop()
			return &graphql.Response{Errors: gqlerror.List{p.present(err)}}
		case msg != nil:
			return &graphql.Response{Data: codec.Data(msg)}
		case !wait:
			return nil
		}
		select {
		case <-p.wake:
		case <-p.closed:
		case <-ctx.Done():
			p.stop()
			p.close()
		}
	}
}

// take returns the next message, or wait when there is none at the moment.
func (p *pull) take() (msg []byte, wait bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if len(p.queue) > 0 {
			msg = p.queue[0]
			p.queue[0] = nil
			p.queue = p.queue[1:]
			return msg, false, nil
		}
		if p.failed != nil {
			err, p.failed = p.failed, nil
			p.closeLocked()
			return nil, false, err
		}
		if p.cursor == nil {
			return nil, false, nil
		}
		p.queue = p.queue[:0]
		more, err := p.cursor.Pull(pullBytes, func(m []byte) { p.queue = append(p.queue, m) })
		p.failed = err // after what came before it
		if len(p.queue) == 0 && err == nil && !more {
			return nil, true, nil
		}
	}
}
