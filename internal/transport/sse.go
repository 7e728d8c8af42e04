package transport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// eventsType is the media type of the answer.
const eventsType = typeEvents + "; charset=utf-8"

// comment is sent at once, so that proxies pass the headers on, and while
// nothing else is, so that they keep the connection.
var comment = []byte(":\n\n")

var completeEvent = []byte("event: complete\ndata:\n\n")

// appendEvent appends a result. Results are one line, unless a JSON column's
// text holds line ends.
func appendEvent(dst, result []byte) []byte {
	dst = append(dst, "event: next\ndata: "...)
	for {
		i := bytes.IndexAny(result, "\r\n")
		if i < 0 {
			break
		}
		dst = append(append(dst, result[:i]...), "\ndata: "...)
		result = result[i+1:]
	}
	dst = append(dst, result...)
	return append(dst, "\n\n"...)
}

// serveEvents runs an operation and sends its results as events.
func (h *Handler) serveEvents(w http.ResponseWriter, r *http.Request, op *prepared) {
	s, ctx, done := h.openStream(w, r, KindSSE, eventsType, comment)
	if s == nil {
		return
	}
	defer done()
	l, next := h.dispatch(ctx, op)
	if l.open == nil {
		s.results(ctx, next)
		return
	}
	out := h.stats.subscribed(l.source, l.kind)
	defer out()
	switch err := s.pump(ctx, l.open, appendEvent, comment); {
	case err == nil: // no `complete`: the client shall come back
	case errors.Is(err, io.EOF):
		s.end(ctx, nil)
	default:
		body := appendResponse(nil, &graphql.Response{Errors: gqlerror.List{subscriptionError(err)}}, true)
		s.end(ctx, appendEvent(nil, body))
	}
}

// results sends what is not a live subscription.
func (s *stream) results(ctx context.Context, next func() *graphql.Response) {
	for resp := next(); resp != nil; resp = next() {
		if s.write(ctx, 1, appendEvent(nil, appendResponse(nil, resp, false))) != nil {
			return
		}
	}
	s.end(ctx, nil)
}

// end sends the last event, if any, and completes.
func (s *stream) end(ctx context.Context, last []byte) {
	if s.write(ctx, 1, append(last, completeEvent...)) == nil {
		s.code = codeNormal
	}
}

// serveResult sends one result that is known already.
func (h *Handler) serveResult(w http.ResponseWriter, r *http.Request, body []byte) {
	s, ctx, done := h.openStream(w, r, KindSSE, eventsType, comment)
	if s == nil {
		return
	}
	defer done()
	s.end(ctx, appendEvent(nil, body))
}
