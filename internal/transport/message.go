package transport

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/tycostream/tycostream/internal/feed"
)

// The values of extensions.code that the transport itself gives. Those of the
// feed and of the executor pass through.
const (
	codeBadRequest = "BAD_REQUEST"
	codeInternal   = "INTERNAL_SERVER_ERROR"
	codeBusy       = "TOO_MANY_OPERATIONS"
)

const internalText = "internal error: the gateway's log says more"

func coded(code, text string) *gqlerror.Error {
	return &gqlerror.Error{Message: text, Extensions: map[string]any{"code": code}}
}

// request is a GraphQL request as every transport receives it.
type request struct {
	Query         *string        `json:"query"`
	OperationName string         `json:"operationName"`
	Variables     map[string]any `json:"variables"`
	Extensions    map[string]any `json:"extensions"`
}

// decode reads one JSON value. Numbers keep their digits: a bigint must not
// pass through a float64.
func decode(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return explain(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON value")
	}
	return nil
}

// explain words a JSON error for clients.
func explain(err error) error {
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && t.Field != "" {
		return errors.New(t.Field + " must be " + jsonKind(t) + ", not a JSON " + t.Value)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the JSON text ends too early")
	}
	if s, ok := errors.AsType[*json.SyntaxError](err); ok {
		return errors.New("not JSON: " + s.Error() + " at byte " + strconv.FormatInt(s.Offset, 10))
	}
	return errors.New("not a JSON object")
}

func jsonKind(t *json.UnmarshalTypeError) string {
	if t.Type.Kind().String() == "map" {
		return "an object"
	}
	return "a string"
}

// params checks what every transport requires of a request.
func (r *request) params() (*graphql.RawParams, error) {
	p := &graphql.RawParams{OperationName: r.OperationName, Variables: r.Variables, Extensions: r.Extensions}
	switch {
	case r.Query != nil:
		p.Query = *r.Query
	case r.Extensions["persistedQuery"] == nil:
		return nil, errors.New("query is missing")
	}
	return p, nil
}

// appendResponse appends a response as JSON. Rows are encoded already and are
// copied as they are. refused says that nothing was executed: then there is no
// data, not even null.
func appendResponse(dst []byte, resp *graphql.Response, refused bool) []byte {
	if len(resp.Errors) == 0 && len(resp.Extensions) == 0 && resp.HasNext == nil && len(resp.Data) > 0 {
		dst = append(dst, `{"data":`...)
		dst = append(dst, resp.Data...)
		return append(dst, '}')
	}
	dst = append(dst, '{')
	if len(resp.Errors) > 0 {
		dst = append(dst, `"errors":`...)
		dst = append(appendJSON(dst, resp.Errors), ',')
	}
	if !refused {
		dst = append(dst, `"data":`...)
		if len(resp.Data) == 0 {
			dst = append(dst, "null"...)
		}
		dst = append(append(dst, resp.Data...), ',')
	}
	if len(resp.Extensions) > 0 {
		dst = append(dst, `"extensions":`...)
		dst = append(appendJSON(dst, resp.Extensions), ',')
	}
	dst[len(dst)-1] = '}'
	return dst
}

// appendJSON appends a value without escaping what is only special in HTML.
func appendJSON(dst []byte, v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return append(dst, "null"...)
	}
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}

// subscriptionError words the error that ended a cursor, and counts it.
func (h *Handler) subscriptionError(err error) *gqlerror.Error {
	out := coded(codeInternal, internalText)
	if e, ok := errors.AsType[*feed.Error](err); ok {
		out = coded(e.Code, e.Text)
	}
	h.stats.failed(gqlerror.List{out})
	return out
}
