package mzsim_test

import (
	"bytes"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tycostream/tycostream/internal/mzsim"
)

// values are V50 to V61 as SQL expressions with the text they print.
func values() [][2]string { //nolint:funlen // a table
	return [][2]string{
		{"true", "t"},
		{"false", "f"},
		{"'-32768'::int2", "-32768"},
		{"32767::int2", "32767"},
		{"'-9223372036854775808'::int8", "-9223372036854775808"},
		{"'18446744073709551615'::uint8", "18446744073709551615"},
		{"'-3.40282347e+38'::float4", "-3.4028235e+38"},
		{"'1.1754944e-38'::float4", "1.1754944e-38"},
		{"'1.1920929e-7'::float4", "1.1920929e-7"},
		{"'NaN'::float4", "NaN"},
		{"'Infinity'::float8", "Infinity"},
		{"'-Infinity'::float8", "-Infinity"},
		{"'-1.7976931348623157e+308'::float8", "-1.7976931348623157e+308"},
		{"'2.2250738585072014e-308'::float8", "2.2250738585072014e-308"},
		{"'2.220446049250313e-16'::float8", "2.220446049250313e-16"},
		{"'1e16'::float8", "1e+16"},
		{"'123456789012345.6'::float8", "123456789012345.6"},
		{"'-0'::float8", "-0"},
		{"'0.0000000000000002220446049250313'::numeric", "0.0000000000000002220446049250313"},
		{"'NaN'::numeric", "NaN"},
		{"'-1.2e20'::numeric", "-120000000000000000000"},
		{"'1.2e-20'::numeric", "0.000000000000000000012"},
		{"'-0.0000001'::numeric(10,2)", "0"},
		{"'-0.0'::numeric", "0"},
		{"'1.50'::numeric", "1.5"},
		{"'1.255'::numeric(10,2)", "1.26"},
		{"'1234567890123456789012345678901234567.895'::numeric", "1234567890123456789012345678901234567.9"},
		{"'2000-01-01'::date", "2000-01-01"},
		{"'4714-11-24 BC'::date", "4714-11-24 BC"},
		{"'262142-12-31'::date", "262142-12-31"},
		{"'00:00:00'::time", "00:00:00"},
		{"'23:59:59.999999'::time", "23:59:59.999999"},
		{"'1970-01-01'::timestamp", "1970-01-01 00:00:00"},
		{"'1970-01-01 00:00:00.123457'::timestamp", "1970-01-01 00:00:00.123457"},
		{"'4714-12-31 00:00:00 BC'::timestamp", "4714-12-31 00:00:00 BC"},
		{"'262142-12-31 23:59:59'::timestamp", "262142-12-31 23:59:59"},
		{"'1970-01-01 00:00:00.1234567'::timestamptz", "1970-01-01 00:00:00.123457+00"},
		{"'1970-01-01 02:00:00+02'::timestamptz", "1970-01-01 00:00:00+00"},
		{"'4714-12-31 00:00:00 BC'::timestamptz", "4714-12-31 00:00:00+00 BC"},
		{"'0'::interval", "00:00:00"},
		{"'1 month 1 day 1 us'::interval", "1 month 1 day 00:00:00.000001"},
		{"'1 month'::interval", "1 month"},
		{"'1 day'::interval", "1 day"},
		{"'-1 month'::interval", "-1 months"},
		{"'-1 day'::interval", "-1 days"},
		{"'-0.000001'::interval", "-00:00:00.000001"},
		{"'-1 month 1 day -1 s'::interval", "-1 months +1 day -00:00:01"},
		{"INTERVAL '1-2 3 4:5:6.7'", "1 year 2 months 3 days 04:05:06.7"},
		{"INTERVAL '1'", "00:00:01"},
		{`''::bytea`, `\x`},
		{`'\x00'::bytea`, `\x00`},
		{`'\xFF'::bytea`, `\xff`},
		{`E'a\\000'::bytea`, `\x6100`},
		{"'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF'::uuid", "ffffffff-ffff-ffff-ffff-ffffffffffff"},
		{"'4294967295'::oid", "4294967295"},
		{"'true'::jsonb", "true"},
		{"'null'::jsonb", "null"},
		{`'""'::jsonb`, `""`},
		{`'" "'::jsonb`, `" "`},
		{`'"''"'::jsonb`, `"'"`},
		{`'"\""'::jsonb`, `"\""`},
		{`'"\r\n"'::jsonb`, `"\r\n"`},
		{"'-1'::jsonb", "-1"},
		{"'1e2'::jsonb", "100"},
		{`'{"a": 1, "a": 2, "a": 3}'::jsonb`, `{"a":3}`},
		{`'{"b": [1.50, null], "a": "<&>"}'::jsonb`, `{"a":"<&>","b":[1.5,null]}`},
		{"'999999999999999999999999999999999999999'::jsonb", "999999999999999999999999999999999999999"},
		{"LIST[1,2,3]", "{1,2,3}"},
		{"LIST[[1],[2,3]]", "{{1},{2,3}}"},
		{`LIST['foo','f}o','"\',NULL,'null','NULL']`, `{foo,"f}o","\"\\",NULL,null,"NULL"}`},
		{"'{}'::int list", "{}"},
		{"'{{1},{2,3}}'::int list list", "{{1},{2,3}}"},
		{"'{  c  =>3, a=>     2, a => 1 }'::map[text=>int]", "{a=>1,c=>3}"},
		{`'{"a=>"=>2}'::map[text=>int]`, `{"a=>"=>2}`},
		{"'{1=>true}'::map[text=>bool]", "{1=>t}"},
		{"'{hello=>{world=>nested}}'::map[text=>map[text=>text]]", "{hello=>{world=>nested}}"},
		{`'{a=>"hello there!", b=>129387123}'::map[text=>text]`, `{a=>"hello there!",b=>129387123}`},
		{"MAP['a' => 1, 'b' => NULL]", "{a=>1,b=>NULL}"},
		{`'{o, oOOo, "oOOo", "}"}'::text[]`, `{o,oOOo,oOOo,"}"}`},
		{"'{1, 2, 3, null, NULL}'::int[]", "{1,2,3,NULL,NULL}"},
		{"'{{1},{2}}'::int[]", "{{1},{2}}"},
		{"ARRAY['', 'a b', 'x']", `{"","a b",x}`},
		{"'(,1]'::int4range", "(,2)"},
		{"'[0,0]'::int4range", "[0,1)"},
		{"'(1,)'::int4range", "[2,)"},
		{"'[1,1)'::int4range", "empty"},
		{"'empty'::int8range", "empty"},
		{"'(,1]'::numrange", "(,1]"},
		{"'[2024-02-28,2024-02-29]'::daterange", "[2024-02-28,2024-03-01)"},
		{"'ab'::char(4)", "ab  "},
		{"'9223372036854775808'::mz_timestamp", "9223372036854775808"},
		{"''", ""},
	}
}

