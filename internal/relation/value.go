package relation

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Value is the parsed form of a cell or of a client's constant: two Values of
// one column compare exactly, whatever texts they came from. Immutable. The
// zero Value is the empty string.
type Value struct {
	kind  Kind
	zoned bool    // of a Timestamp
	class class   // of Float, Decimal, Timestamp, Date
	hi    int64   // sign word of integers; seconds, days; rank of an enum; 0 or 1 for Boolean
	lo    uint64  // low word of integers; nanoseconds; bits of a Float
	text  string  // String, UUID and Enumeration: canonical text
	dec   decimal // Decimal
	doc   any     // JSON
	list  *items  // Array
	enum  *Enum
}

// class sorts the values that no digits can express around those they can.
type class int8

const (
	lowest  class = iota - 1 // -infinity
	finite                   // everything ordinary
	highest                  // infinity
	nan                      // not a number: greatest of all and equal to itself, as in PostgreSQL
)

func (c class) String() string {
	switch c {
	case lowest:
		return "-Infinity"
	case highest:
		return "Infinity"
	case nan:
		return "NaN"
	case finite:
	}
	return ""
}

// ParseError says why a text or constant is no value of its column.
type ParseError struct {
	Want string // "an integer"
	Got  string // the offending text, quoted where it is a string
	Why  string // empty when Want says it all
}

// Error implements error.
func (e *ParseError) Error() string {
	s := "expected " + e.Want + ", got " + e.Got
	if e.Why != "" {
		s += ": " + e.Why
	}
	return s
}

// Quote quotes text for an error message and shortens what is too long for one.
func Quote(text string) string {
	const most = 80
	if len(text) > most {
		return strconv.Quote(strings.ToValidUTF8(text[:most], "")) + "..."
	}
	return strconv.Quote(text)
}

var wants = [...]string{
	String:      "a string",
	Integer:     "an integer",
	BigInt:      "a 64-bit integer",
	Float:       "a number",
	Decimal:     "a decimal number",
	UUID:        "a UUID",
	Boolean:     "true or false",
	Timestamp:   "a timestamp such as 2026-01-02T03:04:05Z",
	Date:        "a date such as 2026-01-02",
	Time:        "a time such as 03:04:05",
	JSON:        "a JSON value",
	Array:       "an array",
	Enumeration: "a value of the enum",
}

// want says in words what a value of the column looks like.
func (c *Column) want() string {
	if c.Kind == Enumeration && c.Enum != nil {
		return "one of " + strings.Join(c.Enum.Values, ", ")
	}
	if int(c.Kind) < len(wants) {
		return wants[c.Kind]
	}
	return c.Kind.String()
}

// Parse reads the text of a cell, or of a constant as clients write them: any
// case for UUIDs, ISO 8601 for times, "1e2" for an integer. The error is a
// *[ParseError].
func (c *Column) Parse(text string) (Value, error) {
	v, why, ok := c.parse(text)
	if !ok {
		return Value{}, &ParseError{Want: c.want(), Got: Quote(text), Why: why}
	}
	return v, nil
}

func (c *Column) parse(text string) (v Value, why string, ok bool) {
	v = Value{kind: c.Kind, zoned: c.Zoned, enum: c.Enum}
	switch c.Kind {
	case Integer, BigInt:
		v.hi, v.lo, why = parseInteger(text)
		return v, why, why == ""
	case Float:
		var f float64
		if f, v.class, ok = parseFloat(text); !ok {
			return v, "", false
		}
		v.lo = math.Float64bits(f)
	case Decimal:
		v.dec, v.class, ok = parseDecimal(text)
		return v, "", ok
	case UUID:
		v.text, ok = canonicalUUID(text)
		return v, "", ok
	case Boolean:
		v.hi, ok = parseBool(text)
		return v, "", ok
	case Timestamp, Date, Time:
		var m moment
		m, why = parseMoment(text, c.Kind)
		v.class, v.hi, v.lo = m.class, m.count, uint64(m.nanos)
		return v, why, why == ""
	case JSON:
		v.doc, ok = parseDocument(text)
		return v, "", ok
	case Array:
		v.list, why = parseArray(c.elem(), text)
		return v, why, why == ""
	case Enumeration:
		rank, ok := c.Enum.Rank(text)
		v.hi, v.text = int64(rank), text
		return v, "", ok
	case String:
		v.text = text
	}
	return v, "", true
}

