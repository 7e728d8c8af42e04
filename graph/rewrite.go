package graph

import (
	"context"
	"maps"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/tycostream/tycostream/graph/sdl"
)

// executable is the generated code behind the merged schema. It answers the
// merged schema's root fields by rewriting each into the core field that its
// route names, with the source as an argument; everything else is gqlgen's.
type executable struct {
	graphql.ExecutableSchema
	routes    sdl.Routes
	queryRows int

	// present turns an error that ends a stream into what its client sees.
	present func(context.Context, error) *gqlerror.Error
}

func newExecutable(s *sdl.Schema, resolvers ResolverRoot) *executable {
	return &executable{
		ExecutableSchema: NewExecutableSchema(Config{Schema: s.AST, Resolvers: resolvers}),
		routes:           s.Routes,
	}
}

// rewrite returns the operation that the generated code executes: the same
// operation without fragments, its root fields replaced by core fields.
// Aliases, positions, arguments of core fields and directives stay.
func (x *executable) rewrite(op *graphql.OperationContext) *graphql.OperationContext {
	kind := op.Operation.Operation
	c := collector{fragments: op.Doc.Fragments, variables: op.Variables}
	raw := rawVariables(op)
	out := &graphql.OperationContext{
		RawQuery:               op.RawQuery,
		Variables:              op.Variables,
		OperationName:          op.OperationName,
		Doc:                    op.Doc,
		Extensions:             op.Extensions,
		Headers:                op.Headers,
		DisableIntrospection:   op.DisableIntrospection,
		RecoverFunc:            op.RecoverFunc,
		ResolverMiddleware:     op.ResolverMiddleware,
		RootResolverMiddleware: op.RootResolverMiddleware,
		Stats:                  op.Stats,
	}
	operation := *op.Operation
	operation.SelectionSet = c.flatten(op.Operation.SelectionSet, sdl.RootName(kind))
	copied := false
	for i, s := range operation.SelectionSet {
		f, ok := s.(*ast.Field)
		if !ok {
			continue
		}
		r := x.routes[kind][f.Name]
		if r == nil {
			continue
		}
		if !copied { // exact values travel as variables whose names no document can hold
			out.Variables, copied = maps.Clone(op.Variables), true
			if out.Variables == nil {
				out.Variables = map[string]any{}
			}
		}
		operation.SelectionSet[i] = coreField(r, f, raw, out.Variables)
	}
	out.Operation = &operation
	return out
}

// coreField returns the core field in place of f.
func coreField(r *sdl.Route, f *ast.Field, raw, variables map[string]any) *ast.Field {
	core := *f
	core.Name, core.Definition = r.Def.Name, r.Def
	core.Arguments = make(ast.ArgumentList, 0, len(f.Arguments)+1)
	if r.Source != "" {
		core.Arguments = append(core.Arguments, &ast.Argument{
			Name:  "source",
			Value: &ast.Value{Kind: ast.StringValue, Raw: r.Source, Position: f.Position},
		})
	}
	exact := func(name string, v any) {
		variable := f.Alias + "." + name
		variables[variable] = v
		core.Arguments = append(core.Arguments, &ast.Argument{
			Name:  name,
			Value: &ast.Value{Kind: ast.Variable, Raw: variable, Position: f.Position},
		})
	}
	c := exactValues{raw: raw}
	if r.Key {
		key := make(map[string]any, len(f.Arguments))
		for _, a := range f.Arguments {
			if v, ok := c.value(a.Value); ok {
				key[a.Name] = v
			}
		}
		exact("key", key)
		return &core
	}
	for _, a := range f.Arguments {
		name := r.Args[a.Name]
		def := r.Def.Arguments.ForName(name)
		if def.Type.Name() != "Exact" {
			core.Arguments = append(core.Arguments, &ast.Argument{Name: name, Value: a.Value, Position: a.Position})
			continue
		}
		v, ok := c.argument(name, a.Value)
		if !ok {
			continue
		}
		exact(name, v)
	}
	return &core
}

// Exec executes the operation of the context.
func (x *executable) Exec(ctx context.Context) graphql.ResponseHandler {
	op := graphql.GetOperationContext(ctx)
	core := x.rewrite(op)
	if core.Operation.Operation == ast.Subscription {
		return x.subscribe(ctx, core)
	}
	handler := x.ExecutableSchema.Exec(graphql.WithOperationContext(ctx, core))
	return func(ctx context.Context) *graphql.Response {
		return handler(withRowBudget(graphql.WithOperationContext(ctx, core), x.queryRows))
	}
}

// subscribe runs the resolver, which fills a sink: the transport's, or one of
// our own that the response handler then pulls from.
func (x *executable) subscribe(ctx context.Context, core *graphql.OperationContext) graphql.ResponseHandler {
	if n := len(core.Operation.SelectionSet); n != 1 {
		graphql.AddError(ctx, validationError(core.Operation.Position,
			"a subscription selects exactly one field, and this one selects "+strconv.Itoa(n)))
		return graphql.OneShot(&graphql.Response{})
	}
	ctx = graphql.WithOperationContext(ctx, core)
	if sinkFrom(ctx) != nil {
		return x.ExecutableSchema.Exec(ctx)
	}
	sink := &Sink{}
	handler := x.ExecutableSchema.Exec(WithSink(ctx, sink))
	if sink.Open == nil {
		return handler // the resolver has refused
	}
	op := core.Operation.SelectionSet[0].(*ast.Field) //nolint:forcetypeassert // rewrite makes nothing but fields
	p := newPull(ctx, func(wake func()) cursor { return sink.Open(wake) }, func(err error) *gqlerror.Error {
		e := x.present(ctx, err)
		e.Path = ast.Path{ast.PathName(op.Alias)}
		return e
	})
	return p.next
}
