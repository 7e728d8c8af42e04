package relation

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

var color = &Enum{Name: "color", Values: []string{"red", "green", "blue"}}

// ladders list, for each type, texts in ascending order; texts on one rung are
// equal. The comparisons of all pairs follow from them.
var ladders = []struct {
	name   string
	column Column
	rungs  [][]string
}{
	{"integer", Column{Kind: Integer}, [][]string{
		{"-9223372036854775808", "-09223372036854775808"},
		{"-9223372036854775807"},
		{"-2147483649"},
		{"-1", "-01", "-1.0"},
		{"0", "-0", "+0", "00", "0.00", "0e5"},
		{"1"},
		{"100", "1e2", "100.00", "+100", "0.1e3"},
		{"2147483648"},
		{"9007199254740992"},
		{"9007199254740993"},
		{"9223372036854775807"},
		{"9223372036854775808"},
		{"18446744073709551614"},
		{"18446744073709551615", "018446744073709551615", "1844674407370955161.5e1"},
	}},
	{"decimal", Column{Kind: Decimal}, [][]string{
		{"-Infinity", "-infinity", "-inf"},
		{"-1e1000000"},
		{"-123456789012345678901234567890.5"},
		{"-123456789012345678901234567890.4"},
		{"-2"},
		{"-1.5", "-1.50", "-01.5"},
		{"-1"},
		{"-0.0000000000000000000000000000000000000001", "-1e-40"},
		{"0", "-0", "0.00", "-.0", "0e10", ".0"},
		{"1e-1000"},
		{"0.001", "1e-3", ".001", "0.0010"},
		{"0.1", "1E-1", "10e-2"},
		{"0.10000000000000000001"},
		{"0.3"},
		{"0.30000000000000004"},
		{"1", "1.", "1.0", "+1", "0.1e1"},
		{"9.99"},
		{"10", "1e1", "1e+1", "010"},
		{"99999999999999999999999999999999999999.9"},
		{"100000000000000000000000000000000000000", "1e38"},
		{"100000000000000000000000000000000000000.1"},
		{"1e39"},
		{"1e1000000"},
		{"Infinity", "inf", "+Infinity", "INFINITY"},
		{"NaN", "nan"},
	}},
	{"float", Column{Kind: Float}, [][]string{
		{"-Infinity", "-1e999"},
		{"-1.5", "-1.5e0"},
		{"-5e-324"},
		{"0", "-0", "0.0", "-0e10", "1e-999"},
		{"5e-324"},
		{"1e-07", "1e-7", "0.0000001"},
		{"0.1", "0.10", "1e-1"},
		{"0.30000000000000004"},
		{"1e+16", "1e16", "10000000000000000"},
		{"3.4028235e+38"},
		{"1.7976931348623157e308"},
		{"Infinity", "inf", "1e999"},
		{"NaN", "nan"},
	}},
	{"string", Column{Kind: String}, [][]string{{""}, {"A"}, {"B"}, {"a"}, {"a "}, {"aa"}, {"b"}, {"é"}, {"\uffff"}, {"\U0001f600"}}},
	{"uuid", Column{Kind: UUID}, [][]string{
		{"00000000-0000-0000-0000-000000000000"},
		{"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", "a0eebc999c0b4ef8bb6d6bb9bd380A11"},
		{"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12"},
		{"ffffffff-ffff-ffff-ffff-ffffffffffff"},
	}},
	{"boolean", Column{Kind: Boolean}, [][]string{{"f", "false"}, {"t", "true"}}},
	{"timestamp with zone", Column{Kind: Timestamp, Zoned: true}, [][]string{
		{"-infinity"},
		{"4713-01-01 00:00:00+00 BC", "-4712-01-01T00:00:00Z"},
		{"0044-03-15 12:00:00+00 BC"},
		{"0001-12-31 23:59:59.999999+00 BC", "0000-12-31T23:59:59.999999Z"},
		{"0001-01-01 00:00:00+00", "0001-01-01T00:00:00Z", "0001-01-01 00:00:00+00 AD"},
		{"1900-02-28 23:59:59+00"},
		{"1900-03-01 00:00:00+00"},
		{"1969-12-31 23:59:59.999999+00"},
		{"1970-01-01 00:00:00+00", "1970-01-01", "1970-01-01T00:00Z", "1970-01-01T05:30:00+05:30", "1969-12-31 18:30:00-05:30", "1969-12-31 24:00:00+00", "1969-12-31 23:59:60+00"},
		{"2000-02-29 00:00:00+00"},
		{"2026-01-02 03:04:05+00", "2026-01-02t03:04:05z", "2026-01-02T03:04:05", "2026-01-02T05:04:05+02", "2026-01-02T05:04:05 +0200", "2026-01-02 05:04:35+02:00:30", "+2026-01-02T03:04:05.000000000000Z"},
		{"2026-01-02 03:04:05.1+00", "2026-01-02T03:04:05.100Z"},
		{"2026-01-02 03:04:05.123456+00"},
		{"2026-01-02T03:04:05.123456789Z"},
		{"9999-12-31 23:59:59+00"},
		{"12345-01-01 00:00:00+00", "+12345-01-01T00:00:00Z"},
		{"294276-12-31 23:59:59.999999+00"},
		{"infinity", "Infinity"},
	}},
	{"timestamp", Column{Kind: Timestamp}, [][]string{
		{"0044-03-15 12:00:00 BC"}, {"2026-01-02 03:04:05", "2026-01-02T03:04:05Z", "2026-01-02T04:04:05+01:00"}, {"2026-01-02 03:04:05.5"},
	}},
	{"date", Column{Kind: Date}, [][]string{
		{"-infinity"}, {"4714-11-24 BC"}, {"0001-12-31 BC"}, {"0001-01-01"}, {"1970-01-01"}, {"2024-02-29"}, {"2024-03-01"}, {"5874897-12-31"}, {"infinity"},
	}},
	{"time", Column{Kind: Time}, [][]string{
		{"00:00:00", "00:00", "01:00:00+01"}, {"03:04:05", "03:04:05.000", "03:04:05Z"}, {"03:04:05.000001"}, {"03:04:05.1", "03:04:05.10"}, {"23:59:59.999999"}, {"24:00:00"},
	}},
	{"json", Column{Kind: JSON}, [][]string{
		{"null", " null "},
		{`""`},
		{`"a"`, `"\u0061"`},
		{`"b"`},
		{"1", "1.0", "1e0", "10e-1"},
		{"9007199254740993"},
		{"9007199254740994"},
		{"false"},
		{"true"},
		{"[]"},
		{"[2]", "[ 2.0 ]"},
		{"[1,2]"},
		{"{}"},
		{`{"b":1}`},
		{`{"b":2}`},
		{`{"aa":1}`},
		{`{"a":1,"b":2}`, `{ "b": 2, "a": 0, "a": 1 }`},
	}},
	{"array", Column{Kind: Array, Elem: Integer}, [][]string{
		{"{}"}, {"{1}"}, {"{1,2}", "[0:1]={1,2}", `{"1","2"}`}, {"{1,2,3}"}, {"{1,10}"}, {"{2}"}, {"{{1}}"}, {"{{1},{2}}"}, {"{NULL}"}, {"{NULL,1}"},
	}},
	{"array of text", Column{Kind: Array}, [][]string{
		{`{""}`}, {`{"NULL"}`}, {`{a}`, `{"a"}`}, {`{"a b"}`}, {`{"a\"b"}`}, {`{"a,b"}`}, {`{"a\\b"}`}, {`{null}`}, {`{é}`}, {"{NULL}"},
	}},
	{"enum", Column{Kind: Enumeration, Enum: color}, [][]string{{"red"}, {"green"}, {"blue"}}},
}

