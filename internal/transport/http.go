package transport

import (
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/tycostream/tycostream/internal/auth"
	"github.com/tycostream/tycostream/internal/transport/jsontext"
	"github.com/tycostream/tycostream/internal/transport/socket"
)

// bodyTimeout is how long a request's body may take to arrive, answerTimeout
// how long a client may take to read an answer.
const (
	bodyTimeout   = 30 * time.Second
	answerTimeout = time.Minute
)

// challenge is how a client can authenticate.
const challenge = `Bearer realm="tycostream"`

// httpError is a request that never reached the executor.
type httpError struct {
	status int
	text   string
}

func (e *httpError) Error() string { return e.text }

// serveOperation answers one operation over HTTP:
//
//  1. find out how to answer, and who asks;
//  2. read and validate the operation;
//  3. leave it to a reserved stream, if it is one's;
//  4. refuse what its method or its answer's type does not allow;
//  5. stream it, or execute it and answer once.
func (h *Handler) serveOperation(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "Accept")
	f := formatOf(r)
	if f.media == "" && f.stream == nil {
		f.media = typeJSON
		h.refuse(w, f, http.StatusNotAcceptable, codeBadRequest,
			"Accept must allow "+typeResponse+", "+typeJSON+" or, for subscriptions, "+typeEvents+" or "+typeParts)
		return
	}
	id, ok := h.admitted(w, r)
	if !ok {
		return
	}
	params, err := h.readRequest(w, r)
	if err != nil {
		bad, ok := errors.AsType[*httpError](err)
		if !ok {
			bad = &httpError{http.StatusBadRequest, err.Error()}
		}
		h.refuse(w, f, bad.status, codeBadRequest, bad.text)
		return
	}
	if belongs(r, params) {
		h.serveOf(w, r, f, id, params)
		return
	}
	ctx := auth.WithIdentity(graphql.StartOperationTrace(r.Context()), id)
	op, refused := h.prepare(ctx, h.opts.Executor(), params)
	if len(refused) > 0 {
		h.answerRefused(w, r, f, refused)
		return
	}
	if !h.fits(w, r, f, op.kind()) {
		return
	}
	if f.streams(op.kind()) {
		h.serveStream(w, r.WithContext(ctx), f.stream, op)
		return
	}
	_, next := h.dispatch(ctx, op)
	resp := next()
	if resp == nil {
		resp = &graphql.Response{}
	}
	h.answer(w, f, http.StatusOK, appendResponse(nil, resp, false))
}

// streams says whether an operation is answered by a stream: a subscription if
// the client takes one, anything if it takes nothing else.
func (f format) streams(kind ast.Operation) bool {
	return f.stream != nil && (kind == ast.Subscription || f.media == "")
}

// answerRefused answers what did not validate. A client that takes only streams
// cannot read a body with an error status.
func (h *Handler) answerRefused(w http.ResponseWriter, r *http.Request, f format, errs gqlerror.List) {
	switch {
	case f.media == "":
		h.serveResult(w, r, f.stream, appendResponse(nil, &graphql.Response{Errors: errs}, true))
	case f.strict():
		h.answerInvalid(w, f, errs)
	default:
		h.answer(w, f, http.StatusOK, appendResponse(nil, &graphql.Response{Errors: errs}, true))
	}
}

// answerInvalid answers with a status that tells of errors.
func (h *Handler) answerInvalid(w http.ResponseWriter, f format, errs gqlerror.List) {
	status := http.StatusBadRequest
	if notFound(errs) {
		status = http.StatusOK
	}
	if f.media == "" {
		f.media = typeJSON
	}
	h.answer(w, f, status, appendResponse(nil, &graphql.Response{Errors: errs}, true))
}

// notFound recognises the answer to an unknown persisted query, which is the
// first half of that protocol and no failure.
func notFound(errs gqlerror.List) bool {
	return slices.ContainsFunc(errs, func(e *gqlerror.Error) bool { return e.Message == "PersistedQueryNotFound" })
}

// fits refuses operations that the method or the wanted types do not allow.
func (h *Handler) fits(w http.ResponseWriter, r *http.Request, f format, kind ast.Operation) bool {
	switch {
	case kind == ast.Mutation && r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		h.refuse(w, f, http.StatusMethodNotAllowed, codeBadRequest, "mutations need POST")
	case kind == ast.Subscription && r.Method == http.MethodHead:
		h.refuse(w, f, http.StatusMethodNotAllowed, codeBadRequest, "subscriptions need GET or POST")
	case kind == ast.Subscription && f.stream == nil:
		h.refuse(w, f, http.StatusBadRequest, codeBadRequest,
			"a subscription needs a WebSocket with "+protocolModern+", or Accept: "+typeEvents+" or "+typeParts)
	default:
		return true
	}
	return false
}

