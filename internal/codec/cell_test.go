package codec

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tycostream/tycostream/internal/relation"
)

// cell encodes one text as a column of its own and returns the JSON, with the
// fault that was counted, if any.
func cell(tb testing.TB, col relation.Column, style bool, text string) (string, Fault) {
	tb.Helper()
	sh := Shape{Schema: &relation.Schema{Columns: []relation.Column{col}}, StringScalars: style}
	sh.Anomalies = NewAnomalies(sh.Schema)
	got := string(newColumn(&sh, 0).append([]byte("kept"), text))
	got, ok := strings.CutPrefix(got, "kept")
	if !ok {
		tb.Fatalf("what was in the buffer is gone: %q", got)
	}
	for a := range sh.Anomalies.All() {
		return got, a.Fault
	}
	return got, 0
}

var (
	side   = &relation.Enum{Name: "side", Values: []string{"buy", "sell"}}
	stamps = relation.Column{Kind: relation.Timestamp}
	zoned  = relation.Column{Kind: relation.Timestamp, Zoned: true}
	enum   = relation.Column{Kind: relation.Enumeration, Enum: side}
)

func of(k relation.Kind) relation.Column { return relation.Column{Kind: k} }

func arrayOf(k relation.Kind) relation.Column {
	return relation.Column{Kind: relation.Array, Elem: k}
}

// cellCase is one text of a column, and the JSON it becomes.
type cellCase struct {
	name  string
	col   relation.Column
	text  string
	want  string
	fault Fault
}

// The cases below hold the texts that Materialize and PostgreSQL print for each
// type, and some that neither does.

