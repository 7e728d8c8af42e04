package filter

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestErrors(t *testing.T) {
	deep := func(n int, key string) string {
		return strings.Repeat(`{"`+key+`":`, n) + `{"id":{"_eq":1}}` + strings.Repeat("}", n)
	}
	for _, c := range []struct{ name, where, want string }{
		{"not an object", `5`, "where: expected an object of conditions, got 5"},
		{"a list", `[]`, "where: expected an object of conditions, got a list"},
		{"unknown column", `{"_and":[{"idd":{"_eq":1}}]}`, "where._and[0].idd: no such column"},
		{"database name", `{"big_count":{"_eq":1}}`, "where.big_count: no such column"},
		{"unknown operator", `{"id":{"_is":1}}`, "where.id._is: no such operator"},
		{"empty operator", `{"id":{"":1}}`, "where.id.: no such operator"},
		{"operator of another type", `{"id":{"_like":"1%"}}`, "where.id._like: no operator of Integer columns; those have _eq _neq"},
		{"has key of an array", `{"tags":{"_has_key":"a"}}`, "where.tags._has_key: no operator of Array columns"},
		{"null column", `{"id":null}`, "where.id: expected comparisons such as {_eq: ...}, got null"},
		{"bare constant", `{"id":5}`, "where.id: expected comparisons such as {_eq: ...}, got 5"},
		{"null constant", `{"id":{"_eq":null}}`, "where.id._eq: null is not allowed here: use _is_null"},
		{"null list", `{"id":{"_in":null}}`, "where.id._in: null is not allowed here"},
		{"null element", `{"id":{"_nin":[1,null]}}`, "where.id._nin[1]: null is not allowed here"},
		{"null is_null", `{"id":{"_is_null":null}}`, "where.id._is_null: null is not allowed here"},
		{"null json", `{"doc":{"_eq":null}}`, "where.doc._eq: null is not allowed here"},
		{"null contains", `{"doc":{"_contains":null}}`, "where.doc._contains: null is not allowed here"},
		{"null pattern", `{"name":{"_like":null}}`, "where.name._like: null is not allowed here"},
		{"null and", `{"_and":null}`, "where._and: expected an object of conditions, got null"},
		{"null in or", `{"_or":[{},null]}`, "where._or[1]: expected an object of conditions, got null"},
		{"null not", `{"_not":null}`, "where._not: expected an object of conditions, got null"},
		{"list in or", `{"_or":[[{}]]}`, "where._or[0]: expected an object of conditions, got a list"},
		{"is_null of a number", `{"id":{"_is_null":1}}`, "where.id._is_null: expected true or false, got 1"},
		{"word for an integer", `{"id":{"_gt":"abc"}}`, `where.id._gt: expected an integer, got "abc"`},
		{"fraction for an integer", `{"id":{"_gt":1.5}}`, "where.id._gt: expected an integer, got 1.5: not a whole number"},
		{"too large", `{"bigCount":{"_gt":18446744073709551616}}`, "where.bigCount._gt: expected a 64-bit integer, got 18446744073709551616: outside the range"},
		{"boolean for an integer", `{"id":{"_gt":true}}`, "where.id._gt: expected an integer, got true"},
		{"list for an integer", `{"id":{"_eq":[1]}}`, "where.id._eq: expected an integer, got a list"},
		{"number for a string", `{"name":{"_eq":5}}`, "where.name._eq: expected a string, got 5"},
		{"number for a pattern", `{"name":{"_regex":5}}`, "where.name._regex: expected a string, got 5"},
		{"string for a boolean", `{"live":{"_eq":"true"}}`, `where.live._eq: expected true or false, got "true"`},
		{"float range", `{"ratio":{"_eq":1e999}}`, "where.ratio._eq: expected a number, got 1e999: outside the range of Float"},
		{"decimal", `{"price":{"_in":["1,5"]}}`, `where.price._in[0]: expected a decimal number, got "1,5"`},
		{"huge exponent", `{"price":{"_eq":1e99999999}}`, "where.price._eq: expected a decimal number, got 1e99999999"},
		{"uuid", `{"ref":{"_eq":"x"}}`, `where.ref._eq: expected a UUID, got "x"`},
		{"timestamp", `{"at":{"_gt":"2026-02-30"}}`, `where.at._gt: expected a timestamp such as 2026-01-02T03:04:05Z, got "2026-02-30": no such day`},
		{"epoch for a timestamp", `{"at":{"_gt":1767323045}}`, "where.at._gt: expected a timestamp such as 2026-01-02T03:04:05Z, got 1767323045"},
		{"enum", `{"side":{"_eq":"BUY"}}`, `where.side._eq: expected one of buy, sell, short, got "BUY"`},
		{"array", `{"tags":{"_in":[1,2]}}`, "where.tags._in[0]: expected an array, got 1"},
		{"array element", `{"tags":{"_eq":[1,"x"]}}`, `where.tags._eq: expected an integer, got "x"`},
		{"array text", `{"tags":{"_eq":"{1,"}}`, `where.tags._eq: expected an array, got "{1,"`},
		{"trailing backslash", `{"name":{"_like":"a\\"}}`, `where.name._like: pattern "a\\" ends in a backslash`},
		{"look-ahead", `{"name":{"_regex":"a(?=b)"}}`, `where.name._regex: cannot compile "a(?=b)": invalid or unsupported Perl syntax`},
		{"back-reference", `{"name":{"_iregex":"(a)\\1"}}`, `where.name._iregex: cannot compile "(a)\\1": invalid escape sequence`},
		{"unbalanced", `{"name":{"_nregex":"a)|(b"}}`, `where.name._nregex: cannot compile "a)|(b": unexpected )`},
		{"long regex", `{"name":{"_regex":"(abcdefghi){1,600}"}}`, "regular expression \"(abcdefghi){1,600}\" is too large"},
		{"long pattern", `{"name":{"_like":"` + strings.Repeat("x", maxPattern+1) + `"}}`, "is longer than 10000 bytes"},
		{"depth of input", deep(maxObjects, "_and"), "nested deeper than 192 levels"},
		{"depth of conditions", deep(MaxDepth+1, "_not"), "conditions nested deeper than 64 levels"},
		{"first of several", `{"z":{},"id":{"_gt":"b"},"bigCount":{"_gt":"c"}}`, `where.bigCount._gt: `},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := Compile(everything, decode(t, c.where))
			if err == nil {
				t.Fatalf("compiled to %s", p.Canonical())
			}
			if _, ok := errors.AsType[*Error](err); !ok || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%T %v\nwant %s", err, err, c.want)
			}
		})
	}
}