func TestCompareLadders(t *testing.T) {
	for _, l := range ladders {
		t.Run(l.name, func(t *testing.T) {
			for i, a := range l.rungs {
				for j, b := range l.rungs {
					for _, x := range a {
						for _, y := range b {
							checkPair(t, &l.column, x, y, cmp.Compare(i, j))
						}
					}
				}
			}
		})
	}
}

// checkPair holds all ways to compare two texts against what they must say.
func checkPair(t *testing.T, c *Column, x, y string, want int) {
	t.Helper()
	if got, ok := c.Compare(x, y); !ok || sign(got) != want {
		t.Errorf("Compare(%q, %q) = %d, %v, want %d", x, y, got, ok, want)
	}
	v, err := c.Parse(x)
	w, err2 := c.Parse(y)
	if err != nil || err2 != nil {
		t.Fatalf("Parse(%q), Parse(%q): %v, %v", x, y, err, err2)
	}
	if got := sign(v.Compare(&w)); got != want {
		t.Errorf("Value.Compare(%q, %q) = %d, want %d", x, y, got, want)
	}
	if got, ok := w.CompareCell(x); !ok || sign(got) != want {
		t.Errorf("CompareCell(%q) to %q = %d, %v, want %d", x, y, got, ok, want)
	}
	if same := v.String() == w.String(); same != (want == 0) {
		t.Errorf("canonical texts of %q and %q: %s and %s", x, y, &v, &w)
	}
}

