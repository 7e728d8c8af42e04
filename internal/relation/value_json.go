package relation

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
)

// Documents are what encoding/json makes of JSON: nil, bool, json.Number,
// string, []any and map[string]any. Numbers stay text, so that they compare
// exactly.

func parseDocument(text string) (any, bool) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var doc any
	if d.Decode(&doc) != nil {
		return nil, false
	}
	_, err := d.Token()
	return doc, errors.Is(err, io.EOF)
}

// documentClass is the order of jsonb's types.
func documentClass(doc any) int {
	switch doc.(type) {
	case nil:
		return 0
	case string:
		return 1
	case json.Number:
		return 2
	case bool:
		return 3
	case []any:
		return 4
	}
	return 5
}

// compareDocuments orders documents as jsonb does: by type, then containers by
// size and content, scalars by value, strings by code point.
func compareDocuments(a, b any) int {
	if order := documentClass(a) - documentClass(b); order != 0 {
		return order
	}
	switch a := a.(type) {
	case string:
		return strings.Compare(a, b.(string))
	case json.Number:
		return compareNumbers(a, b.(json.Number))
	case bool:
		switch {
		case a == b.(bool):
			return 0
		case a:
			return 1
		}
		return -1
	case []any:
		return compareLists(a, b.([]any))
	case map[string]any:
		return compareObjects(a, b.(map[string]any))
	}
	return 0
}

func compareNumbers(a, b json.Number) int {
	x, xc, xok := parseDecimal(string(a))
	y, yc, yok := parseDecimal(string(b))
	if !xok || !yok { // exponents beyond all bounds
		return strings.Compare(string(a), string(b))
	}
	return compareDecimals(&x, xc, &y, yc)
}

func compareLists(a, b []any) int {
	if order := len(a) - len(b); order != 0 {
		return order
	}
	for i := range a {
		if order := compareDocuments(a[i], b[i]); order != 0 {
			return order
		}
	}
	return 0
}

func compareObjects(a, b map[string]any) int {
	if order := len(a) - len(b); order != 0 {
		return order
	}
	ak, bk := storedKeys(a), storedKeys(b)
	for i := range ak {
		if order := compareStored(ak[i], bk[i]); order != 0 {
			return order
		}
		if order := compareDocuments(a[ak[i]], b[bk[i]]); order != 0 {
			return order
		}
	}
	return 0
}

// storedKeys returns the keys in the order in which jsonb stores them.
func storedKeys(m map[string]any) []string {
	return slices.SortedFunc(maps.Keys(m), compareStored)
}

func compareStored(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// appendDocument writes a document in canonical form: no spaces, keys sorted,
// numbers without needless digits.
func appendDocument(dst []byte, doc any) []byte {
	switch doc := doc.(type) {
	case string:
		return AppendJSONString(dst, doc)
	case json.Number:
		d, _, ok := parseDecimal(string(doc))
		if !ok {
			return append(dst, doc...)
		}
		return d.append(dst)
	case bool:
		if doc {
			return append(dst, "true"...)
		}
		return append(dst, "false"...)
	case []any:
		dst = append(dst, '[')
		for i, e := range doc {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendDocument(dst, e)
		}
		return append(dst, ']')
	case map[string]any:
		dst = append(dst, '{')
		for i, k := range slices.Sorted(maps.Keys(doc)) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(AppendJSONString(dst, k), ':')
			dst = appendDocument(dst, doc[k])
		}
		return append(dst, '}')
	}
	return append(dst, "null"...)
}

// containsDocument is PostgreSQL's a @> b. At the top level, and only there,
// an array also contains a scalar that is one of its elements.
func containsDocument(a, b any, top bool) bool {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok {
			return false
		}
		for k, v := range y {
			if w, ok := x[k]; !ok || !containsDocument(w, v, false) {
				return false
			}
		}
		return true
	case []any:
		y, ok := b.([]any)
		if !ok {
			_, object := b.(map[string]any)
			if object || !top {
				return false
			}
			y = []any{b}
		}
		return !slices.ContainsFunc(y, func(want any) bool {
			return !slices.ContainsFunc(x, func(have any) bool { return containsDocument(have, want, false) })
		})
	}
	return compareDocuments(a, b) == 0
}

// ContainsCell reports whether a cell of v's column, JSON or Array, contains v
// (PostgreSQL's cell @> v). ok is false when the cell cannot be parsed.
func (v *Value) ContainsCell(cell string) (contains, ok bool) {
	if v.kind == Array {
		list, why := parseArray(v.list.elem, cell)
		return why == "" && containsItems(list, v.list), why == ""
	}
	doc, ok := parseDocument(cell)
	return ok && containsDocument(doc, v.doc, true), ok
}

// HasKey reports whether the JSON text of a cell has key as a top-level key,
// string element, or is that string (PostgreSQL's cell ? key). ok is false
// when the cell cannot be parsed.
func HasKey(cell, key string) (has, ok bool) {
	doc, ok := parseDocument(cell)
	if !ok {
		return false, false
	}
	switch doc := doc.(type) {
	case map[string]any:
		_, has = doc[key]
	case []any:
		has = slices.ContainsFunc(doc, func(e any) bool { return e == any(key) })
	case string:
		has = doc == key
	}
	return has, true
}