// Compare orders two cells of the column by their meaning: numbers exactly,
// times as times, enums by position, text by code point. When a cell cannot be
// parsed ok is false, and the order is one that still sorts: what can be
// parsed first, the rest after it, by its text.
func (c *Column) Compare(a, b string) (order int, ok bool) {
	if c.Kind == String {
		return strings.Compare(a, b), true
	}
	x, _, xok := c.parse(a)
	y, _, yok := c.parse(b)
	switch {
	case xok && yok:
		return x.Compare(&y), true
	case xok:
		return -1, false
	case yok:
		return 1, false
	}
	return strings.Compare(a, b), false
}

// Text returns a cell as the string that the API shows for it where its
// scalar is one: UUIDs in lower case, times in ISO 8601, JSON and arrays as
// compact JSON. ok is false when the cell is no value of the column.
func (c *Column) Text(cell string) (text string, ok bool) {
	switch c.Kind { //nolint:exhaustive // all others are shown as they are
	case JSON:
		var b bytes.Buffer
		if json.Compact(&b, []byte(cell)) != nil {
			return "", false
		}
		return b.String(), true
	case UUID:
		return canonicalUUID(cell)
	case Timestamp, Array:
		v, _, ok := c.parse(cell)
		if !ok {
			return "", false
		}
		return v.String(), true
	}
	return cell, true
}

// Kind returns the kind of the column that v belongs to.
func (v *Value) Kind() Kind { return v.kind }

// Compare orders two values of one column: negative when v comes before o,
// zero when they are equal. It is a total order.
func (v *Value) Compare(o *Value) int {
	switch v.kind {
	case Integer, BigInt:
		return compareWords(v.hi, v.lo, o.hi, o.lo)
	case Float:
		return compareFloats(math.Float64frombits(v.lo), v.class, math.Float64frombits(o.lo), o.class)
	case Decimal:
		return compareDecimals(&v.dec, v.class, &o.dec, o.class)
	case Boolean, Enumeration:
		return cmp.Compare(v.hi, o.hi)
	case Timestamp, Date, Time:
		return moment{v.class, v.hi, uint32(v.lo)}.compare(moment{o.class, o.hi, uint32(o.lo)}) //nolint:gosec // nanoseconds
	case JSON:
		return compareDocuments(v.doc, o.doc)
	case Array:
		return compareItems(v.list, o.list)
	case String, UUID:
	}
	return strings.Compare(v.text, o.text)
}

// CompareCell orders a cell of v's column against v: negative when the cell
// comes first. ok is false when the cell is no value of that column. It does
// not allocate, JSON and Array apart.
func (v *Value) CompareCell(cell string) (order int, ok bool) {
	switch v.kind {
	case String:
		return strings.Compare(cell, v.text), true
	case Integer, BigInt:
		hi, lo, why := parseInteger(cell)
		return compareWords(hi, lo, v.hi, v.lo), why == ""
	case Float:
		f, class, ok := parseFloat(cell)
		return compareFloats(f, class, math.Float64frombits(v.lo), v.class), ok
	case Decimal:
		d, class, ok := parseDecimal(cell)
		return compareDecimals(&d, class, &v.dec, v.class), ok
	case Boolean:
		b, ok := parseBool(cell)
		return cmp.Compare(b, v.hi), ok
	case Timestamp, Date, Time:
		m, why := parseMoment(cell, v.kind)
		return m.compare(moment{v.class, v.hi, uint32(v.lo)}), why == "" //nolint:gosec // nanoseconds
	case Enumeration:
		rank, ok := v.enum.Rank(cell)
		return cmp.Compare(int64(rank), v.hi), ok
	case UUID:
		if cell == v.text {
			return 0, true
		}
		u, ok := canonicalUUID(cell)
		return strings.Compare(u, v.text), ok
	case JSON:
		doc, ok := parseDocument(cell)
		return compareDocuments(doc, v.doc), ok
	case Array:
		list, why := parseArray(v.list.elem, cell)
		return compareItems(list, v.list), why == ""
	}
	return 0, false
}