func TestValues(t *testing.T) {
	w := session(t, manual(t))
	escape := strings.NewReplacer("\\", "\\\\", "\n", "\\n", "\r", "\\r", "\t", "\\t")
	for _, v := range values() {
		t.Run(v[0], func(t *testing.T) {
			w.t = t
			same(t, w.query("SELECT "+v[0]+" AS x"), "T x", "D "+v[1], "C SELECT 1", "Z I")
			same(t, w.query("COPY (SELECT "+v[0]+") TO STDOUT"), "H c", "d "+escape.Replace(v[1])+"\n", "c", "C COPY 1", "Z I")
			same(t, w.query("COPY (SUBSCRIBE (SELECT "+v[0]+")) TO STDOUT"), "H ccc", "d 18446744073709551615\t1\t"+escape.Replace(v[1])+"\n", "c", "C COPY 1", "Z I")
		})
	}
	for _, bad := range []string{
		"'9999999999999999999999999999999999999999'::jsonb", "'x'::int", "'32768'::int2", "'-1'::uint8", "'{1,2'::int[]", "'maybe'::bool",
		"'2023-02-29'::date", "'25:00:00'::time", "'g'::uuid", "'{a=>}'::map[text=>int]", "'[2,1]'::int4range", "'abcde'::char(4)", "'1 parsec'::interval", "1/0",
	} {
		if got := w.query("SELECT " + bad); !strings.HasPrefix(got[0], "E ") && !strings.HasPrefix(got[1], "E ") {
			t.Errorf("%s: %q", bad, got)
		}
	}
}

