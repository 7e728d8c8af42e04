package codec

import (
	"strings"
	"sync/atomic"

	"github.com/tycostream/tycostream/internal/relation"
)

// column is what encoding needs to know of a relation.Column.
type column struct {
	kind   relation.Kind
	elem   relation.Kind
	enum   *relation.Enum
	zoned  bool
	asText bool                   // a JSON or Array value becomes a string of its text
	bare   bool                   // a BigInt is a number, not a string; false for elements
	counts *[faults]atomic.Uint64 // nil: not counted
}

func newColumn(sh *Shape, i int) *column {
	src := &sh.Schema.Columns[i]
	c := &column{kind: src.Kind, elem: src.Elem, enum: src.Enum, zoned: src.Zoned}
	if c.kind == relation.JSON || c.kind == relation.Array {
		c.asText = sh.StringScalars
	}
	if c.elem == relation.Array { // dimensions are in the text, not in the type
		c.elem = relation.String
	}
	if sh.Anomalies != nil {
		c.counts = &sh.Anomalies.counts[i]
	}
	return c
}

// append appends the JSON of a cell's text.
func (c *column) append(dst []byte, text string) []byte {
	start := len(dst)
	dst, fault := c.appendValue(dst, c.kind, text)
	if fault != 0 {
		c.count(fault)
		return append(dst[:start], "null"...)
	}
	if c.asText {
		return quoteTail(dst, start)
	}
	return dst
}

func (c *column) count(f Fault) {
	if c.counts != nil {
		c.counts[f-1].Add(1)
	}
}

// appendValue appends text as a value of the given kind: the column's own, or
// its elements'. When it returns a fault, what it appended is of no use.
func (c *column) appendValue(dst []byte, kind relation.Kind, text string) ([]byte, Fault) {
	ok := true
	switch kind {
	case relation.String:
		return relation.AppendJSONString(dst, text), 0
	case relation.Integer:
		return appendInteger(dst, text)
	case relation.Float:
		dst, ok = appendFloat(dst, text)
	case relation.BigInt:
		text = withoutZeros(text)
		if ok = isInteger(text); ok && c.bare {
			return append(dst, text...), 0
		}
		dst, ok = appendPlain(dst, text, ok)
	case relation.Decimal:
		dst, ok = appendPlain(dst, text, isNumber(text) || isSpecialNumber(text))
	case relation.UUID:
		start := len(dst)
		if dst, ok = appendUUID(dst, text); !ok {
			return relation.AppendJSONString(dst[:start], text), 0
		}
	case relation.Boolean:
		dst, ok = appendBoolean(dst, text)
	case relation.Timestamp:
		dst, ok = appendTimestamp(dst, text, c.zoned)
	case relation.Date:
		dst, ok = appendPlain(dst, text, isDate(text))
	case relation.Time:
		dst, ok = appendPlain(dst, text, isTime(text))
	case relation.JSON:
		dst, ok = appendCompact(dst, text)
	case relation.Array:
		dst, ok = c.appendArray(dst, text)
	case relation.Enumeration:
		return c.appendEnum(dst, text)
	}
	if !ok {
		return dst, Malformed
	}
	return dst, 0
}

// appendPlain quotes text that needs no escape: ok says that it holds only
// such bytes.
func appendPlain(dst []byte, text string, ok bool) ([]byte, bool) {
	if !ok {
		return dst, false
	}
	dst = append(dst, '"')
	dst = append(dst, text...)
	return append(dst, '"'), true
}

func (c *column) appendEnum(dst []byte, text string) ([]byte, Fault) {
	if c.enum != nil {
		if _, ok := c.enum.Rank(text); !ok {
			return dst, OutsideEnum
		}
	}
	return relation.AppendJSONString(dst, text), 0
}

func appendBoolean(dst []byte, text string) ([]byte, bool) {
	switch text {
	case "t", "true":
		return append(dst, "true"...), true
	case "f", "false":
		return append(dst, "false"...), true
	}
	return dst, false
}

