package filter

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tycostream/tycostream/internal/relation"
)

var side = &relation.Enum{Name: "side", Values: []string{"buy", "sell", "short"}}

// everything has one column of each kind, and two that are spelt differently
// in the database.
var everything = &relation.Schema{
	Columns: []relation.Column{
		{Name: "id", Field: "id", Kind: relation.Integer},
		{Name: "big_count", Field: "bigCount", Kind: relation.BigInt, Nullable: true},
		{Name: "ratio", Field: "ratio", Kind: relation.Float, Nullable: true},
		{Name: "price", Field: "price", Kind: relation.Decimal, Nullable: true},
		{Name: "name", Field: "name", Kind: relation.String, Nullable: true},
		{Name: "ref", Field: "ref", Kind: relation.UUID, Nullable: true},
		{Name: "live", Field: "live", Kind: relation.Boolean, Nullable: true},
		{Name: "at", Field: "at", Kind: relation.Timestamp, Zoned: true, Nullable: true},
		{Name: "wall", Field: "wall", Kind: relation.Timestamp, Nullable: true},
		{Name: "day", Field: "day", Kind: relation.Date, Nullable: true},
		{Name: "clock", Field: "clock", Kind: relation.Time, Nullable: true},
		{Name: "doc", Field: "doc", Kind: relation.JSON, Nullable: true},
		{Name: "tags", Field: "tags", Kind: relation.Array, Elem: relation.Integer, Nullable: true},
		{Name: "side", Field: "side", Kind: relation.Enumeration, Enum: side, Nullable: true},
	},
	Key: []int{0},
}

// decode reads JSON text as callers of Compile do.
func decode(tb testing.TB, text string) any {
	tb.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		tb.Fatalf("%s: %v", text, err)
	}
	return v
}

func mustCompile(tb testing.TB, text string) *Predicate {
	tb.Helper()
	p, err := Compile(everything, decode(tb, text))
	if err != nil {
		tb.Fatalf("%s: %v", text, err)
	}
	return p
}

