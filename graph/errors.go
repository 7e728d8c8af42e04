package graph

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/filter"
)

// The values of extensions.code. Those of the feed (SOURCE_NOT_READY,
// RESYNC_REQUIRED, ...) pass through as they are.
const (
	codeValidation = errcode.ValidationFailed // the document does not fit the schema
	codeBadInput   = "BAD_USER_INPUT"         // a value is not what its place needs
	codeNull       = "validation-failed"      // an explicit null in a comparison; the code that Hasura's clients switch on
	codeBadRequest = "BAD_REQUEST"            // the request around the document is malformed
	codeTooLarge   = "DOCUMENT_TOO_LARGE"
	codeTooDeep    = "DEPTH_LIMIT_EXCEEDED"
	codeTooComplex = "COMPLEXITY_LIMIT_EXCEEDED"
	codeTooMany    = "ROW_LIMIT_EXCEEDED"
	codeTimeout    = "TIMEOUT"
	codeInternal   = "INTERNAL_SERVER_ERROR"
)

const internalText = "internal error: the gateway's log says more"

// inputError is a value that is not what its place needs.
type inputError struct {
	argument string // the argument and the way into it: where.side._eq; may be empty
	code     string
	text     string
}

func (e *inputError) Error() string {
	if e.argument == "" {
		return e.text
	}
	return e.argument + ": " + e.text
}

func (e *inputError) gql() *gqlerror.Error {
	out := coded(e.code, e.Error())
	if e.argument != "" {
		out.Extensions["argument"] = e.argument
	}
	return out
}

// extended is an error of another package that is written for clients.
type extended interface {
	error
	Extensions() map[string]any
}

func badInput(argument, text string) *inputError {
	return &inputError{argument: argument, code: codeBadInput, text: text}
}

// filterError names the place in a filter where the mistake is.
func filterError(err error) error {
	if e, ok := errors.AsType[*filter.Error](err); ok {
		out := badInput(strings.TrimSuffix(e.Error(), ": "+e.Text), e.Text)
		if e.Null {
			out.code = codeNull
		}
		return out
	}
	return fmt.Errorf("compile filter: %w", err)
}

func coded(code, text string) *gqlerror.Error {
	return &gqlerror.Error{Message: text, Extensions: map[string]any{"code": code}}
}

func validationError(at *ast.Position, text string) *gqlerror.Error {
	e := coded(codeValidation, text)
	e.Locations = location(at)
	return e
}

func location(at *ast.Position) []gqlerror.Location {
	if at == nil || at.Line == 0 {
		return nil
	}
	return []gqlerror.Location{{Line: at.Line, Column: at.Column}}
}

// presenter turns every error into what clients may see: a text that says what
// to do, and a code. What is not meant for clients is logged and replaced.
type presenter struct{ log *slog.Logger }

func (p *presenter) present(ctx context.Context, err error) *gqlerror.Error {
	if err == nil {
		return nil
	}
	out, located := errors.AsType[*gqlerror.Error](err)
	if located && (out.Err == nil || out.Extensions["code"] != nil) { // written for clients: by us, or by gqlgen
		if out.Extensions["code"] == nil {
			errcode.Set(out, codeBadInput)
		}
		return out
	}
	seen := p.translate(err)
	seen.Path = graphql.GetPath(ctx)
	if located {
		seen.Locations = out.Locations
		if out.Path != nil {
			seen.Path = out.Path
		}
	}
	return seen
}

func (p *presenter) translate(err error) *gqlerror.Error {
	if e, ok := errors.AsType[*inputError](err); ok {
		return e.gql()
	}
	if e, ok := errors.AsType[*feed.Error](err); ok {
		return coded(e.Code, e.Text)
	}
	if e, ok := errors.AsType[extended](err); ok {
		return &gqlerror.Error{Message: e.Error(), Extensions: e.Extensions()}
	}
	switch {
	case errors.Is(err, context.Canceled):
		return coded(codeTimeout, "the request was canceled")
	case errors.Is(err, context.DeadlineExceeded):
		return coded(codeTimeout, "the request took longer than its time limit")
	}
	p.log.Error("graphql execution failed", slog.Any("error", err))
	return coded(codeInternal, internalText)
}

// recovered logs a panic and returns what the client sees of it.
func (p *presenter) recovered(_ context.Context, cause any) error {
	p.log.Error("graphql execution panicked", slog.Any("panic", cause), slog.String("stack", string(debug.Stack())))
	return coded(codeInternal, internalText)
}

// unnamed explains gqlgen's "operation  not found": the document has several
// operations and the request names none.
func unnamed(params *graphql.RawParams, list gqlerror.List) gqlerror.List {
	for _, e := range list {
		if params.OperationName == "" && e.Message == "operation  not found" {
			e.Message = "the document holds several operations: name one of them in operationName"
		}
	}
	return list
}

// requestErrors completes the errors of a request that never came to execution:
// each gets a code, and errors of variables name the variable in their text.
func requestErrors(list gqlerror.List) gqlerror.List {
	list = withoutEchoes(list)
	for _, e := range list {
		if len(e.Path) > 1 && e.Path[0] == ast.PathName("variable") {
			e.Message = "variable $" + strings.TrimPrefix(e.Path[1:].String(), ".") + ": " + e.Message
			e.Path = nil // not a place in the response
			errcode.Set(e, codeBadInput)
		}
		if e.Extensions["code"] == nil {
			errcode.Set(e, codeBadRequest)
		}
	}
	return list
}
