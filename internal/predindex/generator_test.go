package predindex

import (
	"encoding/json"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/tycostream/tycostream/internal/filter"
	"github.com/tycostream/tycostream/internal/relation"
)

// pool is what a column is filled with and compared to. The cells have several
// spellings of one value, and texts that are no value at all.
type pool struct {
	cells, constants []string // constants in JSON
}

var pools = [...]pool{
	relation.String: {
		[]string{"", "a", "ab", "A", "b\xff", "é", "NULL", "10"},
		[]string{`""`, `"a"`, `"ab"`, `"A"`, `"é"`, `"10"`, `"zz"`},
	},
	relation.Integer: {
		[]string{"0", "-0", "00", "7", "+7", "0.7e1", "-5", "-05", "100", "1e2", "9007199254740993", "1x", "", "-", "99999999999999999999"},
		[]string{"0", "-0", "7", "-5", "100", "1e2", "9007199254740992", "9007199254740993"},
	},
	relation.BigInt: {
		[]string{"-9223372036854775808", "-9223372036854775809", "-1", "9007199254740992", "9007199254740993", "18446744073709551615", "9999999999999999999", "x"},
		[]string{`"-9223372036854775808"`, "-1", "9007199254740992", `"9007199254740993"`, `"18446744073709551615"`, `"9999999999999999999"`},
	},
	relation.Float: {
		[]string{"-Infinity", "-1.5", "-1.5e0", "0", "-0", "1e-07", "0.1", "0.10000000000000000001", "1e+16", "10000000000000000", "Infinity", "NaN", "one", ""},
		[]string{`"-Infinity"`, "-1.50", "0.0", "1e-7", "0.1", "1e16", `"Infinity"`, `"NaN"`},
	},
	relation.Decimal: {
		[]string{
			"-2", "-2.00", "0", "0.00", "-0.00", "00.10", "0.1", "0.10", ".1", "5.", "0.10000000000000000001", "1.5", "1.50", "100", "1e2", "1,5",
			"12345678901234567890123456789012345678901234567890", "1e60", "NaN", "Infinity", "", "-", ".", "1.2.3",
			"0.00000000000000000000000000000000000000000000000001",
		},
		[]string{
			"-2", "0", "0.1", "5", "0.10000000000000000001", "1.50", "100", "1e60", `"NaN"`, `"Infinity"`, "1e-50",
			"12345678901234567890123456789012345678901234567890.0",
		},
	},
	relation.UUID: {
		[]string{
			"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "{a0eebc999c0b4ef8bb6d6bb9bd380a11}",
			"0aeebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "zaeebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0ee",
		},
		[]string{`"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"`, `"0AEEBC99-9c0b-4ef8-bb6d-6bb9bd380a11"`},
	},
	relation.Boolean: {
		[]string{"t", "f", "true", "false", "maybe", ""},
		[]string{"true", "false"},
	},
	relation.Timestamp: {
		[]string{
			"-infinity", "0044-03-15 00:00:00+00 BC", "2026-01-02 03:04:05+00", "2026-01-02 08:34:05+05:30", "2026-01-02 03:04:05.5+00", "2026-01-02 03:04:05",
			"12026-01-02 03:04:05+00", "infinity", "2026-02-30 00:00:00", "today",
		},
		[]string{`"-infinity"`, `"0044-03-15 BC"`, `"2026-01-02T05:04:05.000+02:00"`, `"2026-01-02T03:04:05.500Z"`, `"12026-01-02T03:04:05Z"`, `"infinity"`},
	},
	relation.Date: {
		[]string{"0001-12-31 BC", "0000-12-31", "-001-12-31", "2024-02-29", "02024-02-29", "2024-03-01", "2023-02-29", "infinity", "2026"},
		[]string{`"0001-12-31 BC"`, `"2024-02-29"`, `"2024-03-01"`, `"infinity"`},
	},
	relation.Time: {
		[]string{"03:04:00", "03:04", "03:04:05.1", "03:04:05.100", "24:00:00", "05:04:00+02", "noon"},
		[]string{`"03:04"`, `"03:04:05.100"`, `"24:00"`},
	},
	relation.JSON: {
		[]string{`"x"`, "1", "1.0", "[1,2]", "[1, 2.0]", `{"a":1}`, `{"a": 1}`, `{"a":1,"b":[]}`, `{"b":[],"a":1}`, "null", `"\ud800"`, "{", "1e9999999"},
		[]string{`"x"`, "1", "[1,2]", `{"a":1.0}`, `{"b":[],"a":1}`, `"\ufffd"`},
	},
	relation.Array: {
		[]string{"{}", "{1,2}", "[0:1]={1,2}", "{1,02}", "{NULL}", "{null}", "{{1}}", `{"[1]"}`, "{10}", "{", ""},
		[]string{"[]", "[1,2]", "[null]", "[[1]]", `"{10}"`, `"{null}"`, `"{{1}}"`},
	},
	relation.Enumeration: {
		[]string{"buy", "sell", "short", "hold", ""},
		[]string{`"buy"`, `"sell"`, `"short"`},
	},
}