func TestCanonical(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"nothing", `null`, `{}`},
		{"empty object", `{}`, `{}`},
		{"no comparison", `{"id":{}}`, `{}`},
		{"one test", `{"id":{"_eq":1}}`, `{"id":{"_eq":1}}`},
		{"siblings", `{"side":{"_eq":"buy"},"id":{"_lt":5,"_gt":1}}`, `{"id":{"_gt":1,"_lt":5},"side":{"_eq":"buy"}}`},
		{"nested and", `{"_and":[{"id":{"_gt":1}},{"_and":[{"side":{"_eq":"buy"}},{}]}]}`, `{"id":{"_gt":1},"side":{"_eq":"buy"}}`},
		{"an object for a list", `{"_or":{"id":{"_eq":1},"live":{"_eq":true}}}`, `{"id":{"_eq":1},"live":{"_eq":true}}`},
		{"or sorted", `{"_or":[{"live":{"_eq":true}},{"id":{"_eq":1}},{"live":{"_eq":true}}]}`, `{"_or":[{"id":{"_eq":1}},{"live":{"_eq":true}}]}`},
		{"or flattened", `{"_or":[{"_or":[{"id":{"_eq":2}},{"id":{"_eq":1}}]},{"id":{"_eq":3}}]}`, `{"_or":[{"id":{"_eq":1}},{"id":{"_eq":2}},{"id":{"_eq":3}}]}`},
		{"or of one", `{"_or":[{"id":{"_eq":1}}]}`, `{"id":{"_eq":1}}`},
		{"empty or", `{"_or":[]}`, `{"_or":[]}`},
		{"empty and", `{"_and":[]}`, `{}`},
		{"or with true", `{"_or":[{"id":{"_eq":1}},{}]}`, `{}`},
		{"and with false", `{"id":{"_eq":1},"live":{"_in":[]}}`, `{"_or":[]}`},
		{"not of nothing", `{"_not":{}}`, `{"_or":[]}`},
		{"not", `{"_not":{"id":{"_eq":1}}}`, `{"_not":{"id":{"_eq":1}}}`},
		{"operator twice", `{"_and":[{"id":{"_neq":2}},{"id":{"_neq":1}}]}`, `{"id":{"_neq":1},"_and":[{"id":{"_neq":2}}]}`},
		{"null both ways", `{"_and":[{"name":{"_is_null":true}},{"name":{"_is_null":false}}]}`, `{"name":{"_is_null":false},"_and":[{"name":{"_is_null":true}}]}`},
		{
			"two ors", `{"_and":[{"_or":[{"id":{"_eq":1}},{"id":{"_eq":2}}]},{"_or":[{"id":{"_eq":3}},{"id":{"_eq":4}}]}],"_not":{"id":{"_eq":9}}}`,
			`{"_and":[{"_or":[{"id":{"_eq":3}},{"id":{"_eq":4}}]}],"_not":{"id":{"_eq":9}},"_or":[{"id":{"_eq":1}},{"id":{"_eq":2}}]}`,
		},
		{"in sorted", `{"id":{"_in":[3,1,2,1]}}`, `{"id":{"_in":[1,2,3]}}`},
		{"in of one", `{"id":{"_in":[3,3]}}`, `{"id":{"_eq":3}}`},
		{"in of a value", `{"id":{"_in":5}}`, `{"id":{"_eq":5}}`},
		{"nin of one", `{"id":{"_nin":[3]}}`, `{"id":{"_neq":3}}`},
		{"empty nin", `{"id":{"_nin":[]}}`, `{}`},
		{"enum in order", `{"side":{"_in":["short","buy","sell"]}}`, `{"side":{"_in":["buy","sell","short"]}}`},
		{"integer", `{"id":{"_in":[1e2,100.0,-0]}}`, `{"id":{"_in":[0,100]}}`},
		{"bigint", `{"bigCount":{"_in":[9007199254740993,"9007199254740993",18446744073709551615]}}`, `{"bigCount":{"_in":["9007199254740993","18446744073709551615"]}}`},
		{"decimal", `{"price":{"_in":[1.50,"1.5",0.1,1e-3]}}`, `{"price":{"_in":["0.001","0.1","1.5"]}}`},
		{"float", `{"ratio":{"_in":[1.50,1.5e0,-0.0,1e300,"NaN"]}}`, `{"ratio":{"_in":[0,1.5,1e+300,"NaN"]}}`},
		{"uuid", `{"ref":{"_eq":"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"}}`, `{"ref":{"_eq":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}}`},
		{"instant", `{"at":{"_in":["2026-01-02T03:04:05.500+02:00","2026-01-02 01:04:05.5+00"]}}`, `{"at":{"_eq":"2026-01-02T01:04:05.5Z"}}`},
		{"wall clock", `{"wall":{"_gt":"2026-01-02"}}`, `{"wall":{"_gt":"2026-01-02T00:00:00"}}`},
		{"time", `{"clock":{"_gt":"03:04"}}`, `{"clock":{"_gt":"03:04:00"}}`},
		{"json", `{"doc":{"_eq":{"b":1.0,"a":[1e1,null]}}}`, `{"doc":{"_eq":{"a":[10,null],"b":1}}}`},
		{"array", `{"tags":{"_in":[[1,2],"{1,2}","[1, 2]"]}}`, `{"tags":{"_eq":[1,2]}}`},
		{"pattern", `{"name":{"_ilike":"a\"%"}}`, `{"name":{"_ilike":"a\"%"}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := mustCompile(t, c.in)
			if got := p.Canonical(); got != c.want {
				t.Errorf("Canonical() = %s\nwant %s", got, c.want)
			}
			if p.IsAll() != (c.want == "{}") {
				t.Errorf("IsAll() = %v", p.IsAll())
			}
			if again := mustCompile(t, p.Canonical()).Canonical(); again != p.Canonical() {
				t.Errorf("the canonical form compiles to %s", again)
			}
		})
	}
}

func TestDatabaseNames(t *testing.T) {
	swapped := &relation.Schema{Columns: []relation.Column{
		{Name: "a", Field: "b", Kind: relation.Integer},
		{Name: "b", Field: "c", Kind: relation.String, Nullable: true},
	}, Key: []int{0}}
	for _, c := range []struct {
		name, in, want string
		schema         *relation.Schema
	}{
		{"the database's", `{"big_count":{"_gt":1}}`, `{"bigCount":{"_gt":"1"}}`, everything},
		{"the API's", `{"bigCount":{"_gt":1}}`, `{"bigCount":{"_gt":"1"}}`, everything},
		{"both", `{"_or":[{"bigCount":{"_gt":1}},{"big_count":{"_gt":1}}]}`, `{"bigCount":{"_gt":"1"}}`, everything},
		{"the API's comes first", `{"b":{"_eq":1}}`, `{"b":{"_eq":1}}`, swapped},
		{"only the database has it", `{"a":{"_eq":1}}`, `{"b":{"_eq":1}}`, swapped},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := Compile(c.schema, decode(t, c.in), DatabaseNames())
			if err != nil || p.Canonical() != c.want {
				t.Errorf("got %v, %v; want %s", p, err, c.want)
			}
		})
	}
	if _, err := Compile(everything, decode(t, `{"nothing":{"_eq":1}}`), DatabaseNames()); err == nil || err.Error() != "where.nothing: no such column" {
		t.Errorf("got %v", err)
	}
}