func TestNumberCells(t *testing.T) {
	testCells(t, []cellCase{
		{"int2 low", of(relation.Integer), "-32768", "-32768", 0},
		{"int4 low", of(relation.Integer), "-2147483648", "-2147483648", 0},
		{"int4 high", of(relation.Integer), "2147483647", "2147483647", 0},
		{"above int4", of(relation.Integer), "2147483648", "null", OutsideInt32},
		{"below int4", of(relation.Integer), "-2147483649", "null", OutsideInt32},
		{"ten digits", of(relation.Integer), "9999999999", "null", OutsideInt32},
		{"uint8 as Integer", of(relation.Integer), "18446744073709551615", "null", OutsideInt32},
		{"zero", of(relation.Integer), "0", "0", 0},
		{"empty integer", of(relation.Integer), "", "null", Malformed},
		{"numeric(10,2) as Integer", of(relation.Integer), "-5.00", "-5", 0},
		{"fraction", of(relation.Integer), "5.50", "null", Malformed},
		{"point", of(relation.Integer), "5.", "null", Malformed},
		{"fraction alone", of(relation.Integer), ".0", "null", Malformed},
		{"leading zero", of(relation.Integer), "07", "null", Malformed},
		{"plus", of(relation.Integer), "+7", "null", Malformed},
		{"minus alone", of(relation.Integer), "-", "null", Malformed},
		{"space", of(relation.Integer), "7 ", "null", Malformed},

		{"int8 low", of(relation.BigInt), "-9223372036854775808", `"-9223372036854775808"`, 0},
		{"uint8 high, mz_timestamp", of(relation.BigInt), "18446744073709551615", `"18446744073709551615"`, 0},
		{"beyond 2^53", of(relation.BigInt), "9007199254740993", `"9007199254740993"`, 0},
		{"numeric as BigInt", of(relation.BigInt), "9007199254740993.0", `"9007199254740993"`, 0},
		{"fraction as BigInt", of(relation.BigInt), "9007199254740993.5", "null", Malformed},
		{"not digits", of(relation.BigInt), `1"`, "null", Malformed},

		{"float4 low", of(relation.Float), "-3.4028235e+38", "-3.4028235e+38", 0},
		{"float4 small", of(relation.Float), "1.1754944e-38", "1.1754944e-38", 0},
		{"float4 epsilon", of(relation.Float), "1.1920929e-7", "1.1920929e-7", 0},
		{"float8 low", of(relation.Float), "-1.7976931348623157e+308", "-1.7976931348623157e+308", 0},
		{"float8 small", of(relation.Float), "2.2250738585072014e-308", "2.2250738585072014e-308", 0},
		{"float8 epsilon", of(relation.Float), "2.220446049250313e-16", "2.220446049250313e-16", 0},
		{"PostgreSQL exponent", of(relation.Float), "1e-05", "1e-05", 0},
		{"PostgreSQL high", of(relation.Float), "1e+15", "1e+15", 0},
		{"Materialize high", of(relation.Float), "1e+16", "1e+16", 0},
		{"minus zero", of(relation.Float), "-0", "-0", 0},
		{"whole", of(relation.Float), "12", "12", 0},
		{"numeric as Float", of(relation.Float), "0.10000000000000000001", "0.10000000000000000001", 0},
		{"NaN", of(relation.Float), "NaN", "null", 0},
		{"Infinity", of(relation.Float), "Infinity", "null", 0},
		{"-Infinity", of(relation.Float), "-Infinity", "null", 0},
		{"no digit before the point", of(relation.Float), ".5", "null", Malformed},
		{"no digit after the point", of(relation.Float), "5.", "null", Malformed},
		{"no exponent", of(relation.Float), "1e+", "null", Malformed},
		{"hexadecimal", of(relation.Float), "0x10", "null", Malformed},
		{"two numbers", of(relation.Float), "1,2", "null", Malformed},

		{"numeric", of(relation.Decimal), "0.0000000000000002220446049250313", `"0.0000000000000002220446049250313"`, 0},
		{"numeric high", of(relation.Decimal), "-120000000000000000000", `"-120000000000000000000"`, 0},
		{"numeric small", of(relation.Decimal), "0.000000000000000000012", `"0.000000000000000000012"`, 0},
		{"trailing zeros", of(relation.Decimal), "1.500", `"1.500"`, 0},
		{"39 digits", of(relation.Decimal), strings.Repeat("9", 39), `"` + strings.Repeat("9", 39) + `"`, 0},
		{"numeric NaN", of(relation.Decimal), "NaN", `"NaN"`, 0},
		{"numeric Infinity", of(relation.Decimal), "Infinity", `"Infinity"`, 0},
		{"numeric -Infinity", of(relation.Decimal), "-Infinity", `"-Infinity"`, 0},
		{"float as Decimal", of(relation.Decimal), "1e-05", `"1e-05"`, 0},
		{"money", of(relation.Decimal), "$1.50", "null", Malformed},
	})
}

