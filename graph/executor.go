package graph

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"

	"github.com/tycostream/tycostream/graph/sdl"
)

// Executor executes operations against the schema of one [Model]. It
// implements gqlgen's graphql.GraphExecutor.
type Executor struct {
	inner  *executor.Executor
	limits Limits
	errors presenter
	sdl    string

	documents *lru[*ast.QueryDocument]
}

var _ graphql.GraphExecutor = (*Executor)(nil)

// documentBytes bounds the cache of parsed documents by their text; parsed, a
// document takes 20 to 100 times as much. textBytes bounds persisted queries.
const (
	documentBytes = 1 << 20
	textBytes     = 8 << 20
)

// New builds the schema of a model. The error names every name that cannot
// stand.
func New(m Model) (*Executor, error) {
	m.Limits = m.Limits.orDefaults()
	if m.Log == nil {
		m.Log = slog.Default()
	}
	for i := range m.Sources {
		if s := &m.Sources[i]; s.Schema != nil && s.Feed == nil {
			return nil, fmt.Errorf("source %q has columns but no feed", s.Name)
		}
	}
	schema, err := sdl.Build(sources, m.schema())
	if err != nil {
		return nil, err
	}
	e := &Executor{limits: m.Limits, errors: presenter{log: m.Log}, sdl: schema.Text()}
	x := newExecutable(schema, newResolver(&m))
	x.present, x.queryRows = e.errors.present, m.Limits.QueryRows
	e.inner = executor.New(x)
	e.inner.SetErrorPresenter(e.errors.present)
	e.inner.SetRecoverFunc(e.errors.recovered)
	e.inner.SetDefaultRulesFn(newRules)
	e.inner.SetParserTokenLimit(m.Limits.Tokens)
	e.documents = newLRU(m.Limits.Cache, documentBytes, func(*ast.QueryDocument) int { return 0 })
	e.inner.SetQueryCache(e.documents)
	e.inner.Use(extension.Introspection{})
	e.inner.Use(extension.AutomaticPersistedQuery{
		Cache: newLRU(m.Limits.Cache, textBytes, func(text string) int { return len(text) }),
	})
	e.inner.Use(guard{limits: &e.limits, routes: x.routes})
	return e, nil
}

// SDL returns the schema of a model as clients see it. Sources need no feed.
func SDL(m Model) (string, error) {
	schema, err := sdl.Build(sources, m.schema())
	if err != nil {
		return "", err
	}
	return schema.Text(), nil
}

// SDL returns the schema as clients see it.
func (e *Executor) SDL() string { return e.sdl }

// CreateOperationContext parses and validates a request.
func (e *Executor) CreateOperationContext(
	ctx context.Context, params *graphql.RawParams,
) (op *graphql.OperationContext, errs gqlerror.List) {
	defer func() {
		if cause := recover(); cause != nil {
			op, errs = &graphql.OperationContext{}, gqlerror.List{e.recovered(ctx, cause)}
		}
	}()
	if err := e.check(ctx, params.Query); err != nil {
		return &graphql.OperationContext{}, gqlerror.List{err}
	}
	b := budget{left: e.limits.FilterSize, limit: e.limits.FilterSize, depth: e.limits.Depth}
	raw := make(map[string]any, len(params.Variables))
	for name, v := range params.Variables {
		c, err := copyValue(v, &b, 0)
		if err != nil {
			return &graphql.OperationContext{}, gqlerror.List{e.errors.present(ctx, err)}
		}
		raw[name] = c
	}
	op, errs = e.inner.CreateOperationContext(graphql.StartOperationTrace(ctx), params)
	if len(errs) > 0 {
		return op, unnamed(params, requestErrors(errs))
	}
	op.Stats.SetExtension(variablesKey, raw)
	return op, nil
}

// check refuses documents that would cost too much to validate. One that is in
// the cache has passed before. A document that does not parse is left to gqlgen
// to refuse, and an empty one may stand for a persisted query, which passed when
// it was registered.
func (e *Executor) check(ctx context.Context, query string) *gqlerror.Error {
	if query == "" {
		return nil
	}
	if err := e.limits.checkDocument(query); err != nil {
		return err
	}
	if _, ok := e.documents.Get(ctx, query); ok {
		return nil
	}
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: query}, e.limits.Tokens)
	if err != nil {
		return nil //nolint:nilerr // gqlgen parses it again and reports the error
	}
	return e.limits.checkFields(doc)
}

// DispatchOperation executes an operation. A subscription fills the context's
// [Sink], if there is one; otherwise each call of the handler returns one
// message, and nil at the end.
func (e *Executor) DispatchOperation(
	ctx context.Context, op *graphql.OperationContext,
) (handler graphql.ResponseHandler, inner context.Context) {
	defer func() {
		if cause := recover(); cause != nil {
			err := e.recovered(ctx, cause)
			handler, inner = graphql.OneShot(&graphql.Response{Errors: gqlerror.List{err}}), ctx
		}
	}()
	next, inner := e.inner.DispatchOperation(ctx, op)
	return func(ctx context.Context) (resp *graphql.Response) {
		defer func() {
			if cause := recover(); cause != nil {
				resp = &graphql.Response{Errors: gqlerror.List{e.recovered(ctx, cause)}}
			}
		}()
		return next(ctx)
	}, inner
}

// DispatchError returns the response for a request that was refused.
func (e *Executor) DispatchError(ctx context.Context, list gqlerror.List) *graphql.Response {
	return e.inner.DispatchError(ctx, list)
}

func (e *Executor) recovered(ctx context.Context, cause any) *gqlerror.Error {
	return e.errors.present(ctx, e.errors.recovered(ctx, cause))
}