func sign(n int) int { return cmp.Compare(n, 0) }

// TestCanonicalText checks the form, and that both String and AppendJSON read
// back as the same value.
func TestCanonicalText(t *testing.T) {
	for _, c := range []struct {
		column     Column
		text, want string
		json       string
	}{
		{Column{Kind: Integer}, "1e2", "100", `100`},
		{Column{Kind: Integer}, "-9223372036854775808", "-9223372036854775808", `-9223372036854775808`},
		{Column{Kind: BigInt}, "18446744073709551615", "18446744073709551615", `"18446744073709551615"`},
		{Column{Kind: Decimal}, "1.50", "1.5", `"1.5"`},
		{Column{Kind: Decimal}, "-0012.3400", "-12.34", `"-12.34"`},
		{Column{Kind: Decimal}, "1200", "1200", `"1200"`},
		{Column{Kind: Decimal}, "1.2e3", "1200", `"1200"`},
		{Column{Kind: Decimal}, "0.00120", "0.0012", `"0.0012"`},
		{Column{Kind: Decimal}, "1.25e100", "1.25e100", `"1.25e100"`},
		{Column{Kind: Decimal}, "-1e-100", "-1e-100", `"-1e-100"`},
		{Column{Kind: Decimal}, "nan", "NaN", `"NaN"`},
		{Column{Kind: Decimal}, "-inf", "-Infinity", `"-Infinity"`},
		{Column{Kind: Float}, "1e-07", "1e-07", `1e-07`},
		{Column{Kind: Float}, "-0", "0", `0`},
		{Column{Kind: Float}, "100000000000000000000", "100000000000000000000", `100000000000000000000`},
		{Column{Kind: Float}, "-Infinity", "-Infinity", `"-Infinity"`},
		{Column{Kind: String}, "a\"\n", "a\"\n", `"a\"\n"`},
		{Column{Kind: UUID}, "A0EEBC999C0B4EF8BB6D6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", `"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"`},
		{Column{Kind: Boolean}, "t", "true", `true`},
		{Column{Kind: Timestamp, Zoned: true}, "2026-01-02 03:04:05.120+00", "2026-01-02T03:04:05.12Z", `"2026-01-02T03:04:05.12Z"`},
		{Column{Kind: Timestamp}, "2026-01-02 03:04:05", "2026-01-02T03:04:05", `"2026-01-02T03:04:05"`},
		{Column{Kind: Timestamp, Zoned: true}, "0044-03-15 12:00:00+00 BC", "0044-03-15 12:00:00+00 BC", `"0044-03-15 12:00:00+00 BC"`},
		{Column{Kind: Timestamp}, "-infinity", "-infinity", `"-infinity"`},
		{Column{Kind: Date}, "12345-01-02", "12345-01-02", `"12345-01-02"`},
		{Column{Kind: Date}, "0044-03-15 BC", "0044-03-15 BC", `"0044-03-15 BC"`},
		{Column{Kind: Time}, "03:04", "03:04:00", `"03:04:00"`},
		{Column{Kind: Time}, "24:00:00", "24:00:00", `"24:00:00"`},
		{Column{Kind: JSON}, `{"b":[1.0, true, null],"a":"x"}`, `{"a":"x","b":[1,true,null]}`, `{"a":"x","b":[1,true,null]}`},
		{Column{Kind: Array, Elem: Float}, `{1.50,NULL,{NaN}}`, `[1.5,null,["NaN"]]`, `[1.5,null,["NaN"]]`},
		{Column{Kind: Array, Elem: JSON}, `{"{\"a\": 1}"}`, `[{"a":1}]`, `[{"a":1}]`},
		{Column{Kind: Enumeration, Enum: color}, "green", "green", `"green"`},
	} {
		t.Run(c.column.Kind.String()+" "+c.text, func(t *testing.T) {
			v, err := c.column.Parse(c.text)
			if err != nil {
				t.Fatal(err)
			}
			if v.String() != c.want {
				t.Errorf("String() = %s, want %s", &v, c.want)
			}
			if got := string(v.AppendJSON(nil)); got != c.json {
				t.Errorf("AppendJSON() = %s, want %s", got, c.json)
			}
			readBack(t, &c.column, &v)
		})
	}
}

