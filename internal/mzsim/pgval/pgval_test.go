package pgval_test

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/mzsim/pgval"
)

func TestTypes(t *testing.T) {
	for _, c := range []struct {
		in, name string
		oid      uint32
		size     int16
		typmod   int32
	}{
		{"int", "integer", 23, 4, -1},
		{"INT8", "bigint", 20, 8, -1},
		{"numeric", "numeric", 1700, -1, 2555947},
		{"numeric(39,0)", "numeric", 1700, -1, 2555908},
		{"decimal ( 10 , 2 )", "numeric", 1700, -1, 2555910},
		{"varchar(5)", "character varying", 1043, -1, 9},
		{"char", "character", 1042, -1, 5},
		{"timestamp(3) with time zone", "timestamp with time zone", 1184, 8, 3},
		{"timestamp", "timestamp without time zone", 1114, 8, -1},
		{"uint8", "uint8", 16464, 8, -1},
		{"text[]", "text[]", 1009, -1, -1},
		{"int4[][]", "integer[]", 1007, -1, -1},
		{"text list list", "list", 16384, -1, -1},
		{"map[text=>int]", "map", 16385, -1, -1},
		{"numrange", "numrange", 3906, -1, -1},
		{"mz_timestamp", "mz_timestamp", 16552, -1, -1},
	} {
		got, err := pgval.Parse(c.in)
		if err != nil || got.Name != c.name || got.OID != c.oid || got.Size != c.size || got.Typmod != c.typmod {
			t.Errorf("%s: %+v %v", c.in, got, err)
		}
	}
	for _, bad := range []string{"", "wat", "numeric(x)", "numeric)1(", "map[text]", "wat[]", "wat list", "map[text=>wat]"} {
		if _, err := pgval.Parse(bad); err == nil {
			t.Errorf("%q is not a type", bad)
		}
	}
	for _, oid := range []uint32{16, 20, 21, 23, 25, 1007, 1009, 1016, 1184, 1700, 2950, 3802, 16464} {
		if typ, ok := pgval.ByOID(oid); !ok || typ.OID != oid {
			t.Errorf("OID %d: %+v", oid, typ)
		}
	}
	if _, ok := pgval.ByOID(1); ok {
		t.Error("OID 1")
	}
}

func TestFormatFloat(t *testing.T) {
	for _, c := range []struct {
		v    float64
		bits int
		want string
	}{
		{0, 64, "0"},
		{math.Copysign(0, -1), 64, "-0"},
		{1e-5, 64, "0.00001"},
		{9.9e-6, 64, "9.9e-6"},
		{1e15, 64, "1000000000000000"},
		{1e16, 64, "1e+16"},
		{1e-6, 32, "0.000001"},
		{float64(float32(9e-7)), 32, "9e-7"},
		{float64(float32(9.5e12)), 32, "9500000000000"},
		{1e13, 32, "1e+13"},
		{math.Inf(-1), 32, "-Infinity"},
	} {
		if got := pgval.FormatFloat(c.v, c.bits); got != c.want {
			t.Errorf("%v: %s, not %s", c.v, got, c.want)
		}
	}
}

func TestCompare(t *testing.T) {
	for _, c := range []struct{ typ, low, high string }{
		{"bigint", "-5", "10"},
		{"bigint", "9007199254740992", "9007199254740993"},
		{"numeric", "9.9", "10"},
		{"numeric", "Infinity", "NaN"},
		{"numeric", "99999", "Infinity"},
		{"numeric", "-Infinity", "-1e3"},
		{"text", "10", "9"},
		{"date", "0001-01-01 BC", "0001-01-01"},
		{"date", "2024-01-31", "10000-01-01"},
		{"timestamp", "2024-01-01 00:00:00", "2024-01-01 00:00:00.000001"},
		{"interval", "1 day", "1 month"},
		{"boolean", "f", "t"},
	} {
		typ := pgval.Must(c.typ)
		if typ.Compare(c.low, c.high) >= 0 || typ.Compare(c.high, c.low) <= 0 || typ.Compare(c.low, c.low) != 0 {
			t.Errorf("%s: %s must be below %s", c.typ, c.low, c.high)
		}
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"1s": time.Second, "1.1s": 1100 * time.Millisecond, "10ms": 10 * time.Millisecond, "2 min": 2 * time.Minute, "1d": 24 * time.Hour,
		"1h 30m": 90 * time.Minute, "00:00:05": 5 * time.Second, "-3s": -3 * time.Second, "250 us": 250 * time.Microsecond, "1 week": 7 * 24 * time.Hour,
	} {
		if got, err := pgval.ParseDuration(text); err != nil || got != want {
			t.Errorf("%s: %v %v", text, got, err)
		}
	}
	for _, bad := range []string{"", "wat", "1 parsec", "1:2:3:4", "1e9999s"} {
		if _, err := pgval.ParseDuration(bad); err == nil {
			t.Errorf("%q", bad)
		}
	}
	if s := pgval.FormatDuration(90*time.Minute + time.Millisecond); s != "01:30:00.001" {
		t.Error(s)
	}
}