// appendUUID writes lower case with dashes. Databases print that; a column
// declared UUID over text may hold capitals, braces or bare digits, and other
// texts: those are passed on as they are, since GraphQL's ID is any string and
// a key must not become null.
func appendUUID(dst []byte, text string) ([]byte, bool) {
	const bare, dashed = 32, 36
	if len(text) > 2 && text[0] == '{' && text[len(text)-1] == '}' {
		text = text[1 : len(text)-1]
	}
	if len(text) != bare && len(text) != dashed {
		return dst, false
	}
	dst = append(dst, '"')
	digits := 0
	for i := range len(text) {
		b := text[i]
		if len(text) == dashed && (i == 8 || i == 13 || i == 18 || i == 23) {
			if b != '-' {
				return dst, false
			}
			continue
		}
		switch {
		case b-'0' <= 9, b-'a' <= 5:
		case b-'A' <= 5:
			b |= 0x20
		default:
			return dst, false
		}
		if digits == 8 || digits == 12 || digits == 16 || digits == 20 {
			dst = append(dst, '-')
		}
		digits++
		dst = append(dst, b)
	}
	return append(dst, '"'), true
}

// withoutZeros returns "5" for "5.00": what an integer column declared over
// numeric(10,2) holds. Other fractions are no integers.
func withoutZeros(text string) string {
	if point := strings.IndexByte(text, '.'); point >= 0 && point < len(text)-1 && strings.Trim(text[point+1:], "0") == "" {
		return text[:point]
	}
	return text
}

func appendInteger(dst []byte, text string) ([]byte, Fault) {
	if !isInteger(text) {
		if text = withoutZeros(text); !isInteger(text) {
			return dst, Malformed
		}
	}
	digits := strings.TrimPrefix(text, "-")
	const limit = "2147483648" // of negative numbers; one less of positive ones
	switch {
	case len(digits) < len(limit):
	case len(digits) > len(limit), digits > limit:
		return dst, OutsideInt32
	case digits == limit && len(digits) == len(text):
		return dst, OutsideInt32
	}
	return append(dst, text...), 0
}

// appendFloat keeps the digits as they are: parsing and printing would lose
// those of a column declared Float over numeric.
func appendFloat(dst []byte, text string) ([]byte, bool) {
	if isNumber(text) {
		return append(dst, text...), true
	}
	if isSpecialNumber(text) {
		return append(dst, "null"...), true
	}
	return dst, false
}

func isSpecialNumber(s string) bool {
	return s == "NaN" || s == "Infinity" || s == "-Infinity"
}

func isInteger(s string) bool {
	n := integerLen(s)
	return n > 0 && n == len(s)
}

// isNumber reports whether s is a number in JSON's grammar. All that
// PostgreSQL and Materialize print for finite numbers is.
func isNumber(s string) bool {
	n := numberLen(s)
	return n > 0 && n == len(s)
}

// numberLen returns the length of the JSON number that s begins with, or 0.
func numberLen(s string) int {
	i := integerLen(s)
	if i == 0 {
		return 0
	}
	if i < len(s) && s[i] == '.' {
		n := digitsLen(s[i+1:])
		if n == 0 {
			return 0
		}
		i += 1 + n
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		n := digitsLen(s[i:])
		if n == 0 {
			return 0
		}
		i += n
	}
	return i
}

// integerLen returns the length of the JSON integer that s begins with, or 0.
func integerLen(s string) int {
	i := 0
	if i < len(s) && s[i] == '-' {
		i++
	}
	n := digitsLen(s[i:])
	if n == 0 || n > 1 && s[i] == '0' {
		return 0
	}
	return i + n
}

func digitsLen(s string) int {
	i := 0
	for i < len(s) && s[i]-'0' <= 9 {
		i++
	}
	return i
}
