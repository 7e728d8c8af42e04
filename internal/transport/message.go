package transport

import (
	"errors"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/transport/jsontext"
)

// The values of extensions.code that the transport itself gives. Those of the
// feed and of the executor pass through.
const (
	codeBadRequest = "BAD_REQUEST"
	codeBadInput   = "BAD_USER_INPUT"
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
		dst = append(jsontext.Append(dst, resp.Errors), ',')
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
		dst = append(jsontext.Append(dst, resp.Extensions), ',')
	}
	dst[len(dst)-1] = '}'
	return dst
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
