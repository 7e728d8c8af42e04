package transport

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/tycostream/tycostream/internal/transport/jsontext"
)

// outer is the form in which an operation's results travel over a stream.
type outer struct {
	kind  Kind
	media string

	first string // sent at once, so that proxies pass the headers on
	idle  string // sent while nothing else is, so that they keep the connection
	last  string // completes the operation

	result appendFunc // appends a result
	fatal  appendFunc // appends a list of errors that ended the operation
}

// inErrors makes a result of a list of errors.
func inErrors(list []byte) []byte {
	return append(append([]byte(`{"errors":`), list...), '}')
}

// serveStream runs an operation and sends its results as they come.
func (h *Handler) serveStream(w http.ResponseWriter, r *http.Request, out *outer, op *prepared) {
	s, ctx, done := h.openStream(w, r, out.kind, out.media, []byte(out.first))
	if s == nil {
		return
	}
	defer done()
	l, next := h.dispatch(ctx, op)
	if l.open == nil {
		s.results(ctx, out, next)
	} else {
		h.live(ctx, s, out, l)
	}
	s.finish()
}

// live sends a live subscription.
func (h *Handler) live(ctx context.Context, s *stream, out *outer, l live) {
	ended := h.stats.subscribed(l.source, l.kind)
	defer ended()
	switch err := s.pump(ctx, l.open, out.result, []byte(out.idle)); {
	case err == nil: // not completed: the client shall come back
	case errors.Is(err, io.EOF):
		s.end(ctx, out, nil)
	default:
		s.end(ctx, out, out.fatal(nil, jsontext.Append(nil, gqlerror.List{h.subscriptionError(err)})))
	}
}

// results sends what is not a live subscription.
func (s *stream) results(ctx context.Context, out *outer, next func() *graphql.Response) {
	for resp := next(); resp != nil; resp = next() {
		if s.write(ctx, 1, out.result(nil, appendResponse(nil, resp, false))) != nil {
			return
		}
	}
	s.end(ctx, out, nil)
}

// end sends the last message, if any, and completes.
func (s *stream) end(ctx context.Context, out *outer, message []byte) {
	messages := min(len(message), 1)
	if s.write(ctx, messages, append(message, out.last...)) == nil {
		s.code = codeNormal
	}
}

// serveResult sends one result that is known already.
func (h *Handler) serveResult(w http.ResponseWriter, r *http.Request, out *outer, body []byte) {
	s, ctx, done := h.openStream(w, r, out.kind, out.media, []byte(out.first))
	if s == nil {
		return
	}
	defer done()
	s.end(ctx, out, out.result(nil, body))
	s.finish()
}