var side = &relation.Enum{Name: "side", Values: []string{"buy", "sell", "short"}}

// generator makes random schemas, rows and filters.
type generator struct{ *rand.Rand }

func newGenerator(seed uint64) generator { return generator{rand.New(rand.NewPCG(seed, 1))} }

func pick[T any](g generator, list []T) T { return list[g.IntN(len(list))] }

func (g generator) schema() *relation.Schema {
	s := &relation.Schema{Key: []int{0}}
	width := 1 + g.IntN(5)
	if g.IntN(8) == 0 {
		width = 70 // more than a word of a column set
	}
	for i := range width {
		c := relation.Column{Kind: relation.Kind(g.IntN(len(pools))), Zoned: g.IntN(2) == 0}
		c.Name = "c" + strconv.Itoa(i)
		c.Field = c.Name
		switch c.Kind { //nolint:exhaustive // the others need nothing
		case relation.Enumeration:
			c.Enum = side
		case relation.Array:
			c.Elem = pick(g, []relation.Kind{relation.String, relation.Integer, relation.JSON})
		}
		s.Columns = append(s.Columns, c)
	}
	return s
}

func (g generator) cell(b *relation.Builder, c *relation.Column) {
	if g.IntN(8) == 0 {
		b.AppendNull()
		return
	}
	b.AppendString(g.text(c.Kind))
}

// text is a cell, in columns of strings half of the time one that patterns may
// match.
func (g generator) text(k relation.Kind) string {
	if k == relation.String && g.IntN(2) == 0 {
		return g.word("a", "b", "A", "ab", "aab", "é", "É", "1", "k", "\u212a", "s", "ſ", "\ufffd", "\xff", "%", "_")
	}
	return pick(g, pools[k].cells)
}

func (g generator) word(parts ...string) string {
	var b strings.Builder
	for range g.IntN(6) {
		b.WriteString(pick(g, parts))
	}
	return b.String()
}

// like is a LIKE pattern: of parts, or of what stands in some cell.
func (g generator) like(k relation.Kind) string {
	if g.IntN(2) == 0 {
		return g.word("a", "b", "A", "ab", "é", "1", "K", "s", "\ufffd", "_", "%", "%", "%", `\_`, `\%`)
	}
	text := []rune(g.text(k))
	start := g.IntN(len(text) + 1)
	end := start + g.IntN(len(text)-start+1)
	escaped := strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(string(text[start:end]))
	return pick(g, []string{"%", "", "_", "%"}) + escaped + pick(g, []string{"%", "", "_", "%"})
}

