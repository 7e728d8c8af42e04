package transport

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/tycostream/tycostream/internal/auth"
	"github.com/tycostream/tycostream/internal/transport/delivery"
	"github.com/tycostream/tycostream/internal/transport/reserve"
)

// This file is the single connection mode of GraphQL over server-sent events,
// which a browser's six connections to a host on HTTP/1.1 call for:
//
//	PUT                      201 and a token: a stream is reserved
//	GET, token               the stream, of all results
//	POST or GET, token, id   202: the operation runs
//	DELETE, token, id        200: it does not any more
//
// The token stands in a header or in the URL. Operations end with their stream.

const tokenHeader = "X-Graphql-Event-Stream-Token" //nolint:gosec // a header's name

// reserveTimeout is how long a reservation waits for its stream.
const reserveTimeout = 30 * time.Second

// streamToken returns the token of a request; sure says that it can be nothing
// else. In the URL a proxy may have one of its own by that name.
func streamToken(r *http.Request) (token string, sure bool) {
	if token = r.Header.Get(tokenHeader); token != "" {
		return token, true
	}
	return r.URL.Query().Get("token"), false
}

// opensStream says whether a GET is for a reserved stream, and no operation.
func opensStream(r *http.Request) bool {
	token, _ := streamToken(r)
	q := r.URL.Query()
	return token != "" && r.Method == http.MethodGet && !q.Has("query") && !q.Has("extensions")
}

// admitted answers requests that carry a wrong secret.
func (h *Handler) admitted(w http.ResponseWriter, r *http.Request) (auth.Identity, bool) {
	id, err := h.opts.Guard.Request(r.Header)
	if err != nil {
		w.Header().Set("WWW-Authenticate", challenge)
		h.refuse(w, formatOf(r), http.StatusUnauthorized, auth.CodeDenied, err.Error())
	}
	return id, err == nil
}

// reserve answers PUT.
func (h *Handler) reserve(w http.ResponseWriter, r *http.Request) {
	if _, ok := h.admitted(w, r); !ok {
		return
	}
	token, err := "", errDraining
	if !h.isDraining() {
		token, err = h.reserved.Add(&reserved{h: h, events: delivery.NewMerge()})
	}
	if err != nil {
		if errors.Is(err, reserve.ErrFull) {
			err = errBusy
		}
		w.Header().Set("Retry-After", "5")
		h.refuse(w, formatOf(r), http.StatusServiceUnavailable, codeBusy, err.Error())
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, token) // who does not get it lets its time run out
}

func (h *Handler) isDraining() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.draining
}

// unknownToken refuses a token.
const unknownToken = "no stream is reserved under this token: it has ended, or was not opened in time, or another gateway has it. PUT reserves a new one" //nolint:gosec // a text

// serveReserved answers the GET that opens a stream, for as long as that is
// open.
func (h *Handler) serveReserved(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "Accept")
	if _, ok := h.admitted(w, r); !ok {
		return
	}
	f := formatOf(r)
	if f.stream != &events {
		h.refuse(w, f, http.StatusNotAcceptable, codeBadRequest, "Accept must allow "+typeEvents+": that is what a reserved stream has")
		return
	}
	token, _ := streamToken(r)
	v, err := h.reserved.Claim(token)
	switch {
	case errors.Is(err, reserve.ErrClaimed):
		h.refuse(w, f, http.StatusConflict, codeBadRequest, "this stream is open already: one connection may read it. PUT reserves another one")
		return
	case err != nil:
		h.refuse(w, f, http.StatusNotFound, codeBadRequest, unknownToken)
		return
	}
	s, ctx, done := h.openStream(w, r, KindSSE, events.media, []byte(events.first))
	if s == nil { // there was no room, or the client has gone
		h.reserved.Release(token)
		return
	}
	defer done()
	defer func() {
		h.reserved.Remove(token)
		_ = v.Close() // it never fails
	}()
	_ = s.pump(ctx, v.open, v.append, []byte(events.idle)) // a Merge never fails
	s.finish()                                             // it is never completed, only lost
}

// stopReserved answers DELETE. An operation that is unknown may just have ended.
func (h *Handler) stopReserved(w http.ResponseWriter, r *http.Request) {
	if _, ok := h.admitted(w, r); !ok {
		return
	}
	token, _ := streamToken(r)
	id := r.URL.Query().Get("operationId")
	v, ok := h.reserved.Get(token)
	switch {
	case !ok:
		h.refuse(w, formatOf(r), http.StatusNotFound, codeBadRequest, unknownToken)
	case id == "":
		h.refuse(w, formatOf(r), http.StatusBadRequest, codeBadRequest, "the URL must name the operation: operationId")
	default:
		v.ops.stop(id)
		w.WriteHeader(http.StatusOK)
	}
}

// belongs says whether an operation is one of a reserved stream's.
func belongs(r *http.Request, p *graphql.RawParams) bool {
	token, sure := streamToken(r)
	return sure || token != "" && p.Extensions["operationId"] != nil
}

// serveOf accepts an operation whose results go to a reserved stream, or says
// what is wrong with it.
func (h *Handler) serveOf(w http.ResponseWriter, r *http.Request, f format, id auth.Identity, p *graphql.RawParams) {
	token, _ := streamToken(r)
	v, ok := h.reserved.Get(token)
	if !ok {
		h.refuse(w, f, http.StatusNotFound, codeBadRequest, unknownToken)
		return
	}
	name, _ := p.Extensions["operationId"].(string)
	if name == "" {
		h.refuse(w, f, http.StatusBadRequest, codeBadRequest, "extensions must name the operation: operationId, a text")
		return
	}
	// The operation outlives its request.
	ctx, cancel := context.WithCancel(auth.WithIdentity(graphql.StartOperationTrace(context.Background()), id))
	op, refused := h.prepare(ctx, h.opts.Executor(), p)
	if len(refused) > 0 {
		cancel()
		h.answerInvalid(w, f, refused)
		return
	}
	f.stream = &events // whatever this answer is in
	if !h.fits(w, r, f, op.kind()) {
		cancel()
		return
	}
	err := v.start(ctx, &operation{id: name, cancel: cancel}, op)
	if err == nil {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	cancel()
	switch {
	case errors.Is(err, errDuplicate):
		h.refuse(w, f, http.StatusConflict, codeBadRequest, err.Error())
	case errors.Is(err, errTooMany):
		h.refuse(w, f, http.StatusTooManyRequests, codeBusy, err.Error())
	default:
		h.refuse(w, f, http.StatusNotFound, codeBadRequest, unknownToken)
	}
}
