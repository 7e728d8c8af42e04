package jsontext

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strconv"
)

// Decode reads one JSON value. Numbers in values of any type keep their digits:
// a bigint must not pass through a float64. After an error because of one
// field's type, the other fields are read.
func Decode(data []byte, into any) error {
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
		return errors.New(t.Field + " must be " + wanted(t.Type) + ", not a JSON " + t.Value)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the JSON text ends too early")
	}
	if s, ok := errors.AsType[*json.SyntaxError](err); ok {
		return errors.New("not JSON: " + s.Error() + " at byte " + strconv.FormatInt(s.Offset, 10))
	}
	return errors.New("not a JSON object")
}

func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Map:
		return "an object"
	case reflect.Bool:
		return "true or false"
	default:
		return "a string"
	}
}

// Append appends a value as JSON; null if it has no JSON.
func Append(dst []byte, v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return append(dst, "null"...)
	}
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}