func TestTextCells(t *testing.T) {
	testCells(t, []cellCase{
		{"empty text", of(relation.String), "", `""`, 0},
		{"padded char", of(relation.String), "ab  ", `"ab  "`, 0},
		{"controls", of(relation.String), "a\tb\r\n\b\f\v\x00\x7f", `"a\tb\r\n\u0008\u000c\u000b\u0000` + "\x7f" + `"`, 0},
		{"quotes", of(relation.String), `say "\x"`, `"say \"\\x\""`, 0},
		{"not UTF-8", of(relation.String), "\xe9t\xe9", `"` + "\ufffdt\ufffd" + `"`, 0},
		{"line separators", of(relation.String), "a\u2028\u2029", `"a\u2028\u2029"`, 0},
		{"emoji", of(relation.String), "é🙂", `"é🙂"`, 0},
		{"interval", of(relation.String), "1 year 2 months 3 days 04:05:06.7", `"1 year 2 months 3 days 04:05:06.7"`, 0},
		{"negative interval", of(relation.String), "-1 months -1 days -00:00:00.000001", `"-1 months -1 days -00:00:00.000001"`, 0},
		{"bytea", of(relation.String), `\xff`, `"\\xff"`, 0},
		{"map", of(relation.String), `{"a=>"=>2}`, `"{\"a=>\"=>2}"`, 0},
		{"range", of(relation.String), "[1,3)", `"[1,3)"`, 0},
		{"record", of(relation.String), `(a,,"x y")`, `"(a,,\"x y\")"`, 0},
		{"oid", of(relation.String), "4294967295", `"4294967295"`, 0},

		{"uuid", of(relation.UUID), "ffffffff-ffff-ffff-ffff-ffffffffffff", `"ffffffff-ffff-ffff-ffff-ffffffffffff"`, 0},
		{"uuid in capitals", of(relation.UUID), "C1F3A4B5-0000-4000-8000-0123456789AB", `"c1f3a4b5-0000-4000-8000-0123456789ab"`, 0},
		{"bare uuid", of(relation.UUID), "{c1f3a4b50000400080000123456789ab}", `"c1f3a4b5-0000-4000-8000-0123456789ab"`, 0},
		{"uuid, bad digit", of(relation.UUID), "g1f3a4b5-0000-4000-8000-0123456789ab", `"g1f3a4b5-0000-4000-8000-0123456789ab"`, 0},
		{"uuid, misplaced dash", of(relation.UUID), "c1f3a4b-50000-4000-8000-0123456789ab", `"c1f3a4b-50000-4000-8000-0123456789ab"`, 0},
		{"text as UUID", of(relation.UUID), "Order \"7\"", `"Order \"7\""`, 0},

		{"true", of(relation.Boolean), "t", "true", 0},
		{"false", of(relation.Boolean), "f", "false", 0},
		{"not boolean", of(relation.Boolean), "yes", "null", Malformed},

		{"enum", enum, "sell", `"sell"`, 0},
		{"outside the enum", enum, "short", "null", OutsideEnum},
		{"enum, other case", enum, "Buy", "null", OutsideEnum},
	})
}

func TestTimeCells(t *testing.T) {
	testCells(t, []cellCase{
		{"timestamp", stamps, "1970-01-01 00:00:00", `"1970-01-01T00:00:00"`, 0},
		{"timestamp, fraction", stamps, "1970-01-01 00:00:00.123457", `"1970-01-01T00:00:00.123457"`, 0},
		{"timestamp, BC", stamps, "4714-12-31 00:00:00 BC", `"4714-12-31 00:00:00 BC"`, 0},
		{"timestamp, far", stamps, "262142-12-31 23:59:59", `"262142-12-31T23:59:59"`, 0},
		{"timestamptz", zoned, "1970-01-01 00:00:00.123457+00", `"1970-01-01T00:00:00.123457Z"`, 0},
		{"timestamptz, BC", zoned, "4714-12-31 00:00:00+00 BC", `"4714-12-31 00:00:00+00 BC"`, 0},
		{"leap second", zoned, "2016-12-31 23:59:60+00", `"2016-12-31T23:59:60Z"`, 0},
		{"infinity", zoned, "infinity", `"infinity"`, 0},
		{"-infinity", stamps, "-infinity", `"-infinity"`, 0},
		{"product's example", zoned, "2026-01-02 03:04:05.678+00", `"2026-01-02T03:04:05.678Z"`, 0},
		{"+02", zoned, "2026-01-01 01:30:00.5+02", `"2025-12-31T23:30:00.5Z"`, 0},
		{"+05:30", zoned, "2026-01-02 03:04:05.678+05:30", `"2026-01-01T21:34:05.678Z"`, 0},
		{"-03:30", zoned, "2024-02-28 21:00:00-03:30", `"2024-02-29T00:30:00Z"`, 0},
		{"local mean time", zoned, "1905-01-01 00:00:00+00:19:32", `"1904-12-31T23:40:28Z"`, 0},
		{"far, with offset", zoned, "262142-12-31 23:59:59-01", `"262143-01-01T00:59:59Z"`, 0},
		{"into BC", zoned, "0001-01-01 00:30:00.25+01", `"0001-12-31 23:30:00.25+00 BC"`, 0},
		{"offset in a column without zone", stamps, "2026-01-02 03:04:05+01", `"2026-01-02T02:04:05Z"`, 0},
		{"zoned column, no offset", zoned, "2026-01-02 03:04:05", `"2026-01-02T03:04:05Z"`, 0},
		{"ISO 8601 already", zoned, "2026-01-02T03:04:05Z", `"2026-01-02T03:04:05Z"`, 0},
		{"no seconds", stamps, "2026-01-02 03:04", "null", Malformed},
		{"no time", stamps, "2026-01-02", "null", Malformed},
		{"month 13", stamps, "2026-13-02 03:04:05", "null", Malformed},
		{"day 0", stamps, "2026-12-00 03:04:05", "null", Malformed},
		{"hour 25", stamps, "2026-12-01 25:04:05", "null", Malformed},
		{"another style", stamps, "Fri Jan 02 03:04:05 2026", "null", Malformed},
		{"zone name", zoned, "2026-01-02 03:04:05 CET", "null", Malformed},
		{"empty fraction", zoned, "2026-01-02 03:04:05.+00", "null", Malformed},
		{"bad offset", zoned, "2026-01-02 03:04:05+0x", "null", Malformed},
		{"odd offset", zoned, "2026-01-02 03:04:05+05;30", "null", Malformed},
		{"huge year", zoned, "99999999-01-02 03:04:05+00", "null", Malformed},

		{"date", of(relation.Date), "2000-01-01", `"2000-01-01"`, 0},
		{"date, BC", of(relation.Date), "4714-11-24 BC", `"4714-11-24 BC"`, 0},
		{"date, far", of(relation.Date), "262142-12-31", `"262142-12-31"`, 0},
		{"date, infinity", of(relation.Date), "-infinity", `"-infinity"`, 0},
		{"date and more", of(relation.Date), "2000-01-01 00", "null", Malformed},
		{"not a date", of(relation.Date), "01/01/2000", "null", Malformed},

		{"time", of(relation.Time), "00:00:00", `"00:00:00"`, 0},
		{"time, fraction", of(relation.Time), "23:59:59.999999", `"23:59:59.999999"`, 0},
		{"end of day", of(relation.Time), "24:00:00", `"24:00:00"`, 0},
		{"timetz", of(relation.Time), "01:02:03+05:30", `"01:02:03+05:30"`, 0},
		{"not a time", of(relation.Time), "1:02:03", "null", Malformed},
		{"minute 60", of(relation.Time), "01:60:03", "null", Malformed},
	})
}