func TestRawControlBytes(t *testing.T) {
	sim := manual(t)
	create(t, sim, "t", mzsim.ObjectOptions{}, "a text", "b text")
	write(t, sim, new(mzsim.Tx).Insert("t", "\b\f\v\x01\x7f\\N", ""))
	w := session(t, sim)
	same(t, w.query("COPY t TO STDOUT"), "H cc", "d \b\f\v\x01\x7f\\\\N\t\n", "c", "C COPY 1", "Z I")
}

func TestBinaryRows(t *testing.T) { // V62
	sim := manual(t)
	conn := connect(t, sim)
	for sql, want := range map[string][]byte{
		"SELECT 1::int8":                     {0, 0, 0, 0, 0, 0, 0, 1},
		"SELECT 1::float4":                   {0x3f, 0x80, 0, 0},
		"SELECT 1::numeric":                  {0, 1, 0, 0, 0, 0, 0, 0, 0, 1},
		"SELECT 0::numeric":                  {0, 0, 0, 0, 0, 0, 0, 0},
		"SELECT 'NaN'::numeric":              {0, 0, 0xff, 0xff, 0xc0, 0, 0, 0},
		"SELECT '{}'::jsonb":                 {1, '{', '}'},
		"SELECT '12'::mz_timestamp":          []byte("12"),
		"SELECT 7::uint4":                    {0, 0, 0, 7},
		"SELECT 'x'":                         []byte("x"),
		"SELECT true":                        {1},
		"SELECT INTERVAL '1 month 2 days 3'": {0, 0, 0, 0, 0, 0x2d, 0xc6, 0xc0, 0, 0, 0, 2, 0, 0, 0, 1},
		"SELECT '1970-01-01'::timestamptz":   {0xff, 0xfc, 0xa2, 0xfe, 0xc4, 0xc8, 0x20, 0},
	} {
		r := conn.ExecParams(t.Context(), sql, nil, nil, nil, []int16{1}).Read()
		if r.Err != nil || len(r.Rows) != 1 || !bytes.Equal(r.Rows[0][0], want) {
			t.Errorf("%s: % x, not % x (%v)", sql, r.Rows, want, r.Err)
		}
	}
	r := conn.ExecParams(t.Context(), "SELECT LIST[1]", nil, nil, nil, []int16{1}).Read()
	if r.Err == nil {
		t.Error("a list has no binary form")
	}
}