// TestBinaryRoundTrip checks that what Binary writes FromBinary reads.
func TestBinaryRoundTrip(t *testing.T) {
	for name, texts := range map[string][]string{
		"boolean": {"t", "f"}, "smallint": {"-3"}, "integer": {"7"}, "bigint": {"-9223372036854775808"}, "double precision": {"1.5", "-1e-20"},
		"numeric": {"0", "1.5", "-120000000000000000000", "0.0000001"}, "text": {"", "x"}, "uuid": {"ffffffff-ffff-ffff-ffff-ffffffffffff"},
		"jsonb": {`{"a":1}`}, "date": {"2024-02-29"}, "timestamp": {"2024-02-29 01:02:03.5"}, "bytea": {`\x00ff`}, "integer[]": {"{1,2,NULL}"}, "time": {"01:02:03.5"},
	} {
		typ := pgval.Must(name)
		for _, text := range texts {
			b, err := typ.Binary(text)
			if err != nil {
				t.Errorf("%s %s: %v", name, text, err)
				continue
			}
			back, err := typ.FromBinary(b)
			if err == nil {
				back, err = typ.Canon(back)
			}
			if err != nil || back != text {
				t.Errorf("%s: %q came back as %q (%v)", name, text, back, err)
			}
		}
	}
	u := pgval.Must("uint2")
	if b, err := u.Binary("513"); err != nil || !bytes.Equal(b, []byte{2, 1}) {
		t.Errorf("uint2: % x %v", b, err)
	}
}

func allTypes() []string {
	return []string{
		"boolean", "smallint", "integer", "bigint", "uint8", "real", "double precision", "numeric", "numeric(10,2)", "text", "char(5)", "bytea", "date", "time",
		"timestamp", "timestamptz", "timestamp(3)", "interval", "uuid", "jsonb", "int[]", "text[]", "text list", "int list list", "map[text=>text]", "map[text=>map[text=>int]]",
		"int4range", "numrange", "daterange", "tsrange", "mz_timestamp", "oid", "text list[]",
	}
}

// FuzzCanon checks that a canonical text is its own canonical text: what the
// server prints it must read as the same value.
func FuzzCanon(f *testing.F) {
	for i := range allTypes() {
		for _, s := range []string{"1", "-1.50e3", "t", "{1,2}", `{a=>"b c",d=>NULL}`, "[1,3)", "2024-02-29 01:02:03.456 BC", "1 year -2 mons 3:4:5.6", `{"a":[1,"x"]}`, `\xff`, `{"a b","c\\d",""}`} {
			f.Add(i, s)
		}
	}
	f.Fuzz(func(t *testing.T, n int, text string) {
		names := allTypes()
		typ := pgval.Must(names[(n%len(names)+len(names))%len(names)])
		once, err := typ.Canon(text)
		if err != nil {
			if strings.TrimSpace(err.Error()) == "" {
				t.Fatal("an error without text")
			}
			return
		}
		twice, err := typ.Canon(once)
		if err != nil || once != twice {
			t.Fatalf("%s: %q -> %q -> %q (%v)", typ.Name, text, once, twice, err)
		}
		if typ.Compare(once, once) != 0 {
			t.Fatalf("%s: %q differs from itself", typ.Name, once)
		}
	})
}