func testCells(t *testing.T, cases []cellCase) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			for _, style := range []bool{false, true} {
				if got, fault := cell(t, tc.col, style, tc.text); got != tc.want || fault != tc.fault {
					t.Errorf("%q in string style %t: got %s (%d), want %s (%d)", tc.text, style, got, fault, tc.want, tc.fault)
				}
			}
		})
	}
}

func TestJSONCells(t *testing.T) {
	testDocuments(t, []cellCase{
		{"true", of(relation.JSON), "true", "true", 0},
		{"null", of(relation.JSON), "null", "null", 0},
		{"empty string", of(relation.JSON), `""`, `""`, 0},
		{"blank string", of(relation.JSON), `" "`, `" "`, 0},
		{"apostrophe", of(relation.JSON), `"'"`, `"'"`, 0},
		{"quote", of(relation.JSON), `"\""`, `"\""`, 0},
		{"line ends", of(relation.JSON), `"\r\n"`, `"\r\n"`, 0},
		{"zero", of(relation.JSON), "0", "0", 0},
		{"minus one", of(relation.JSON), "-1", "-1", 0},
		{"Materialize object", of(relation.JSON), `{"a":3}`, `{"a":3}`, 0},
		{"39 digits", of(relation.JSON), strings.Repeat("9", 39), strings.Repeat("9", 39), 0},
		{"PostgreSQL jsonb", of(relation.JSON), `{"a": [1, 2.50, {"b": null}], "c": "x : , y"}`, `{"a":[1,2.50,{"b":null}],"c":"x : , y"}`, 0},
		{"PostgreSQL json", of(relation.JSON), "\n{ \"a\" :\r\n\t[ ] , \"b\": { } } ", `{"a":[],"b":{}}`, 0},
		{"repeated keys", of(relation.JSON), `{"a":1, "a":2}`, `{"a":1,"a":2}`, 0},
		{"escapes", of(relation.JSON), `"\u00e9\/\\\b\f\t"`, `"\u00e9\/\\\b\f\t"`, 0},
		{"not UTF-8", of(relation.JSON), "\"\xff\"", "\"\ufffd\"", 0},
		{"UTF-8", of(relation.JSON), `{"é": "🙂"}`, `{"é":"🙂"}`, 0},
		{"nothing", of(relation.JSON), "", "null", Malformed},
		{"two values", of(relation.JSON), "1 2", "null", Malformed},
		{"unfinished", of(relation.JSON), `{"a":`, "null", Malformed},
		{"trailing comma", of(relation.JSON), `[1,]`, "null", Malformed},
		{"no colon", of(relation.JSON), `{"a" 1}`, "null", Malformed},
		{"key without quotes", of(relation.JSON), `{a:1}`, "null", Malformed},
		{"raw line end in a string", of(relation.JSON), "\"a\nb\"", "null", Malformed},
		{"bad escape", of(relation.JSON), `"\x"`, "null", Malformed},
		{"short escape", of(relation.JSON), `"\u00g0"`, "null", Malformed},
		{"NaN", of(relation.JSON), "NaN", "null", Malformed},
		{"leading zero", of(relation.JSON), "[01]", "null", Malformed},
		{"too deep", of(relation.JSON), strings.Repeat("[", maxDepth+2) + strings.Repeat("]", maxDepth+2), "null", Malformed},
	})
}