// readBack checks that a value's JSON gives the value again.
func readBack(t *testing.T, c *Column, v *Value) {
	t.Helper()
	text := string(v.AppendJSON(nil))
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var in any
	if err := d.Decode(&in); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if c.Kind == JSON && in == nil {
		return // null is no constant
	}
	w, err := c.Constant(in)
	if err != nil {
		t.Fatalf("Constant(%s): %v", text, err)
	}
	if v.Compare(&w) != 0 || string(w.AppendJSON(nil)) != text {
		t.Errorf("%s reads back as %s", text, w.AppendJSON(nil))
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct {
		column Column
		text   string
		want   string
	}{
		{Column{Kind: Integer}, "abc", `expected an integer, got "abc": not a whole number`},
		{Column{Kind: Integer}, "", "not a whole number"},
		{Column{Kind: Integer}, "-", "not a whole number"},
		{Column{Kind: Integer}, "1.5", "not a whole number"},
		{Column{Kind: Integer}, "1e-1", "not a whole number"},
		{Column{Kind: Integer}, "NaN", "not a whole number"},
		{Column{Kind: BigInt}, "18446744073709551616", "outside the range"},
		{Column{Kind: BigInt}, "-9223372036854775809", "outside the range"},
		{Column{Kind: BigInt}, "1e999999", "outside the range"},
		{Column{Kind: Decimal}, "1.2.3", `expected a decimal number, got "1.2.3"`},
		{Column{Kind: Decimal}, "1e", "decimal"},
		{Column{Kind: Decimal}, ".", "decimal"},
		{Column{Kind: Decimal}, "e5", "decimal"},
		{Column{Kind: Decimal}, "0x10", "decimal"},
		{Column{Kind: Decimal}, "1e9999999999", "decimal"},
		{Column{Kind: Float}, "0x1p4", "a number"},
		{Column{Kind: Float}, "1_000", "a number"},
		{Column{Kind: Float}, "--1", "a number"},
		{Column{Kind: UUID}, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1", "a UUID"},
		{Column{Kind: UUID}, "a0eebc999-c0b-4ef8-bb6d-6bb9bd380a11", "a UUID"},
		{Column{Kind: UUID}, "g0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a UUID"},
		{Column{Kind: UUID}, "a0eebc99a9c0b-4ef8-bb6d-6bb9bd380a11", "a UUID"},
		{Column{Kind: Boolean}, "yes", "true or false"},
		{Column{Kind: Timestamp}, "", "a timestamp"},
		{Column{Kind: Timestamp}, "nan", "a timestamp"},
		{Column{Kind: Timestamp}, "yesterday", "a timestamp"},
		{Column{Kind: Timestamp}, "2026-02-29", "no such day"},
		{Column{Kind: Timestamp}, "2026-13-01", "no such day"},
		{Column{Kind: Timestamp}, "0000-01-01 BC", "no such day"},
		{Column{Kind: Timestamp}, "2026-01-02T25:00:00", "no such time"},
		{Column{Kind: Timestamp}, "2026-01-02T24:00:00.1", "no such time"},
		{Column{Kind: Timestamp}, "2026-01-02T23:60:00", "no such time"},
		{Column{Kind: Timestamp}, "2026-01-02T03:04:05.", "malformed"},
		{Column{Kind: Timestamp}, "2026-01-02T03:04:05.1234567891", "nine digits"},
		{Column{Kind: Timestamp}, "2026-01-02T03:04:05+24", "no such offset"},
		{Column{Kind: Timestamp}, "2026-01-02T03:04:05Q", "malformed"},
		{Column{Kind: Timestamp}, "2026-1-2", "malformed"},
		{Column{Kind: Timestamp}, "1767323045", "malformed"},
		{Column{Kind: Date}, "2026-01-02T03:04:05Z", "a date"},
		{Column{Kind: Date}, "99999999-01-01", "a date"},
		{Column{Kind: Time}, "3:04", "a time"},
		{Column{Kind: Time}, "03:04:05 BC", "a time"},
		{Column{Kind: JSON}, `{"a":`, "a JSON value"},
		{Column{Kind: JSON}, `1 2`, "a JSON value"},
		{Column{Kind: JSON}, ``, "a JSON value"},
		{Column{Kind: Array}, `{1,2`, "an array"},
		{Column{Kind: Array}, `{1,}`, "an array"},
		{Column{Kind: Array}, `{"a`, "an array"},
		{Column{Kind: Array}, `{"a\`, "an array"},
		{Column{Kind: Array}, `{a"b}`, "an array"},
		{Column{Kind: Array}, `{}x`, "an array"},
		{Column{Kind: Array, Elem: Integer}, `{a}`, "an element is not an integer"},
		{Column{Kind: Array}, strings.Repeat("{", 100), "malformed"},
		{Column{Kind: Enumeration, Enum: color}, "Red", `expected one of red, green, blue, got "Red"`},
	} {
		t.Run(fmt.Sprintf("%v %.30s", c.column.Kind, c.text), func(t *testing.T) {
			v, err := c.column.Parse(c.text)
			if err == nil {
				t.Fatalf("parsed as %s", &v)
			}
			if _, ok := errors.AsType[*ParseError](err); !ok || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%T %v, want %s", err, err, c.want)
			}
		})
	}
}

// TestCompareUnreadable: what cannot be parsed sorts after what can, by text,
// so that a list that holds both still has one order.
func TestCompareUnreadable(t *testing.T) {
	c := Column{Kind: Integer}
	order := []string{"9", "10", "1x", "abc"}
	for i, x := range order {
		for j, y := range order {
			got, ok := c.Compare(x, y)
			if sign(got) != cmp.Compare(i, j) || ok != (i < 2 && j < 2) {
				t.Errorf("Compare(%s, %s) = %d, %v", x, y, got, ok)
			}
		}
	}
}

func TestQuote(t *testing.T) {
	if got := Quote(strings.Repeat("é", 100)); got != `"`+strings.Repeat("é", 40)+`"...` {
		t.Error(got)
	}
	if got := Quote("a\nb"); got != `"a\nb"` {
		t.Error(got)
	}
}

// TestDecimalAgainstBig compares random decimals with math/big.
func TestDecimalAgainstBig(t *testing.T) {
	const seed = 7
	rnd := rand.New(rand.NewPCG(seed, seed))
	number := func() string {
		var b strings.Builder
		if rnd.IntN(2) == 0 {
			b.WriteByte('-')
		}
		for range rnd.IntN(25) {
			b.WriteByte("0012345678999"[rnd.IntN(13)])
		}
		b.WriteByte("0123456789"[rnd.IntN(10)])
		if rnd.IntN(2) == 0 {
			b.WriteByte('.')
			for range rnd.IntN(25) {
				b.WriteByte("0000123999"[rnd.IntN(10)])
			}
		}
		if rnd.IntN(4) == 0 {
			fmt.Fprintf(&b, "e%d", rnd.IntN(40)-20)
		}
		return b.String()
	}
	dec, whole := Column{Kind: Decimal}, Column{Kind: BigInt}
	low, high := new(big.Int).Lsh(big.NewInt(-1), 63), new(big.Int).Lsh(big.NewInt(1), 64)
	for range 20_000 {
		x, y := number(), number()
		if rnd.IntN(8) == 0 {
			y = x + "0"
			if !strings.ContainsAny(x, ".e") {
				y = x + ".000"
			}
		}
		a, aok := new(big.Rat).SetString(x)
		b, bok := new(big.Rat).SetString(y)
		if !aok || !bok {
			t.Fatalf("big.Rat does not know %q or %q", x, y)
		}
		if got, ok := dec.Compare(x, y); !ok || sign(got) != a.Cmp(b) {
			t.Fatalf("seed %d: Compare(%s, %s) = %d, %v, want %d", seed, x, y, got, ok, a.Cmp(b))
		}
		v, _ := dec.Parse(x)
		if c, ok := new(big.Rat).SetString(v.String()); !ok || c.Cmp(a) != 0 {
			t.Fatalf("seed %d: %s became %s", seed, x, &v)
		}
		inside := a.IsInt() && a.Num().Cmp(low) >= 0 && a.Num().Cmp(high) < 0
		i, err := whole.Parse(x)
		if (err == nil) != inside || inside && i.String() != a.Num().String() {
			t.Fatalf("seed %d: integer %s became %s, %v", seed, x, &i, err)
		}
	}
}

// TestTimestampAgainstTime compares parsing with package time, over all years
// that both know.
func TestTimestampAgainstTime(t *testing.T) {
	const seed = 11
	rnd := rand.New(rand.NewPCG(seed, seed))
	c := Column{Kind: Timestamp, Zoned: true}
	first, last := time.Date(0, 1, 2, 0, 0, 0, 0, time.UTC).Unix(), time.Date(9999, 12, 30, 0, 0, 0, 0, time.UTC).Unix()
	for range 20_000 {
		want := time.Unix(first+rnd.Int64N(last-first), rnd.Int64N(1e9)).UTC()
		east := time.FixedZone("", (rnd.IntN(27)-13)*1800)
		for _, text := range []string{want.Format(time.RFC3339Nano), want.In(east).Format(time.RFC3339Nano), want.Format("2006-01-02 15:04:05.999999999-07")} {
			v, err := c.Parse(text)
			if err != nil || v.hi != want.Unix() || v.lo != uint64(want.Nanosecond()) {
				t.Fatalf("seed %d: %s became %s, %v", seed, text, &v, err)
			}
			if want.Year() > 0 && v.String() != want.Format(time.RFC3339Nano) {
				t.Fatalf("seed %d: %s is written as %s", seed, text, &v)
			}
		}
	}
}

func TestTextOfCells(t *testing.T) {
	for _, c := range []struct {
		column     Column
		cell, want string
		ok         bool
	}{
		{Column{Kind: String}, "a B", "a B", true},
		{Column{Kind: Decimal}, "1.50", "1.50", true},
		{Column{Kind: UUID}, "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", true},
		{Column{Kind: UUID}, "x", "", false},
		{Column{Kind: Timestamp, Zoned: true}, "2026-01-02 03:04:05.5+00", "2026-01-02T03:04:05.5Z", true},
		{Column{Kind: Timestamp}, "soon", "", false},
		{Column{Kind: JSON}, `{"b": 1, "a": [1, 2]}`, `{"b":1,"a":[1,2]}`, true},
		{Column{Kind: JSON}, `{`, "", false},
		{Column{Kind: Array, Elem: Integer}, "{1,2}", "[1,2]", true},
	} {
		if got, ok := c.column.Text(c.cell); got != c.want || ok != c.ok {
			t.Errorf("%v: Text(%s) = %s, %v", c.column.Kind, c.cell, got, ok)
		}
	}
}

// TestCompareCellAllocates pins down which types compare without garbage.
func TestCompareCellAllocates(t *testing.T) {
	for _, l := range ladders {
		if l.column.Kind == JSON || l.column.Kind == Array {
			continue
		}
		a, b := l.rungs[0][0], l.rungs[len(l.rungs)-1][0]
		v, err := l.column.Parse(a)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() { v.CompareCell(b) }); n != 0 {
			t.Errorf("%s: %v allocations", l.name, n)
		}
	}
}

func FuzzParseValue(f *testing.F) {
	for _, l := range ladders {
		for _, rung := range l.rungs {
			for _, text := range rung {
				f.Add(uint8(l.column.Kind), l.column.Zoned, text, rung[0])
			}
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, zoned bool, text, other string) {
		if kind > uint8(Enumeration) {
			return
		}
		c := Column{Kind: Kind(kind), Elem: Kind(len(text) % int(Array)), Zoned: zoned, Enum: color}
		v, err := c.Parse(text)
		if order, ok := c.Compare(text, text); order != 0 || ok != (err == nil) {
			t.Fatalf("%v: Compare(%q, itself) = %d, %v, Parse says %v", c.Kind, text, order, ok, err)
		}
		if err != nil {
			return
		}
		if strings.ToValidUTF8(text, "") == text {
			readBack(t, &c, &v)
		}
		w, err := c.Parse(other)
		if err != nil {
			return
		}
		order := sign(v.Compare(&w))
		if sign(w.Compare(&v)) != -order {
			t.Fatalf("%v: %q and %q have no order", c.Kind, text, other)
		}
		if got, ok := w.CompareCell(text); !ok || sign(got) != order {
			t.Fatalf("%v: CompareCell(%q) to %q = %d, %v, want %d", c.Kind, text, other, got, ok, order)
		}
		if same := v.String() == w.String(); same != (order == 0) && c.Kind != String {
			t.Fatalf("%v: %q and %q compare as %d but are written %s and %s", c.Kind, text, other, order, &v, &w)
		}
	})
}

func BenchmarkCompareCell(b *testing.B) {
	for _, l := range ladders {
		v, err := l.column.Parse(l.rungs[0][0])
		if err != nil {
			b.Fatal(err)
		}
		cell := l.rungs[len(l.rungs)/2][0]
		b.Run(l.name, func(b *testing.B) {
			for b.Loop() {
				v.CompareCell(cell)
			}
		})
	}
}