func (h *Handler) readRequest(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, error) {
	read := h.readURL
	if r.Method == http.MethodPost {
		read = func(r *http.Request) (*request, error) { return h.readBody(w, r) }
	}
	start := graphql.Now()
	req, err := read(r)
	if err != nil {
		return nil, err
	}
	p, err := req.params()
	if err != nil {
		return nil, err
	}
	p.Headers = r.Header
	p.ReadTime = graphql.TraceTiming{Start: start, End: graphql.Now()}
	return p, nil
}

// readBody reads a POST. Browsers send application/json to other origins only
// after a preflight, so no form of a foreign page passes here.
func (h *Handler) readBody(w http.ResponseWriter, r *http.Request) (*request, error) {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != typeJSON || !utf8Charset(params["charset"]) {
		return nil, &httpError{http.StatusUnsupportedMediaType, "Content-Type must be application/json"}
	}
	if r.Header.Get("Content-Encoding") != "" && r.Header.Get("Content-Encoding") != "identity" {
		return nil, &httpError{http.StatusUnsupportedMediaType, "Content-Encoding is not supported: send the body as it is"}
	}
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Now().Add(bodyTimeout)) // not every writer can; the server's own time-outs remain
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(h.opts.MessageBytes)))
	_ = rc.SetReadDeadline(time.Time{})
	switch {
	case err == nil:
	case isTooLarge(err):
		return nil, &httpError{
			http.StatusRequestEntityTooLarge,
			"the body is longer than " + strconv.Itoa(h.opts.MessageBytes) + " bytes: the setting limits.message_bytes",
		}
	case socket.IsTimeout(err):
		return nil, &httpError{http.StatusRequestTimeout, "the body took too long to arrive"}
	default:
		return nil, errors.New("the body could not be read")
	}
	h.stats.received(kindHTTP, len(body))
	if len(body) > 0 && firstByte(body) == '[' {
		return nil, errors.New("batches are not supported: send one operation per request")
	}
	req := new(request)
	return req, jsontext.Decode(body, req)
}

func isTooLarge(err error) bool {
	_, ok := errors.AsType[*http.MaxBytesError](err)
	return ok
}

func firstByte(body []byte) byte {
	for _, b := range body {
		if b != ' ' && b != '\t' && b != '\r' && b != '\n' {
			return b
		}
	}
	return 0
}

func utf8Charset(charset string) bool {
	switch charset {
	case "", "utf-8", "UTF-8", "utf8":
		return true
	}
	return false
}

// readURL reads a GET.
func (h *Handler) readURL(r *http.Request) (*request, error) {
	if len(r.URL.RawQuery) > h.opts.MessageBytes {
		return nil, &httpError{http.StatusRequestURITooLong, "the URL is too long: use POST"}
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, errors.New("the URL's parameters are malformed")
	}
	h.stats.received(kindHTTP, len(r.URL.RawQuery))
	req := &request{OperationName: q.Get("operationName")}
	if q.Has("query") {
		text := q.Get("query")
		req.Query = &text
	}
	for name, into := range map[string]*map[string]any{"variables": &req.Variables, "extensions": &req.Extensions} {
		if text := q.Get(name); text != "" {
			if err := jsontext.Decode([]byte(text), into); err != nil {
				return nil, errors.New(name + " in the URL must be a JSON object: " + err.Error())
			}
		}
	}
	return req, nil
}

// refuse answers with an error that no executor saw.
func (h *Handler) refuse(w http.ResponseWriter, f format, status int, code, text string) {
	h.stats.malformed.Add(1)
	if f.media == "" {
		f.media = typeJSON
	}
	h.answer(w, f, status, appendResponse(nil, &graphql.Response{Errors: gqlerror.List{coded(code, text)}}, true))
}

func (h *Handler) answer(w http.ResponseWriter, f format, status int, body []byte) {
	rc := http.NewResponseController(w)
	_ = rc.SetWriteDeadline(time.Now().Add(answerTimeout)) // not every writer can
	w.Header().Set("Content-Type", f.media+"; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	n, err := w.Write(body)
	h.stats.sent(kindHTTP, 1, n)
	if err == nil {
		err = rc.Flush() // under the deadline, which the next request must not inherit
	}
	if err != nil {
		h.opts.Log.Debug("answer not delivered", slog.Any("error", err))
	}
	_ = rc.SetWriteDeadline(time.Time{})
}