func TestArrayCells(t *testing.T) {
	testDocuments(t, []cellCase{
		{"list", arrayOf(relation.Integer), "{1,2,3}", "[1,2,3]", 0},
		{"ragged list", arrayOf(relation.Integer), "{{1},{2,3}}", "[[1],[2,3]]", 0},
		{"quoted list", arrayOf(relation.String), `{foo,"f}o","\"\\",NULL,null,"NULL"}`, `["foo","f}o","\"\\",null,"null","NULL"]`, 0},
		{"empty list", arrayOf(relation.String), "{}", "[]", 0},
		{"empty lists in a list", arrayOf(relation.String), "{{},{a}}", `[[],["a"]]`, 0},
		{"text array", arrayOf(relation.String), `{o,oOOo,oOOo,"}"}`, `["o","oOOo","oOOo","}"]`, 0},
		{"int array", arrayOf(relation.Integer), "{1,2,3,NULL,NULL}", "[1,2,3,null,null]", 0},
		{"matrix", arrayOf(relation.Integer), "{{1},{2}}", "[[1],[2]]", 0},
		{"bounds", arrayOf(relation.Integer), "[0:1]={1,2}", "[1,2]", 0},
		{"many bounds", arrayOf(relation.Integer), "[1:1][-2:-1]={{1,2}}", "[[1,2]]", 0},
		{"empty text", arrayOf(relation.String), `{""," "}`, `[""," "]`, 0},
		{"escaped in many ways", arrayOf(relation.String), `{"\\x00","a\"b","é\\",a\,b}`, `["\\x00","a\"b","é\\","a,b"]`, 0},
		{"raw control bytes", arrayOf(relation.String), "{\"a\nb\",\"\\\"\t\"}", `["a\nb","\"\t"]`, 0},
		{"int8", arrayOf(relation.BigInt), "{9007199254740993}", `["9007199254740993"]`, 0},
		{"numeric", arrayOf(relation.Decimal), "{1.50,NaN}", `["1.50","NaN"]`, 0},
		{"float", arrayOf(relation.Float), "{1e-05,NaN,-0}", "[1e-05,null,-0]", 0},
		{"boolean", arrayOf(relation.Boolean), "{t,f,NULL}", "[true,false,null]", 0},
		{"timestamps", relation.Column{Kind: relation.Array, Elem: relation.Timestamp, Zoned: true}, `{"2026-01-02 03:04:05+00",infinity}`, `["2026-01-02T03:04:05Z","infinity"]`, 0},
		{"jsonb", arrayOf(relation.JSON), `{"{\"a\": 1}",2,"null"}`, `[{"a":1},2,null]`, 0},
		{"enum", relation.Column{Kind: relation.Array, Elem: relation.Enumeration, Enum: side}, `{buy,sell}`, `["buy","sell"]`, 0},
		{"one bad element", arrayOf(relation.Integer), "{1,x,9999999999}", "[1,null,null]", OutsideInt32},
		{"map elements", arrayOf(relation.String), `{"{a=>1}"}`, `["{a=>1}"]`, 0},
		{"nothing", arrayOf(relation.String), "", "null", Malformed},
		{"no braces", arrayOf(relation.String), "1,2", "null", Malformed},
		{"not closed", arrayOf(relation.String), "{1,2", "null", Malformed},
		{"quote not closed", arrayOf(relation.String), `{"a}`, "null", Malformed},
		{"backslash at the end", arrayOf(relation.String), `{a\`, "null", Malformed},
		{"more behind", arrayOf(relation.String), "{1}2", "null", Malformed},
		{"no element", arrayOf(relation.String), "{,}", "null", Malformed},
		{"no last element", arrayOf(relation.String), "{1,}", "null", Malformed},
		{"two values", arrayOf(relation.String), `{"a""b"}`, "null", Malformed},
		{"list then text", arrayOf(relation.String), "{{1}2}", "null", Malformed},
		{"bounds alone", arrayOf(relation.String), "[0:1]=", "null", Malformed},
		{"bad bounds", arrayOf(relation.String), "[0]={1}", "null", Malformed},
		{"open bounds", arrayOf(relation.String), "[0:1", "null", Malformed},
		{"too deep", arrayOf(relation.String), strings.Repeat("{", maxDepth+2) + strings.Repeat("}", maxDepth+2), "null", Malformed},
	})
}

// testDocuments checks the kinds that `scalars: string` turns into strings of
// the JSON that typed style writes.
func testDocuments(t *testing.T, cases []cellCase) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			if got, fault := cell(t, tc.col, false, tc.text); got != tc.want || fault != tc.fault {
				t.Errorf("typed: got %s (%d), want %s (%d)", got, fault, tc.want, tc.fault)
			}
			got, fault := cell(t, tc.col, true, tc.text)
			if fault == Malformed {
				if got != "null" || tc.fault != Malformed {
					t.Errorf("string style: got %s (%d)", got, fault)
				}
				return
			}
			var text string
			if err := json.Unmarshal([]byte(got), &text); err != nil || text != tc.want || fault != tc.fault {
				t.Errorf("string style: got %s (%d), %v; want the text %s (%d)", got, fault, err, tc.want, tc.fault)
			}
		})
	}
}

func TestAnomalies(t *testing.T) {
	sh := tradesShape()
	enc, err := CompileRow(sh, fields("id", "side", "lastPrice", "meta"))
	if err != nil {
		t.Fatal(err)
	}
	bad := relation.Texts("9999999999", "short", "cheap", "", "", "{}", "1")
	for range 3 {
		if got, want := string(enc.Append(nil, bad)), `{"id":null,"side":null,"lastPrice":null,"meta":1}`; got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	_ = enc.Append(nil, row1)
	_ = enc.Append(nil, row2)
	want := []Anomaly{{"id", OutsideInt32, 3}, {"side", OutsideEnum, 3}, {"latest_price", Malformed, 3}}
	i := 0
	for a := range sh.Anomalies.All() {
		if i >= len(want) || a != want[i] {
			t.Errorf("anomaly %d is %v, want %v", i, a, want)
		}
		i++
	}
	if i != len(want) {
		t.Errorf("%d anomalies, want %d", i, len(want))
	}
	for range sh.Anomalies.All() {
		break // a caller may stop
	}
	if got := OutsideEnum.String(); got != "outside enum" {
		t.Errorf("the fault is called %q", got)
	}
}
