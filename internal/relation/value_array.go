package relation

import "strings"

// items is a parsed array or list, possibly of arrays.
type items struct {
	elem *Column // what the innermost elements are
	list []item
}

// item is a sub-array, NULL or a value.
type item struct {
	sub   *items
	null  bool
	value Value
}

const deepestArray = 64

// elem returns a column that stands for the elements of an Array column.
// Elements that have no kind of their own are strings.
func (c *Column) elem() *Column {
	kind := c.Elem
	if kind == Enumeration || kind == Array {
		kind = String
	}
	return &Column{Kind: kind, Zoned: c.Zoned}
}

// parseArray reads the text of an array: "{1,NULL,\"a b\"}", lower bounds
// before it ("[0:1]={1,2}") ignored. why is empty on success.
func parseArray(elem *Column, text string) (list *items, why string) {
	if strings.HasPrefix(text, "[") {
		if i := strings.Index(text, "]={"); i > 0 {
			text = text[i+2:]
		}
	}
	s := arrayScanner{elem: elem, rest: text}
	list = s.array(1)
	if s.why == "" && s.rest != "" {
		s.why = malformed
	}
	return list, s.why
}

type arrayScanner struct {
	elem *Column
	rest string
	why  string
}

func (s *arrayScanner) skip(c byte) bool {
	if s.rest != "" && s.rest[0] == c {
		s.rest = s.rest[1:]
		return true
	}
	return false
}

func (s *arrayScanner) array(depth int) *items {
	a := &items{elem: s.elem}
	if depth > deepestArray || !s.skip('{') {
		s.why = malformed
		return a
	}
	if s.skip('}') {
		return a
	}
	for s.why == "" {
		a.list = append(a.list, s.item(depth))
		switch {
		case s.skip(','):
		case s.skip('}'):
			return a
		default:
			s.why = malformed
		}
	}
	return a
}

func (s *arrayScanner) item(depth int) item {
	var text string
	switch {
	case strings.HasPrefix(s.rest, "{"):
		return item{sub: s.array(depth + 1)}
	case s.skip('"'):
		text = s.quoted()
	default:
		end := strings.IndexAny(s.rest, `,}"{\`)
		if end <= 0 || s.rest[end] == '"' || s.rest[end] == '{' || s.rest[end] == '\\' {
			s.why = malformed
			return item{}
		}
		text, s.rest = s.rest[:end], s.rest[end:]
		if text == "NULL" {
			return item{null: true}
		}
	}
	v, _, ok := s.elem.parse(text)
	if !ok && s.why == "" {
		s.why = "an element is not " + s.elem.want()
	}
	return item{value: v}
}

// quoted reads up to the closing quote; a backslash takes the next byte as it is.
func (s *arrayScanner) quoted() string {
	var b strings.Builder
	for {
		i := strings.IndexAny(s.rest, `"\`)
		if i < 0 || s.rest[i] == '\\' && i+1 == len(s.rest) {
			s.why = malformed
			return ""
		}
		b.WriteString(s.rest[:i])
		if s.rest[i] == '"' {
			s.rest = s.rest[i+1:]
			return b.String()
		}
		b.WriteByte(s.rest[i+1])
		s.rest = s.rest[i+2:]
	}
}

// compareItems orders arrays element by element, then by length. NULL is the
// greatest element, as in PostgreSQL, and equal to itself.
func compareItems(a, b *items) int {
	for i := range min(len(a.list), len(b.list)) {
		x, y := &a.list[i], &b.list[i]
		order := x.class() - y.class()
		switch {
		case order != 0:
		case x.sub != nil:
			order = compareItems(x.sub, y.sub)
		case !x.null:
			order = x.value.Compare(&y.value)
		}
		if order != 0 {
			return order
		}
	}
	return len(a.list) - len(b.list)
}

func (i *item) class() int {
	switch {
	case i.null:
		return 2
	case i.sub != nil:
		return 1
	}
	return 0
}

// appendItems writes an array as JSON.
func appendItems(dst []byte, a *items) []byte {
	dst = append(dst, '[')
	for i := range a.list {
		if i > 0 {
			dst = append(dst, ',')
		}
		switch x := &a.list[i]; {
		case x.null:
			dst = append(dst, "null"...)
		case x.sub != nil:
			dst = appendItems(dst, x.sub)
		default:
			dst = x.value.AppendJSON(dst)
		}
	}
	return append(dst, ']')
}

// containsItems reports whether every element of b occurs in a, at any depth,
// as PostgreSQL's @> does for arrays. NULL occurs nowhere.
func containsItems(a, b *items) bool {
	for i := range b.list {
		switch x := &b.list[i]; {
		case x.null:
			return false
		case x.sub != nil:
			if !containsItems(a, x.sub) {
				return false
			}
		case !a.holds(&x.value):
			return false
		}
	}
	return true
}

func (a *items) holds(v *Value) bool {
	for i := range a.list {
		switch x := &a.list[i]; {
		case x.null:
		case x.sub != nil:
			if x.sub.holds(v) {
				return true
			}
		case x.value.Compare(v) == 0:
			return true
		}
	}
	return false
}