// TestPgx runs the same through pgx in its default mode (prepared statements,
// binary results) and in simple mode.
func TestPgx(t *testing.T) {
	sim := manual(t)
	create(t, sim, "t", mzsim.ObjectOptions{}, "a integer not null", "b text", "c numeric", "d timestamptz", "e bigint")
	write(t, sim, new(mzsim.Tx).Insert("t", 1, "x", "1.50", "2024-01-02 03:04:05.678+00", 1<<40).Insert("t", 2, nil, nil, nil, nil))
	for name, mode := range map[string]pgx.QueryExecMode{
		"default": pgx.QueryExecModeCacheStatement, "describe": pgx.QueryExecModeDescribeExec, "exec": pgx.QueryExecModeExec, "simple": pgx.QueryExecModeSimpleProtocol,
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config(t, sim)
			cfg.DefaultQueryExecMode = mode
			conn, err := pgx.ConnectConfig(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close(t.Context()) }()
			var b string
			var c *big.Rat
			var cText string
			var d time.Time
			var e int64
			err = conn.QueryRow(t.Context(), "SELECT b, c::text, d, e FROM t WHERE a = $1", 1).Scan(&b, &cText, &d, &e)
			if err != nil || b != "x" || cText != "1.5" || !d.Equal(time.Date(2024, 1, 2, 3, 4, 5, 678e6, time.UTC)) || e != 1<<40 {
				t.Errorf("%q %v %q %v %d: %v", b, c, cText, d, e, err)
			}
			rows, err := conn.Query(t.Context(), columnsQuery, "materialize", "public", "t")
			if err != nil {
				t.Fatal(err)
			}
			type column struct {
				Name     string
				Position uint64
				Nullable bool
				Type     string
				OID      uint32
				Mod      int32
			}
			cols, err := pgx.CollectRows(rows, pgx.RowToStructByPos[column])
			if err != nil || fmt.Sprint(cols) != "[{a 1 false integer 23 -1} {b 2 true text 25 -1} {c 3 true numeric 1700 2555947} {d 4 true timestamp with time zone 1184 -1} {e 5 true bigint 20 -1}]" {
				t.Errorf("%v %v", cols, err)
			}
			var n int
			if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM t WHERE a = ANY($1)", []int32{1, 2, 9}).Scan(&n); err != nil || n != 2 {
				t.Errorf("ANY: %d %v", n, err)
			}
			if err := conn.QueryRow(t.Context(), "SELECT a FROM nope").Scan(&n); err == nil || !strings.Contains(err.Error(), "unknown catalog item 'nope'") {
				t.Errorf("unknown: %v", err)
			}
		})
	}
}

const columnsQuery = `SELECT c.name, c.position, c.nullable, c.type, c.type_oid, c.type_mod
	FROM mz_catalog.mz_columns c
	JOIN mz_internal.mz_object_fully_qualified_names o ON o.id = c.id
	WHERE o.database_name = $1 AND o.schema_name = $2 AND o.name = $3
	ORDER BY c.position`

func TestCatalogFallback(t *testing.T) {
	sim := manual(t)
	create(t, sim, "t", mzsim.ObjectOptions{Indexed: true}, "a integer not null")
	create(t, sim, "other.s.t", mzsim.ObjectOptions{Type: "source"}, "b text")
	w := session(t, sim)
	same(t, w.query(`SELECT o.id, o.type, d.name, s.name FROM mz_catalog.mz_objects o
		JOIN mz_catalog.mz_schemas s ON s.id = o.schema_id LEFT JOIN mz_catalog.mz_databases d ON d.id = s.database_id
		WHERE o.name = 't' ORDER BY 1`), "T id type name name", "D u1 table materialize public", "D u2 source other s", "C SELECT 2", "Z I")
	same(t, w.query("SELECT on_id FROM mz_indexes"), "T on_id", "D u1", "C SELECT 1", "Z I")
	same(t, w.query("SHOW COLUMNS FROM other.s.t"), "T name nullable type comment", "D b t text ", "C SELECT 1", "Z I")
	same(t, w.query("SELECT b FROM other.s.t"), "T b", "C SELECT 0", "Z I")
	same(t, w.query("SHOW CREATE TABLE t"), "T name create_sql", `D materialize.public.t CREATE TABLE "materialize"."public"."t" ("a" integer NOT NULL)`, "C SELECT 1", "Z I")
	same(t, w.query("SET database = other; SET search_path = s; SELECT b FROM t"), "S database=other", "C SET", "S search_path=s", "C SET", "T b", "C SELECT 0", "Z I")
	same(t, w.query("SELECT name FROM mz_internal.mz_sessions s, mz_databases ORDER BY name"), "T name", "D materialize", "D other", "C SELECT 2", "Z I")

	// The catalog can be watched.
	w.cursor("SUBSCRIBE (SELECT name FROM mz_catalog.mz_tables)")
	same(t, w.fetch("FETCH 1 c"), "T 1 t")
	create(t, sim, "materialize.public.t2", mzsim.ObjectOptions{}, "a integer")
	same(t, w.fetch("FETCH 1 c"), "T 1 t2")
}
