package model

import (
	"errors"
	"io"
)

// Encoded is JSON text that a compiled encoder wrote. It is the result of
// every core field that returns typed rows, so that the generated code passes
// rows on without knowing their types.
type Encoded []byte

// MarshalGQL writes the text as it is.
func (e Encoded) MarshalGQL(w io.Writer) { _, _ = w.Write(e) }

// UnmarshalGQL refuses: the type never stands in an input.
func (e *Encoded) UnmarshalGQL(any) error { return errNotInput }

// Exact is an argument's value before any coercion: nil, bool, string,
// json.Number, []any and map[string]any, exactly as the client wrote it.
// gqlgen and gqlparser would make float64 and int64 of its numbers.
type Exact struct{ Value any }

// UnmarshalGQL keeps the value as it is.
func (e *Exact) UnmarshalGQL(v any) error {
	e.Value = v
	return nil
}

// MarshalGQL writes null: the type never stands in an output.
func (e Exact) MarshalGQL(w io.Writer) { _, _ = io.WriteString(w, "null") }

var errNotInput = errors.New("Encoded is an output type")
