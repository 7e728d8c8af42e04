package copytext

import (
	"bytes"
	"fmt"
)

// LineError says that a line is not COPY text, or not of the expected shape.
type LineError struct {
	Reason  string
	Excerpt string // the first bytes of the line; row data, so for debugging only
}

// Error returns the reason, without row data.
func (e *LineError) Error() string { return "malformed line: " + e.Reason }

// excerptMax bounds LineError.Excerpt.
const excerptMax = 80

func malformed(reason string, line []byte) error {
	excerpt := string(line[:min(len(line), excerptMax)])
	if len(line) > excerptMax {
		excerpt += "…"
	}
	return &LineError{Reason: reason, Excerpt: excerpt}
}

// Record holds the fields of one line. The zero Record is ready for use; use
// one for all lines, because it keeps its buffers.
type Record struct {
	text  []byte // the line, or its unescaped copy in buf
	spans []span
	buf   []byte
}

// span is where a field's text stands in Record.text; end < 0 is NULL.
type span struct{ start, end int }

// Parse takes a line without its line end. It returns a *LineError when the
// line does not hold exactly columns fields or an escape is cut off. The
// record refers to line, so the line must outlive the fields' use.
func (r *Record) Parse(line []byte, columns int) error {
	if bytes.IndexByte(line, '\\') >= 0 {
		return r.parseEscaped(line, columns)
	}
	spans := r.spans[:0]
	start := 0
	for {
		i := bytes.IndexByte(line[start:], '\t')
		if i < 0 {
			break
		}
		spans = append(spans, span{start, start + i})
		start += i + 1
		if len(spans) > columns {
			break
		}
	}
	spans = append(spans, span{start, len(line)})
	r.text, r.spans = line, spans
	return r.check(line, columns)
}

func (r *Record) check(line []byte, columns int) error {
	if len(r.spans) != columns {
		got := len(r.spans)
		r.spans = r.spans[:0]
		if got > columns {
			return malformed(fmt.Sprintf("more than %d fields", columns), line)
		}
		return malformed(fmt.Sprintf("%d fields instead of %d", got, columns), line)
	}
	return nil
}

// parseEscaped unescapes the whole line into buf, field by field.
func (r *Record) parseEscaped(line []byte, columns int) error {
	r.spans, r.buf = r.spans[:0], r.buf[:0]
	tab := []byte{'\t'}
	for rest, more := line, true; more && len(r.spans) <= columns; {
		var field []byte
		field, rest, more = bytes.Cut(rest, tab)
		start := len(r.buf)
		if len(field) == 2 && field[0] == '\\' && field[1] == 'N' {
			r.spans = append(r.spans, span{start, -1})
			continue
		}
		var ok bool
		if r.buf, ok = unescape(r.buf, field); !ok {
			r.spans = r.spans[:0]
			return malformed("a field that ends in a backslash", line)
		}
		r.spans = append(r.spans, span{start, len(r.buf)})
	}
	r.text = r.buf
	return r.check(line, columns)
}

// Len returns the number of fields of the line parsed last.
func (r *Record) Len() int { return len(r.spans) }

// Field returns the unescaped text of field i, and false when it is NULL.
func (r *Record) Field(i int) ([]byte, bool) {
	s := r.spans[i]
	if s.end < 0 {
		return nil, false
	}
	return r.text[s.start:s.end:s.end], true
}

// unescape appends the field's text to dst; false: a lone backslash at its end.
func unescape(dst, field []byte) ([]byte, bool) {
	for {
		i := bytes.IndexByte(field, '\\')
		if i < 0 {
			return append(dst, field...), true
		}
		dst = append(dst, field[:i]...)
		field = field[i+1:]
		if len(field) == 0 {
			return dst, false
		}
		c, n := escape(field)
		dst = append(dst, c)
		field = field[n:]
	}
}

// escape returns the byte that the text behind a backslash stands for, and how
// long that text is. A byte without a meaning of its own stands for itself.
func escape(s []byte) (byte, int) {
	switch s[0] {
	case 'b':
		return '\b', 1
	case 'f':
		return '\f', 1
	case 'n':
		return '\n', 1
	case 'r':
		return '\r', 1
	case 't':
		return '\t', 1
	case 'v':
		return '\v', 1
	case 'x':
		if v, n := digits(s[1:], 16, 2); n > 0 {
			return v, n + 1
		}
	case '0', '1', '2', '3', '4', '5', '6', '7':
		return digits(s, 8, 3)
	}
	return s[0], 1
}

// digits reads up to most digits of the base, keeping the lower eight bits as
// PostgreSQL does.
func digits(s []byte, base, most int) (value byte, n int) {
	v := 0
	for n < len(s) && n < most {
		d := digit(s[n])
		if d >= base {
			break
		}
		v = v*base + d
		n++
	}
	return byte(v), n
}

func digit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return 16
}