// TestErrorsOfGo covers what JSON text cannot say.
func TestErrorsOfGo(t *testing.T) {
	for _, c := range []struct {
		name  string
		where map[string]any
		want  string
	}{
		{"a float", map[string]any{"price": map[string]any{"_eq": 1.5}}, "where.price._eq: expected a decimal number, got a float64"},
		{"bytes that are no text", map[string]any{"name": map[string]any{"_eq": "a\xff"}}, `where.name._eq: expected a string, got "a\xff": not valid UTF-8`},
		{"such a pattern", map[string]any{"name": map[string]any{"_like": "a\xff"}}, `where.name._like: expected a string`},
		{"in json", map[string]any{"doc": map[string]any{"_eq": []any{"\xff"}}}, `where.doc._eq: expected a JSON value, got a list: not valid UTF-8`},
		{"a Go value in json", map[string]any{"doc": map[string]any{"_eq": []any{struct{}{}}}}, `a struct {} cannot be JSON`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Compile(everything, c.where)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
	p, err := Compile(everything, map[string]any{"id": map[string]any{"_in": []any{1, int64(2), int32(3), uint64(4)}}})
	if err != nil || p.Canonical() != `{"id":{"_in":[1,2,3,4]}}` {
		t.Errorf("%v, %v", p, err)
	}
}

func TestErrorPath(t *testing.T) {
	_, err := Compile(everything, decode(t, `{"_or":[{},{"id":{"_in":[1,"x"]}}]}`), Argument("fire"))
	e, ok := errors.AsType[*Error](err)
	if !ok || !slices.Equal(e.Path, []string{"fire", "_or", "1", "id", "_in", "1"}) {
		t.Fatalf("%#v", err)
	}
	if want := `fire._or[1].id._in[1]: expected an integer, got "x": not a whole number`; e.Error() != want {
		t.Errorf("%v, want %s", e, want)
	}
}

func TestJSONText(t *testing.T) {
	in := decode(t, `{"doc":{"_in":["{\"a\": 1.0}","\"x\""]}}`)
	p, err := Compile(everything, in, JSONText())
	if err != nil || p.Canonical() != `{"doc":{"_in":["x",{"a":1}]}}` {
		t.Fatalf("%v, %v", p.Canonical(), err)
	}
	if q := mustCompile(t, p.Canonical()); q.Canonical() != p.Canonical() {
		t.Errorf("compiles to %s", q.Canonical())
	}
	if _, err := Compile(everything, decode(t, `{"doc":{"_eq":"{"}}`), JSONText()); err == nil || err.Error() != `where.doc._eq: expected a JSON value, got "{"` {
		t.Error(err)
	}
}

// TestDepthOfCanonicalForm: what is allowed stays allowed once it is canonical,
// even where that form nests deeper than the input.
func TestDepthOfCanonicalForm(t *testing.T) {
	where := `{"id":{"_eq":1}}`
	for i := range MaxDepth / 2 {
		n := string(rune('0' + i%10))
		where = `{"_or":[` + where + `,{"id":{"_gt":1` + n + `}}],"_and":[{"_or":[{"name":{"_eq":"` + n + `"}},{"live":{"_eq":true}}]}]}`
	}
	p := mustCompile(t, where)
	if again := mustCompile(t, p.Canonical()).Canonical(); again != p.Canonical() {
		t.Error("the canonical form compiles to another")
	}
}

func TestSize(t *testing.T) {
	for _, c := range []struct {
		where string
		want  int
	}{
		{`null`, 0},
		{`{}`, 0},
		{`{"id":{"_eq":1}}`, 1},
		{`{"id":{"_gt":1,"_lt":2},"name":{"_like":"a"}}`, 3},
		{`{"id":{"_in":[1,2,3]}}`, 4},
		{`{"_and":[{"id":{"_eq":1}},{}],"_not":{"id":{"_eq":1}}}`, 6},
		{`{"_or":{"id":{"_eq":1}}}`, 3},
		{`{"doc":{"_eq":{"a":[1,2]}}}`, 4},
	} {
		if got := Size(decode(t, c.where)); got != c.want {
			t.Errorf("Size(%s) = %d, want %d", c.where, got, c.want)
		}
	}
}
