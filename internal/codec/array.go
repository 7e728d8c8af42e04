package codec

import (
	"strings"

	"github.com/tycostream/tycostream/internal/relation"
)

// appendArray appends a PostgreSQL array or Materialize list as a JSON array:
// {1,NULL,"a b"}, nested {{1},{2,3}} (lists may be ragged), with or without
// bounds [0:1]= in front, which JSON has no place for.
//
//	start ─'{'─▶ first ─value─▶ after ─','─▶ value …
//	               └──'}'──────────┴─'}'─▶ after, or the end at depth 0
func (c *column) appendArray(dst []byte, text string) ([]byte, bool) {
	s, ok := skipBounds(text)
	if !ok || s == "" || s[0] != '{' {
		return dst, false
	}
	depth, value, first := 0, true, false // a value may come; it would be the first of its list
	for len(s) > 0 {
		switch {
		case s[0] == '{' && value && depth < maxDepth:
			dst, s = append(dst, '['), s[1:]
			depth, first = depth+1, true
		case s[0] == '}' && (!value || first):
			dst, s = append(dst, ']'), s[1:]
			if depth--; depth == 0 {
				return dst, s == ""
			}
			value, first = false, false
		case s[0] == ',' && !value:
			dst, s = append(dst, ','), s[1:]
			value = true
		case value:
			n := elementLen(s)
			if n == 0 {
				return dst, false
			}
			dst = c.appendElement(dst, s[:n])
			s = s[n:]
			value, first = false, false
		default:
			return dst, false
		}
	}
	return dst, false
}

// skipBounds removes a prefix such as "[0:1][-2:5]=".
func skipBounds(s string) (string, bool) {
	if s == "" || s[0] != '[' {
		return s, true
	}
	for s != "" && s[0] == '[' {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return s, false
		}
		lower, upper, ok := strings.Cut(s[1:end], ":")
		if !ok || !isInteger(lower) || !isInteger(upper) {
			return s, false
		}
		s = s[end+1:]
	}
	return strings.CutPrefix(s, "=")
}

// elementLen returns the length of the element that s begins with, quotes
// included, or 0.
func elementLen(s string) int {
	if s[0] == '"' {
		for i := 1; i < len(s); i++ {
			switch s[i] {
			case '\\':
				i++
			case '"':
				return i + 1
			}
		}
		return 0
	}
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case ',', '}':
			return i
		case '{', '"':
			return 0
		case '\\':
			if i++; i == len(s) {
				return 0
			}
		}
	}
	return 0
}

// appendElement appends one element, which is null when its text is.
func (c *column) appendElement(dst []byte, text string) []byte {
	if text == "NULL" {
		return append(dst, "null"...)
	}
	if text[0] == '"' {
		text = text[1 : len(text)-1]
	}
	start := len(dst)
	if strings.IndexByte(text, '\\') >= 0 {
		for i := 0; i < len(text); i++ {
			if text[i] == '\\' {
				i++
			}
			dst = append(dst, text[i])
		}
		if c.elem == relation.String {
			return quoteTail(dst, start)
		}
		text, dst = string(dst[start:]), dst[:start]
	}
	dst, fault := c.appendValue(dst, c.elem, text)
	if fault != 0 {
		c.count(fault)
		return append(dst[:start], "null"...)
	}
	return dst
}
