package filter

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"

	"github.com/tycostream/tycostream/internal/relation"
)

// The reference knows nothing of parsing: each column has a list of classes in
// ascending order, a class being all spellings of one value, as cells and as
// constants in JSON. Comparing is comparing positions, and logic is Kleene's,
// over the input as it is.

type class struct {
	cells     []string
	constants []string // JSON
}

// pools has the classes by column; the texts in unreadable count as NULL.
var pools = map[string][]class{
	"id": {
		{[]string{"-5", "-05"}, []string{"-5", "-5.0"}},
		{[]string{"0"}, []string{"0", "-0"}},
		{[]string{"7"}, []string{"7", "0.7e1"}},
		{[]string{"100"}, []string{"100", "1e2", "100.00"}},
		{[]string{"9007199254740992"}, []string{"9007199254740992"}},
		{[]string{"9007199254740993"}, []string{"9007199254740993"}},
	},
	"bigCount": {
		{[]string{"-9223372036854775808"}, []string{"-9223372036854775808", `"-9223372036854775808"`}},
		{[]string{"-1"}, []string{"-1", `"-1"`}},
		{[]string{"9007199254740992"}, []string{"9007199254740992"}},
		{[]string{"9007199254740993"}, []string{"9007199254740993", `"9007199254740993"`}},
		{[]string{"18446744073709551615"}, []string{`"18446744073709551615"`}},
	},
	"ratio": {
		{[]string{"-Infinity"}, []string{`"-Infinity"`}},
		{[]string{"-1.5", "-1.5e0"}, []string{"-1.5", "-1.50"}},
		{[]string{"0", "-0"}, []string{"0", "0.0", "-0"}},
		{[]string{"1e-07", "1e-7"}, []string{"1e-7", "0.0000001"}},
		{[]string{"0.1"}, []string{"0.1", "1e-1"}},
		{[]string{"1e+16", "10000000000000000"}, []string{"1e16", "10000000000000000"}},
		{[]string{"Infinity"}, []string{`"Infinity"`}},
		{[]string{"NaN"}, []string{`"NaN"`}},
	},
	"price": {
		{[]string{"-2"}, []string{"-2", `"-2.00"`}},
		{[]string{"0.1", "0.10"}, []string{"0.1", `"0.100"`, "1e-1"}},
		{[]string{"0.10000000000000000001"}, []string{"0.10000000000000000001"}},
		{[]string{"1.5", "1.50"}, []string{"1.5", "1.50", `"1.5"`, "15e-1"}},
		{[]string{"12345678901234567890123456789"}, []string{"12345678901234567890123456789", `"12345678901234567890123456789.0"`}},
		{[]string{"NaN"}, []string{`"NaN"`}},
	},
	"name": {
		{[]string{""}, []string{`""`}},
		{[]string{"A%"}, []string{`"A%"`}},
		{[]string{"Ab"}, []string{`"Ab"`}},
		{[]string{"a_b\nc"}, []string{`"a_b\nc"`}},
		{[]string{"ab"}, []string{`"ab"`}},
		{[]string{"xabx"}, []string{`"xabx"`}},
		{[]string{"éa😀b"}, []string{`"éa😀b"`, `"\u00e9a😀b"`}},
	},
	"ref": {
		{[]string{"0aeebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}, []string{`"0AEEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"`}},
		{[]string{"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"}, []string{`"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"`, `"A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11"`}},
	},
	"live": {
		{[]string{"f"}, []string{"false"}},
		{[]string{"t"}, []string{"true"}},
	},
	"at": {
		{[]string{"-infinity"}, []string{`"-infinity"`}},
		{[]string{"0044-03-15 00:00:00+00 BC"}, []string{`"-0043-03-15T00:00:00Z"`, `"0044-03-15 BC"`}},
		{[]string{"2026-01-02 03:04:05+00", "2026-01-02 08:34:05+05:30"}, []string{`"2026-01-02T03:04:05Z"`, `"2026-01-02T05:04:05.000+02:00"`}},
		{[]string{"2026-01-02 03:04:05.5+00"}, []string{`"2026-01-02T03:04:05.500Z"`}},
		{[]string{"12026-01-02 03:04:05+00"}, []string{`"12026-01-02T03:04:05Z"`}},
		{[]string{"infinity"}, []string{`"infinity"`}},
	},
	"wall": {
		{[]string{"2026-01-02 00:00:00"}, []string{`"2026-01-02"`, `"2026-01-02T00:00:00"`}},
		{[]string{"2026-01-02 03:04:05.123456"}, []string{`"2026-01-02T03:04:05.123456"`}},
	},
	"day": {
		{[]string{"0001-12-31 BC"}, []string{`"0001-12-31 BC"`}},
		{[]string{"2024-02-29"}, []string{`"2024-02-29"`}},
		{[]string{"2024-03-01"}, []string{`"2024-03-01"`}},
	},
	"clock": {
		{[]string{"03:04:00"}, []string{`"03:04"`, `"03:04:00"`}},
		{[]string{"03:04:05.1"}, []string{`"03:04:05.100"`}},
		{[]string{"24:00:00"}, []string{`"24:00"`}},
	},
	"doc": {
		{[]string{`"x"`}, []string{`"x"`}},
		{[]string{"1", "1.0"}, []string{"1", "1.00"}},
		{[]string{"[1,2]", "[1, 2.0]"}, []string{"[1,2]"}},
		{[]string{`{"a":1}`, `{"a": 1}`}, []string{`{"a":1}`}},
		{[]string{`{"a":1,"b":[]}`, `{"b":[],"a":1}`}, []string{`{"b":[],"a":1.0}`}},
	},
	"tags": {
		{[]string{"{}"}, []string{"[]", `"{}"`}},
		{[]string{"{1,2}"}, []string{"[1,2]", `"{1,2}"`}},
		{[]string{"{10}"}, []string{"[10]"}},
	},
	"side": {
		{[]string{"buy"}, []string{`"buy"`}},
		{[]string{"sell"}, []string{`"sell"`}},
		{[]string{"short"}, []string{`"short"`}},
	},
}

// unreadable cells count as NULL.
var unreadable = map[string]string{
	"id": "1x", "bigCount": "99999999999999999999", "ratio": "one", "price": "1,5", "ref": "a0ee", "live": "maybe",
	"at": "today", "wall": "2026-02-30 00:00:00", "day": "2026", "clock": "noon", "side": "hold",
}

var patternPool = []string{"", "%", "a%", "%b", "%a%", "_b", "a\\_b%", "A\\%", "é_😀%", "%b%c", "__", "AB", "%B", "_%_"}

var regexPool = []string{"", "a", "^a", "b$", "^ab$", "a.b", "[ab]+", "^A", "x|é", "a.b.c", "😀", "^$", "(?i)B"}

// position returns the class of a cell, or -1 for NULL.
func position(field string, cell string, ok bool) int {
	if !ok {
		return -1
	}
	return slices.IndexFunc(pools[field], func(c class) bool { return slices.Contains(c.cells, cell) })
}

func constantPosition(field string, in any) int {
	text, err := json.Marshal(in)
	if err != nil {
		panic(err)
	}
	return slices.IndexFunc(pools[field], func(c class) bool {
		return slices.ContainsFunc(c.constants, func(s string) bool {
			var v any
			d := json.NewDecoder(strings.NewReader(s))
			d.UseNumber()
			if d.Decode(&v) != nil {
				return false
			}
			again, _ := json.Marshal(v)
			return string(again) == string(text)
		})
	})
}

// kleene is false, unknown or true.
type kleene int

const (
	no kleene = iota
	unknown
	yes
)

func truth(b bool) kleene {
	if b {
		return yes
	}
	return no
}

// reference evaluates a where for a row, slowly.
func reference(where map[string]any, r relation.Row) kleene {
	result := yes
	for key, in := range where {
		switch key {
		case "_and", "_or":
			list, ok := in.([]any)
			if !ok {
				list = []any{in}
			}
			all, some := yes, no
			for _, x := range list {
				k := reference(x.(map[string]any), r)
				all, some = min(all, k), max(some, k)
			}
			if key == "_and" {
				result = min(result, all)
			} else {
				result = min(result, some)
			}
		case "_not":
			result = min(result, yes-reference(in.(map[string]any), r))
		default:
			for op, constant := range in.(map[string]any) {
				cell, ok := r.Cell(everything.Field(key))
				result = min(result, referenceTest(key, op, constant, cell, ok))
			}
		}
	}
	return result
}

func referenceTest(field, op string, in any, cell string, ok bool) kleene {
	at := position(field, cell, ok)
	if field == "name" && ok {
		at = max(at, 0)
	}
	switch op {
	case "_is_null":
		return truth((at < 0) == in.(bool))
	case "_in", "_nin":
		list, isList := in.([]any)
		if !isList {
			list = []any{in}
		}
		if len(list) == 0 {
			return truth(op == "_nin")
		}
		if at < 0 {
			return unknown
		}
		found := slices.ContainsFunc(list, func(x any) bool { return constantPosition(field, x) == at })
		return truth(found == (op == "_in"))
	}
	if at < 0 {
		return unknown
	}
	if pattern, ok := referencePattern(op, in); ok {
		return truth(pattern.MatchString(cell) == !strings.HasPrefix(op, "_n"))
	}
	switch c := constantPosition(field, in); op {
	case "_eq":
		return truth(at == c)
	case "_neq":
		return truth(at != c)
	case "_gt":
		return truth(at > c)
	case "_gte":
		return truth(at >= c)
	case "_lt":
		return truth(at < c)
	case "_lte":
		return truth(at <= c)
	}
	panic(op)
}

// referencePattern writes LIKE as a regular expression.
func referencePattern(op string, in any) (*regexp.Regexp, bool) {
	switch op {
	case "_regex", "_nregex":
		return regexp.MustCompile("(?s)" + in.(string)), true
	case "_iregex", "_niregex":
		return regexp.MustCompile("(?is)" + in.(string)), true
	case "_like", "_nlike", "_ilike", "_nilike":
	default:
		return nil, false
	}
	var b strings.Builder
	escaped := false
	for _, r := range in.(string) {
		switch {
		case escaped:
			b.WriteString(regexp.QuoteMeta(string(r)))
			escaped = false
		case r == '\\':
			escaped = true
		case r == '%':
			b.WriteString(".*")
		case r == '_':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	flags := "(?s)"
	if strings.HasSuffix(op, "ilike") {
		flags = "(?is)"
	}
	return regexp.MustCompile(flags + "^" + b.String() + "$"), true
}

// generator makes random rows and filters.
type generator struct{ *rand.Rand }

func pick[T any](g generator, list []T) T { return list[g.IntN(len(list))] }

func (g generator) row() relation.Row {
	var b relation.Builder
	for i := range everything.Columns {
		field := everything.Columns[i].Field
		bad, hasBad := unreadable[field]
		switch n := g.IntN(10); {
		case n == 0:
			b.AppendNull()
		case n == 1 && hasBad:
			b.AppendString(bad)
		default:
			b.AppendString(pick(g, pick(g, pools[field]).cells))
		}
	}
	return b.Row()
}

func (g generator) where(depth int) map[string]any {
	w := map[string]any{}
	for range g.IntN(4) {
		switch n := g.IntN(8); {
		case n == 0 && depth > 0:
			w["_not"] = g.where(depth - 1)
		case n <= 2 && depth > 0:
			w[pick(g, []string{"_and", "_or"})] = g.list(depth)
		default:
			c := &everything.Columns[g.IntN(len(everything.Columns))]
			w[c.Field] = g.comparison(c)
		}
	}
	return w
}

func (g generator) list(depth int) any {
	if g.IntN(6) == 0 {
		return g.where(depth - 1)
	}
	list := make([]any, g.IntN(4))
	for i := range list {
		list[i] = g.where(depth - 1)
	}
	return list
}

func (g generator) comparison(c *relation.Column) map[string]any {
	names := Operators(c.Kind)
	if c.Kind != relation.String { // patterns and containment have tables of their own
		names = slices.DeleteFunc(names, func(n string) bool {
			op, _ := parseOp(n)
			return op >= Like
		})
	}
	m := map[string]any{}
	for range g.IntN(3) {
		name := pick(g, names)
		switch op, _ := parseOp(name); {
		case op == IsNull:
			m[name] = g.IntN(2) == 0
		case op == In || op == Nin:
			list := make([]any, g.IntN(4))
			for i := range list {
				list[i] = g.constant(c.Field)
			}
			m[name] = list
			if single := g.constant(c.Field); g.IntN(5) == 0 {
				if _, isList := single.([]any); !isList {
					m[name] = single
				}
			}
		case op >= Regex:
			m[name] = pick(g, regexPool)
		case op >= Like:
			m[name] = pick(g, patternPool)
		default:
			m[name] = g.constant(c.Field)
		}
	}
	return m
}

func (g generator) constant(field string) any {
	var v any
	d := json.NewDecoder(strings.NewReader(pick(g, pick(g, pools[field]).constants)))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		panic(fmt.Sprint(field, err))
	}
	return v
}

// respell writes the same filter in another way: constants in another
// spelling, lists and conditions in another order and nested deeper.
func (g generator) respell(w map[string]any) map[string]any {
	var parts []any
	for _, key := range slices.Sorted(maps.Keys(w)) {
		switch in := w[key].(type) {
		case []any: // _and, _or
			list := make([]any, 0, len(in))
			for _, x := range in {
				list = append(list, g.respell(x.(map[string]any)))
				if g.IntN(3) == 0 {
					list = append(list, map[string]any{key: []any{g.respell(x.(map[string]any))}})
				}
			}
			g.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			parts = append(parts, map[string]any{key: list})
		case map[string]any:
			if strings.HasPrefix(key, "_") {
				parts = append(parts, map[string]any{key: g.respell(in)})
				continue
			}
			for op, constant := range in {
				parts = append(parts, map[string]any{key: map[string]any{op: g.respellConstant(key, op, constant)}})
			}
		}
	}
	g.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	if len(parts) == 1 {
		return parts[0].(map[string]any)
	}
	return map[string]any{"_and": parts}
}

func (g generator) respellConstant(field, op string, in any) any {
	o, _ := parseOp(op)
	switch {
	case o >= IsNull:
		return in
	case o != In && o != Nin:
		return g.sameClass(field, in)
	}
	list, ok := in.([]any)
	if !ok {
		list = []any{in}
	}
	var out []any
	for _, x := range list {
		out = append(out, g.sameClass(field, x), g.sameClass(field, x))
	}
	g.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return append([]any{}, out...)
}

func (g generator) sameClass(field string, in any) any {
	p := constantPosition(field, in)
	one := generator{g.Rand}
	var v any
	d := json.NewDecoder(strings.NewReader(pick(one, pools[field][p].constants)))
	d.UseNumber()
	if d.Decode(&v) != nil {
		panic(field)
	}
	return v
}
