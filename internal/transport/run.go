package transport

import (
	"context"
	"log/slog"
	"runtime/debug"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// prepared is a validated operation.
type prepared struct {
	op   *graphql.OperationContext
	exec graphql.GraphExecutor
}

// prepare parses and validates. errs is what the client must know instead.
func (h *Handler) prepare(ctx context.Context, exec graphql.GraphExecutor, p *graphql.RawParams) (op *prepared, errs gqlerror.List) {
	defer func() {
		if cause := recover(); cause != nil {
			errs = gqlerror.List{h.recovered(cause)}
		}
		if len(errs) > 0 {
			h.stats.malformed.Add(1)
		}
	}()
	oc, list := exec.CreateOperationContext(ctx, p)
	if len(list) > 0 {
		if oc == nil {
			return nil, list
		}
		return nil, exec.DispatchError(graphql.WithOperationContext(ctx, oc), list).Errors
	}
	switch oc.Operation.Operation {
	case ast.Query:
		h.stats.query.Add(1)
	case ast.Mutation:
		h.stats.mutation.Add(1)
	case ast.Subscription:
		h.stats.subscription.Add(1)
	}
	return &prepared{op: oc, exec: exec}, nil
}

func (p *prepared) kind() ast.Operation { return p.op.Operation.Operation }

// dispatch starts a validated operation. A live subscription is left to the
// caller; of everything else next returns the responses, nil at the end.
func (h *Handler) dispatch(ctx context.Context, p *prepared) (live, func() *graphql.Response) {
	ctx, filled := h.opts.sink(ctx)
	var failed *graphql.Response
	responses := func() (rh graphql.ResponseHandler) {
		defer func() {
			if cause := recover(); cause != nil {
				failed = &graphql.Response{Errors: gqlerror.List{h.recovered(cause)}}
			}
		}()
		rh, ctx = p.exec.DispatchOperation(ctx, p.op)
		return rh
	}()
	if failed == nil {
		if l := filled(); l.open != nil {
			return l, nil
		}
	}
	return live{}, func() (resp *graphql.Response) {
		defer func() {
			if resp != nil && p.kind() == ast.Subscription {
				h.stats.failed(resp.Errors)
			}
		}()
		if failed != nil || responses == nil {
			resp, failed = failed, nil
			responses = nil
			return resp
		}
		defer func() {
			if cause := recover(); cause != nil {
				responses = nil
				resp = &graphql.Response{Errors: gqlerror.List{h.recovered(cause)}}
			}
		}()
		return responses(ctx)
	}
}

// recovered logs a panic and returns what the client sees of it.
func (h *Handler) recovered(cause any) *gqlerror.Error {
	h.opts.Log.Error("graphql operation panicked", slog.Any("panic", cause), slog.String("stack", string(debug.Stack())))
	return coded(codeInternal, internalText)
}