// String returns the canonical text of v: equal for equal values of a column.
// Numbers have no needless digits, times are ISO 8601, instants in UTC.
func (v *Value) String() string { return string(v.AppendText(nil)) }

// AppendText appends the canonical text of v, as String returns it.
func (v *Value) AppendText(dst []byte) []byte {
	if v.class != finite && (v.kind == Float || v.kind == Decimal) {
		return append(dst, v.class.String()...)
	}
	switch v.kind {
	case Integer, BigInt:
		if v.hi < 0 {
			return strconv.AppendInt(dst, int64(v.lo), 10) //nolint:gosec // two's complement
		}
		return strconv.AppendUint(dst, v.lo, 10)
	case Float:
		return appendFloat(dst, math.Float64frombits(v.lo))
	case Decimal:
		return v.dec.append(dst)
	case Boolean:
		return strconv.AppendBool(dst, v.hi != 0)
	case Timestamp, Date, Time:
		return moment{v.class, v.hi, uint32(v.lo)}.append(dst, v.kind, v.zoned) //nolint:gosec // nanoseconds
	case JSON:
		return appendDocument(dst, v.doc)
	case Array:
		return appendItems(dst, v.list)
	case String, UUID, Enumeration:
	}
	return append(dst, v.text...)
}

// AppendJSON appends v as JSON, in the form that the API uses for the kind:
// Integer and Float as numbers, Boolean, JSON and Array as they are, all others
// as strings. Constant reads it back.
func (v *Value) AppendJSON(dst []byte) []byte {
	switch v.kind { //nolint:exhaustive // every other kind is a string
	case Integer, Boolean, JSON, Array:
		return v.AppendText(dst)
	case Float:
		if v.class == finite {
			return v.AppendText(dst)
		}
	}
	return AppendJSONString(dst, v.String())
}

// GoString makes test failures readable.
func (v *Value) GoString() string { return fmt.Sprintf("%v(%s)", v.kind, v) }

func parseBool(text string) (int64, bool) {
	switch text {
	case "t", "true":
		return 1, true
	case "f", "false":
		return 0, true
	}
	return 0, false
}

const (
	lowerHex = 1 << iota // or a digit
	upperHex
	notHex
)

// hexClass classifies bytes as hexadecimal digits.
var hexClass = func() (table [256]uint8) {
	for i := range table {
		switch c := byte(i); {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f':
			table[i] = lowerHex
		case c >= 'A' && c <= 'F':
			table[i] = upperHex
		default:
			table[i] = notHex
		}
	}
	return table
}()

// canonicalUUID accepts what PostgreSQL accepts in practice: 32 hexadecimal
// digits of any case, with the four usual dashes or none, braces or none.
func canonicalUUID(text string) (string, bool) {
	t := text
	if len(t) > 2 && t[0] == '{' && t[len(t)-1] == '}' {
		t = t[1 : len(t)-1]
	}
	dashes := len(t) == 36
	if !dashes && len(t) != 32 {
		return "", false
	}
	seen := uint8(0)
	for i := range len(t) {
		if dashes && (i == 8 || i == 13 || i == 18 || i == 23) {
			if t[i] != '-' {
				return "", false
			}
			continue
		}
		seen |= hexClass[t[i]]
	}
	if seen&notHex != 0 {
		return "", false
	}
	if seen&upperHex != 0 {
		t = strings.ToLower(t)
	}
	if !dashes {
		t = t[:8] + "-" + t[8:12] + "-" + t[12:16] + "-" + t[16:20] + "-" + t[20:]
	}
	return t, true
}
