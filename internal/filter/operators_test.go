package filter

import (
	"slices"
	"strings"
	"testing"

	"github.com/tycostream/tycostream/internal/relation"
)

// row builds a row of everything from the cells of a few columns; all others
// are NULL.
func row(tb testing.TB, cells map[string]string) relation.Row {
	tb.Helper()
	var b relation.Builder
	for i := range everything.Columns {
		cell, ok := cells[everything.Columns[i].Field]
		b.AppendCell(cell, ok)
	}
	for field := range cells {
		if everything.Field(field) < 0 {
			tb.Fatalf("no field %s", field)
		}
	}
	return b.Row()
}

// verdicts are what each comparison says about three cells, a < b < c, when
// the constant is b, and about NULL: one letter per cell, "y" or "-".
var verdicts = map[string]string{
	"_eq": "-y--", "_neq": "y-y-", "_gt": "--y-", "_gte": "-yy-", "_lt": "y---", "_lte": "yy--",
	"_in": "-y--", "_nin": "y-y-",
}

func TestOrderOperators(t *testing.T) {
	for _, c := range []struct {
		field   string
		cells   [3]string
		literal string
	}{
		{"id", [3]string{"9", "10", "2147483648"}, `10`},
		{"bigCount", [3]string{"9007199254740992", "9007199254740993", "9007199254740994"}, `"9007199254740993"`},
		{"ratio", [3]string{"-1", "0.5", "NaN"}, `0.5`},
		{"price", [3]string{"0.29999999999999999999", "0.3", "0.30000000000000000001"}, `0.30`},
		{"name", [3]string{"Z", "a", "é"}, `"a"`},
		{"ref", [3]string{"0aeebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}, `"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"`},
		{"at", [3]string{"2026-01-02 03:04:04.999999+00", "2026-01-02 03:04:05+00", "infinity"}, `"2026-01-02T05:04:05+02:00"`},
		{"wall", [3]string{"0044-03-15 00:00:00 BC", "2026-01-02 03:04:05", "12026-01-02 03:04:05"}, `"2026-01-02T03:04:05"`},
		{"day", [3]string{"2024-02-28", "2024-02-29", "2024-03-01"}, `"2024-02-29"`},
		{"clock", [3]string{"03:04:04.9", "03:04:05", "03:04:05.1"}, `"03:04:05.0"`},
		{"doc", [3]string{`"z"`, `1.0`, `{"a": 1}`}, `1`},
		{"tags", [3]string{"{1}", "{1,2}", "{2}"}, `[1,2]`},
		{"side", [3]string{"buy", "sell", "short"}, `"sell"`},
	} {
		for op, want := range verdicts {
			t.Run(c.field+" "+op, func(t *testing.T) {
				constant := c.literal
				if strings.HasSuffix(op, "in") {
					constant = "[" + constant + "]"
				}
				p := mustCompile(t, `{"`+c.field+`":{"`+op+`":`+constant+`}}`)
				opposite := mustCompile(t, `{"_not":`+p.Canonical()+`}`)
				var got, negated strings.Builder
				rows := []relation.Row{
					row(t, map[string]string{c.field: c.cells[0]}), row(t, map[string]string{c.field: c.cells[1]}),
					row(t, map[string]string{c.field: c.cells[2]}), row(t, nil),
				}
				for _, r := range rows {
					got.WriteString(letter(p.Match(r)))
					negated.WriteString(letter(opposite.Match(r)))
				}
				if got.String() != want {
					t.Errorf("%s gives %s, want %s", p.Canonical(), &got, want)
				}
				if flip := strings.NewReplacer("y", "-", "-", "y").Replace(want[:3]) + "-"; negated.String() != flip {
					t.Errorf("%s gives %s, want %s", opposite.Canonical(), &negated, flip)
				}
			})
		}
	}
}

func letter(b bool) string {
	if b {
		return "y"
	}
	return "-"
}

// null stands for NULL in lists of cells.
const null = "\x00null"

type testCase struct {
	where   string
	field   string
	matches []string // cells
	not     []string // cells
}

func (c testCase) run(t *testing.T) {
	p := mustCompile(t, c.where)
	for _, want := range []bool{true, false} {
		cells := c.matches
		if !want {
			cells = c.not
		}
		for _, cell := range cells {
			cells := map[string]string{c.field: cell}
			if cell == null {
				cells = nil
			}
			if got := p.Match(row(t, cells)); got != want {
				t.Errorf("%q: Match = %v", cell, got)
			}
		}
	}
}

func TestNullsAndLogic(t *testing.T) {
	for _, c := range []testCase{
		{`{"live":{"_eq":true}}`, "live", []string{"t", "true"}, []string{"f", "x", null}},
		{`{"live":{"_gt":false}}`, "live", []string{"t"}, []string{"f", null}},
		{`{"id":{"_is_null":true}}`, "id", []string{null, "abc"}, []string{"1"}},
		{`{"id":{"_is_null":false}}`, "id", []string{"1"}, []string{null, "abc"}},
		{`{"name":{"_is_null":true}}`, "name", []string{null}, []string{"", "NULL"}},
		{`{"side":{"_is_null":true}}`, "side", []string{null, "hold"}, []string{"buy"}},
		{`{"side":{"_neq":"buy"}}`, "side", []string{"sell"}, []string{"buy", "hold", null}},
		{`{"side":{"_nin":[]}}`, "side", []string{"sell", "hold", null}, nil},
		{`{"side":{"_in":[]}}`, "side", nil, []string{"sell", "hold", null}},
		{`{"_or":[]}`, "side", nil, []string{"sell", null}},
		{`{"_not":{}}`, "side", nil, []string{"sell", null}},
		{`{}`, "side", []string{"sell", null}, nil},
		{`{"_or":[{"id":{"_eq":1}},{"id":{"_is_null":true}}]}`, "id", []string{"1", null}, []string{"2"}},
		{`{"id":{"_nin":[1,3]}}`, "id", []string{"2"}, []string{"1", "3", "x", null}},
		{`{"id":{"_gt":2147483647}}`, "id", []string{"2147483648", "18446744073709551615"}, []string{"2147483647"}},
		{`{"ratio":{"_gt":1e308}}`, "ratio", []string{"NaN", "Infinity", "1.1e308"}, []string{"1e308", "-Infinity"}},
	} {
		t.Run(c.where, c.run)
	}
}

func TestPatterns(t *testing.T) {
	for _, c := range []testCase{
		{`{"name":{"_like":"a%b_"}}`, "name", []string{"abc", "axxbé", "ab%", "a\nbx"}, []string{"ab", "Abc", "abcd", "", null}},
		{`{"name":{"_like":"%abc%"}}`, "name", []string{"abc", "xabcx", "ababc"}, []string{"ab", "a bc", null}},
		{`{"name":{"_like":"%ab%ab%"}}`, "name", []string{"abab", "xabxabx"}, []string{"ab", "aab"}},
		{`{"name":{"_like":"%ab"}}`, "name", []string{"ab", "abab"}, []string{"aba"}},
		{`{"name":{"_like":"a%a"}}`, "name", []string{"aa", "aba"}, []string{"a"}},
		{`{"name":{"_like":"_"}}`, "name", []string{"a", "é", "😀", "\xff", "%"}, []string{"", "ab", null}},
		{`{"name":{"_like":"100\\%\\_\\\\"}}`, "name", []string{`100%_\`}, []string{`100x_\`, `100%x\`}},
		{`{"name":{"_like":""}}`, "name", []string{""}, []string{"a", null}},
		{`{"name":{"_like":"%"}}`, "name", []string{"", "a"}, []string{null}},
		{`{"name":{"_nlike":"a%"}}`, "name", []string{"", "b", "A"}, []string{"a", "ab", null}},
		{`{"name":{"_ilike":"ÉA%ß_"}}`, "name", []string{"éa ßx", "ÉAẞx"}, []string{"ea ßx", "éaß", null}},
		{`{"name":{"_ilike":"%k%"}}`, "name", []string{"K", "\u212a"}, []string{"c"}},
		{`{"name":{"_nilike":"AB"}}`, "name", []string{"abc"}, []string{"ab", "Ab", null}},
		{`{"name":{"_regex":"b.d"}}`, "name", []string{"abcde", "b\nd"}, []string{"bd", "BcD", null}},
		{`{"name":{"_regex":"^b$"}}`, "name", []string{"b"}, []string{"ab", "b\n", "a\nb\nc", null}},
		{`{"name":{"_regex":"(?m)^b$"}}`, "name", []string{"a\nb\nc"}, []string{"ab"}},
		{`{"name":{"_regex":"b"}}`, "name", []string{"abc"}, []string{"ABC", null}},
		{`{"name":{"_iregex":"B.D"}}`, "name", []string{"abcde"}, []string{"bd", null}},
		{`{"name":{"_nregex":"^a"}}`, "name", []string{"ba"}, []string{"ab", null}},
		{`{"name":{"_regex":"^\\p{L}{1,100}$"}}`, "name", []string{"é"}, []string{"", "é1"}},
		{`{"name":{"_niregex":"^A"}}`, "name", []string{"ba"}, []string{"ab", null}},
		{`{"ref":{"_like":"a0ee%"}}`, "ref", []string{"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"}, []string{"a0ee", "b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", null}},
		{`{"at":{"_like":"2026-01-02T%Z"}}`, "at", []string{"2026-01-02 03:04:05+00"}, []string{"2026-01-03 03:04:05+00", "soon", null}},
		{`{"price":{"_nlike":"1%"}}`, "price", []string{"2.5"}, []string{"1.5", null}},
	} {
		t.Run(c.where, c.run)
	}
}

func TestContainment(t *testing.T) {
	for _, c := range []testCase{
		{`{"doc":{"_contains":{"a":1}}}`, "doc", []string{`{"a":1.0,"b":2}`}, []string{`{"a":2}`, `{"b":{"a":1}}`, `[{"a":1}]`, `1`, `{`, null}},
		{`{"doc":{"_contains":{"a":{"b":[2]}}}}`, "doc", []string{`{"a":{"b":[1,2],"c":0}}`}, []string{`{"a":{"b":2}}`, `{"a":[2]}`}},
		{`{"doc":{"_contains":[1,[2]]}}`, "doc", []string{`[1,[2,3]]`, `[[2],1,1]`}, []string{`[1,2]`, `1`}},
		{`{"doc":{"_contains":"x"}}`, "doc", []string{`"x"`, `["x"]`}, []string{`[["x"]]`, `{"x":1}`}},
		{`{"doc":{"_contains":{}}}`, "doc", []string{`{}`, `{"a":1}`}, []string{`[]`, `1`}},
		{`{"_not":{"doc":{"_contains":{"a":1}}}}`, "doc", []string{`{"a":2}`, `1`}, []string{`{"a":1}`, `{`, null}},
		{`{"doc":{"_has_key":"a"}}`, "doc", []string{`{"a":null}`, `["a"]`, `"a"`}, []string{`{"b":{"a":1}}`, `[["a"]]`, `"ab"`, `{`, null}},
		{`{"_not":{"doc":{"_has_key":"a"}}}`, "doc", []string{`{"b":1}`, `null`}, []string{`{"a":1}`, `{`, null}},
		{`{"doc":{"_in":[{"b":1,"a":[1]},2]}}`, "doc", []string{`{"a": [1.0], "b": 1}`, `2.0`}, []string{`{"a":[1]}`, null}},
		{`{"tags":{"_contains":[2,1]}}`, "tags", []string{"{1,2,3}", "{{1},{2}}"}, []string{"{1}", "{NULL,1}", "{x}", null}},
		{`{"tags":{"_contains":[]}}`, "tags", []string{"{}", "{1}"}, []string{null}},
		{`{"tags":{"_contains":[null]}}`, "tags", nil, []string{"{NULL}", "{1}"}},
		{`{"tags":{"_contains":[[1]]}}`, "tags", []string{"{1}", "{{1}}"}, []string{"{2}"}},
	} {
		t.Run(c.where, c.run)
	}
}

func TestOperators(t *testing.T) {
	for kind, want := range map[relation.Kind]string{
		relation.Integer: "_eq _neq _gt _gte _lt _lte _in _nin _is_null",
		relation.String:  "_eq _neq _gt _gte _lt _lte _in _nin _is_null _like _nlike _ilike _nilike _regex _nregex _iregex _niregex",
		relation.JSON:    "_eq _neq _gt _gte _lt _lte _in _nin _is_null _like _nlike _ilike _nilike _regex _nregex _iregex _niregex _contains _has_key",
	} {
		if got := strings.Join(Operators(kind), " "); got != want {
			t.Errorf("%v has %s, want %s", kind, got, want)
		}
	}
	for o := Eq; o <= NotHasKey; o++ {
		if o.negate().negate() != o || o.negate() == o {
			t.Errorf("the opposite of %v is %v", o, o.negate())
		}
	}
	if NotContains.String() != "not _contains" || NotNull.String() != "_is_null" || Op(0).String() != "Op(?)" || Op(99).String() != "Op(?)" {
		t.Error("names of operators without one")
	}
}

func TestColumnsAndRoot(t *testing.T) {
	p := mustCompile(t, `{"_not":{"_or":[{"id":{"_lt":3}},{"name":{"_like":"a%"}}]},"_or":[{"side":{"_eq":"buy"}},{"id":{"_in":[5,9]}}]}`)
	var columns []int
	for i := range everything.Columns {
		if p.Columns().Has(i) {
			columns = append(columns, i)
		}
	}
	if want := []int{everything.Field("id"), everything.Field("name"), everything.Field("side")}; !slices.Equal(columns, want) {
		t.Errorf("columns %v, want %v", columns, want)
	}
	root := p.Root()
	if root.Kind != And || len(root.Nodes) != 2 {
		t.Fatalf("root %+v", root)
	}
	negated := root.Nodes[0]
	if negated.Kind != And || negated.Nodes[0].Op != Gte || negated.Nodes[1].Op != Nlike || negated.Nodes[1].Text != "a%" {
		t.Errorf("the negated part is %+v", negated)
	}
	if All().Root().Kind != Every || !All().IsAll() || !All().Columns().Empty() || All().Canonical() != "{}" || !All().Match(row(t, nil)) {
		t.Error("All is not all")
	}
}

func TestHints(t *testing.T) {
	for _, c := range []struct{ where, want string }{
		{`{}`, ""},
		{`{"_or":[]}`, ""},
		{`{"id":{"_eq":5}}`, "id=5"},
		{`{"id":{"_in":[5,7]},"name":{"_like":"a%"}}`, "id=5|7"},
		{`{"_and":[{"id":{"_in":[5,7]}},{"id":{"_eq":9}}]}`, "id=9"},
		{`{"_and":[{"id":{"_in":[5,7,8]}},{"id":{"_in":[5,7]}}]}`, "id=5|7"},
		{`{"id":{"_gt":1,"_lte":5},"side":{"_eq":"buy"},"price":{"_neq":2}}`, "id>1 id<=5 side=buy"},
		{`{"_and":[{"id":{"_gt":1}},{"id":{"_gte":2}},{"id":{"_gt":2}},{"id":{"_lt":9}},{"id":{"_lte":7}}]}`, "id>2 id<=7"},
		{`{"_not":{"_or":[{"id":{"_gt":1}},{"side":{"_neq":"buy"}}]}}`, "id<=1 side=buy"},
		{`{"_or":[{"id":{"_eq":1}},{"id":{"_eq":2}}]}`, ""},
		{`{"id":{"_is_null":true}}`, ""},
		{`{"_not":{"id":{"_in":[1,2]}}}`, ""},
		{`{"doc":{"_contains":{"a":1}}}`, ""},
	} {
		var parts []string
		for _, h := range mustCompile(t, c.where).Hints() {
			field := everything.Columns[h.Column].Field
			var values []string
			for i := range h.Values {
				values = append(values, h.Values[i].String())
			}
			if values != nil {
				parts = append(parts, field+"="+strings.Join(values, "|"))
			}
			if h.Low != nil {
				parts = append(parts, field+">"+strings.Repeat("=", btoi(h.Low.Inclusive))+h.Low.Value.String())
			}
			if h.High != nil {
				parts = append(parts, field+"<"+strings.Repeat("=", btoi(h.High.Inclusive))+h.High.Value.String())
			}
		}
		if got := strings.Join(parts, " "); got != c.want {
			t.Errorf("%s hints at %q, want %q", c.where, got, c.want)
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