func (g generator) regex(k relation.Kind) string {
	if g.IntN(3) == 0 {
		return pick(g, []string{"^", ""}) + regexp.QuoteMeta(g.text(k)) + pick(g, []string{"$", "", ".*[0-9]"})
	}
	return g.word("a", "b", "ab", "é", "k", "s", "^", "$", ".", "a+", "b*", "(ab)?", "[ab]", "[0-9]", "(a|b1)", "(?i:ab)", "|", "a.b", `\x{fffd}`)
}

// row returns a row, sometimes none, in which most cells are those of like.
func (g generator) row(s *relation.Schema, like relation.Row) relation.Row {
	if g.IntN(8) == 0 {
		return ""
	}
	if like != "" && g.IntN(8) == 0 {
		return like
	}
	var b relation.Builder
	for i := range s.Columns {
		if like != "" && g.IntN(3) > 0 {
			b.AppendCell(like.Cell(i))
		} else {
			g.cell(&b, &s.Columns[i])
		}
	}
	return b.Row()
}

// predicate compiles a random filter: of ordinary shape, or of any.
func (g generator) predicate(tb testing.TB, s *relation.Schema) *filter.Predicate {
	tb.Helper()
	for {
		where := g.where(s, 3)
		if g.IntN(3) > 0 {
			where = g.where(s, 0)
		}
		if p, err := filter.Compile(s, where); err == nil { // an element may be none of its array's kind
			return p
		}
	}
}

func (g generator) where(s *relation.Schema, depth int) map[string]any {
	w := map[string]any{}
	for range 1 + g.IntN(3) {
		switch n := g.IntN(8); {
		case n == 0 && depth > 0:
			w["_not"] = g.where(s, depth-1)
		case n <= 3 && depth > 0:
			list := make([]any, g.IntN(4))
			for i := range list {
				list[i] = g.where(s, depth-1)
			}
			w[pick(g, []string{"_and", "_or", "_or"})] = list
		default:
			c := &s.Columns[g.IntN(min(len(s.Columns), 5))]
			if g.IntN(20) == 0 {
				c = &s.Columns[len(s.Columns)-1]
			}
			w[c.Field] = g.comparisons(c)
		}
	}
	if g.IntN(100) == 0 {
		return map[string]any{}
	}
	return w
}

func (g generator) comparisons(c *relation.Column) map[string]any {
	m := map[string]any{}
	for range 1 + g.IntN(2) {
		name := pick(g, filter.Operators(c.Kind))
		if g.IntN(3) == 0 {
			name = pick(g, []string{"_eq", "_in", "_gt", "_gte", "_lt", "_lte"})
		}
		switch {
		case name == "_is_null":
			m[name] = g.IntN(2) == 0
		case name == "_in" || name == "_nin":
			list := make([]any, 1+g.IntN(3))
			for i := range list {
				list[i] = g.constant(c)
			}
			m[name] = list
		case strings.HasSuffix(name, "like"):
			m[name] = g.like(c.Kind)
		case strings.HasSuffix(name, "regex"):
			m[name] = g.regex(c.Kind)
		case name == "_has_key":
			m[name] = "a"
		default:
			m[name] = g.constant(c)
		}
	}
	return m
}

func (g generator) constant(c *relation.Column) any {
	return decode(pick(g, pools[c.Kind].constants))
}

func decode(text string) any {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		panic(text + ": " + err.Error())
	}
	return v
}

func compile(tb testing.TB, s *relation.Schema, where string) *filter.Predicate {
	tb.Helper()
	p, err := filter.Compile(s, decode(where))
	if err != nil {
		tb.Fatalf("%s: %v", where, err)
	}
	return p
}

func show(s *relation.Schema, r relation.Row) string {
	if r == "" {
		return "no row"
	}
	var list []string
	for i := range s.Columns {
		text := "NULL"
		if cell, ok := r.Cell(i); ok {
			text = strconv.Quote(cell)
		}
		list = append(list, s.Columns[i].Field+"="+text)
	}
	return strings.Join(list, " ")
}
