package relation

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Constant reads a client's constant for the column from JSON-like input: a
// string, bool, json.Number, Go integer, []any or map[string]any. Numbers are
// never taken through a float64. Numeric kinds accept their text as a string
// too; an Array accepts a list, PostgreSQL's literal, or JSON text. Null is no
// constant. The error is a *[ParseError].
func (c *Column) Constant(in any) (Value, error) {
	return c.constant(in, 0)
}

func (c *Column) constant(in any, depth int) (Value, error) {
	if n, ok := goInteger(in); ok {
		in = n
	}
	switch {
	case in == nil:
		return Value{}, c.refuse(in, "")
	case c.Kind == JSON:
		doc, why := copyDocument(in, 0)
		if why != "" {
			return Value{}, c.refuse(in, why)
		}
		return Value{kind: JSON, doc: doc}, nil
	case c.Kind == Array:
		return c.arrayConstant(in, depth)
	}
	text, ok := "", false
	switch x := in.(type) {
	case string:
		text, ok = x, c.Kind != Boolean
		if !utf8.ValidString(x) {
			return Value{}, c.refuse(in, "not valid UTF-8")
		}
	case json.Number:
		text, ok = string(x), c.numeric()
	case bool:
		text, ok = strconv.FormatBool(x), c.Kind == Boolean
	}
	if !ok {
		return Value{}, c.refuse(in, "")
	}
	v, why, ok := c.parse(text)
	if !ok {
		return Value{}, c.refuse(in, why)
	}
	if c.Kind == Float && v.class != finite && strings.ContainsAny(text, "0123456789") {
		return Value{}, c.refuse(in, "outside the range of Float")
	}
	return v, nil
}

func (c *Column) numeric() bool {
	return c.Kind == Integer || c.Kind == BigInt || c.Kind == Float || c.Kind == Decimal
}

func (c *Column) refuse(in any, why string) *ParseError {
	return &ParseError{Want: c.want(), Got: Describe(in), Why: why}
}

func goInteger(in any) (json.Number, bool) {
	switch x := in.(type) {
	case int:
		return json.Number(strconv.Itoa(x)), true
	case int32:
		return json.Number(strconv.FormatInt(int64(x), 10)), true
	case int64:
		return json.Number(strconv.FormatInt(x, 10)), true
	case uint64:
		return json.Number(strconv.FormatUint(x, 10)), true
	}
	return "", false
}

// Describe names a JSON-like input in an error message.
func Describe(in any) string {
	switch x := in.(type) {
	case nil:
		return "null"
	case string:
		return Quote(x)
	case json.Number:
		if len(x) > 80 {
			return string(x[:80]) + "..."
		}
		return string(x)
	case bool:
		return strconv.FormatBool(x)
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	}
	return fmt.Sprintf("a %T", in)
}

// copyDocument checks that in is a document, and keeps it apart from the
// caller's maps. why is empty on success.
func copyDocument(in any, depth int) (doc any, why string) {
	if depth > deepestArray {
		return nil, "nested too deeply"
	}
	if n, ok := goInteger(in); ok {
		in = n
	}
	switch x := in.(type) {
	case nil, bool:
		return in, ""
	case string:
		if !utf8.ValidString(x) {
			return nil, "not valid UTF-8"
		}
		return in, ""
	case json.Number:
		if _, c, ok := parseDecimal(string(x)); !ok || c != finite {
			return nil, "the exponent is too large"
		}
		return in, ""
	case []any:
		list := make([]any, len(x))
		for i := range x {
			if list[i], why = copyDocument(x[i], depth+1); why != "" {
				return nil, why
			}
		}
		return list, ""
	case map[string]any:
		object := make(map[string]any, len(x))
		for k, v := range x {
			if !utf8.ValidString(k) {
				return nil, "not valid UTF-8"
			}
			if object[k], why = copyDocument(v, depth+1); why != "" {
				return nil, why
			}
		}
		return object, ""
	}
	return nil, Describe(in) + " cannot be JSON"
}

func (c *Column) arrayConstant(in any, depth int) (Value, error) {
	if depth > deepestArray {
		return Value{}, c.refuse(in, "nested too deeply")
	}
	if text, ok := in.(string); ok {
		if !utf8.ValidString(text) {
			return Value{}, c.refuse(in, "not valid UTF-8")
		}
		doc, ok := any(nil), false
		if strings.HasPrefix(text, "[") {
			doc, ok = parseDocument(text)
		}
		if !ok {
			return c.Parse(text)
		}
		in = doc
	}
	list, ok := in.([]any)
	if !ok {
		return Value{}, c.refuse(in, "")
	}
	a := &items{elem: c.elem(), list: make([]item, len(list))}
	for i, x := range list {
		var err error
		if a.list[i], err = c.itemConstant(a.elem, x, depth+1); err != nil {
			return Value{}, err
		}
	}
	return Value{kind: Array, zoned: c.Zoned, list: a}, nil
}

func (c *Column) itemConstant(elem *Column, in any, depth int) (item, error) {
	if in == nil {
		return item{null: true}, nil
	}
	if _, ok := in.([]any); ok && elem.Kind != JSON {
		sub, err := c.arrayConstant(in, depth)
		return item{sub: sub.list}, err
	}
	v, err := elem.constant(in, depth)
	return item{value: v}, err
}
