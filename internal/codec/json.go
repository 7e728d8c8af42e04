package codec

import (
	"strings"
	"unicode/utf8"
)

// maxDepth bounds the nesting of JSON values and arrays; deeper ones are
// malformed. A JSON value in an array in a frame stays below the 10,000 levels
// that encoding/json reads.
const maxDepth = 4_000

// appendCompact appends a JSON text without its insignificant white space,
// which PostgreSQL prints and which may hold line ends that would break lines
// and events. Strings are made valid UTF-8; everything else stays as it is.
func appendCompact(dst []byte, text string) ([]byte, bool) {
	c := compactor{src: text, dst: dst}
	if !c.value(0) {
		return c.dst, false
	}
	c.space()
	return c.dst, c.pos == len(c.src)
}

// compactor is a recursive-descent reader that copies while it checks.
type compactor struct {
	src string
	pos int
	dst []byte
}

// peek skips white space and returns the next byte, 0 at the end.
func (c *compactor) peek() byte {
	c.space()
	if c.pos == len(c.src) {
		return 0
	}
	return c.src[c.pos]
}

func (c *compactor) space() {
	for c.pos < len(c.src) {
		switch c.src[c.pos] {
		case ' ', '\n', '\r', '\t':
			c.pos++
		default:
			return
		}
	}
}

// take copies n bytes.
func (c *compactor) take(n int) {
	c.dst = append(c.dst, c.src[c.pos:c.pos+n]...)
	c.pos += n
}

func (c *compactor) value(depth int) bool {
	if depth > maxDepth {
		return false
	}
	switch c.peek() {
	case '{':
		return c.list('}', depth, true)
	case '[':
		return c.list(']', depth, false)
	case '"':
		return c.string()
	case 't':
		return c.word("true")
	case 'f':
		return c.word("false")
	case 'n':
		return c.word("null")
	}
	n := numberLen(c.src[c.pos:])
	c.take(n)
	return n > 0
}

func (c *compactor) word(w string) bool {
	if !strings.HasPrefix(c.src[c.pos:], w) {
		return false
	}
	c.take(len(w))
	return true
}

// list reads an object or an array up to its closing byte.
func (c *compactor) list(end byte, depth int, keys bool) bool {
	c.take(1)
	if c.peek() == end {
		c.take(1)
		return true
	}
	for {
		if keys {
			if c.peek() != '"' || !c.string() || c.peek() != ':' {
				return false
			}
			c.take(1)
		}
		if !c.value(depth + 1) {
			return false
		}
		switch c.peek() {
		case ',':
			c.take(1)
		case end:
			c.take(1)
			return true
		default:
			return false
		}
	}
}

// string copies a string literal, escapes as they are.
func (c *compactor) string() bool {
	start, i := c.pos, c.pos+1
	for i < len(c.src) {
		switch b := c.src[i]; {
		case b == '"':
			i++
			c.dst = append(c.dst, c.src[start:i]...)
			c.pos = i
			return true
		case b < ' ':
			return false
		case b == '\\':
			n := escapeLen(c.src[i:])
			if n == 0 {
				return false
			}
			i += n
		case b < utf8.RuneSelf:
			i++
		default:
			r, n := utf8.DecodeRuneInString(c.src[i:])
			if r == utf8.RuneError && n == 1 {
				c.dst = append(c.dst, c.src[start:i]...)
				c.dst = append(c.dst, "\ufffd"...)
				start = i + n
			}
			i += n
		}
	}
	return false
}

// escapeLen returns the length of the escape that s begins with, or 0.
func escapeLen(s string) int {
	if len(s) < 2 {
		return 0
	}
	switch s[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(s) < 6 {
			return 0
		}
		for i := 2; i < 6; i++ {
			if b := s[i]; b-'0' > 9 && (b|0x20)-'a' > 5 {
				return 0
			}
		}
		return 6
	}
	return 0
}
