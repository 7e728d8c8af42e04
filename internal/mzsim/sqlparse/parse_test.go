package sqlparse_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/tycostream/tycostream/internal/mzsim/sqlparse"
)

func one(t *testing.T, sql string) sqlparse.Statement {
	t.Helper()
	stmts, err := sqlparse.Parse(sql)
	if err != nil || len(stmts) != 1 {
		t.Fatalf("%s: %d statements, %v", sql, len(stmts), err)
	}
	return stmts[0]
}

func TestSubscribe(t *testing.T) {
	num := func(s string) sqlparse.Expr { return &sqlparse.Literal{Kind: "number", Text: s} }
	for sql, want := range map[string]*sqlparse.Subscribe{
		"SUBSCRIBE t":               {Object: sqlparse.Ident{"t"}, Snapshot: true},
		`subscribe to "D".s."T""x"`: {Object: sqlparse.Ident{"D", "s", `T"x`}, Snapshot: true},
		"SUBSCRIBE t WITH (PROGRESS, SNAPSHOT = false) AS OF 5 UP TO 7": {
			Object: sqlparse.Ident{"t"}, Progress: true, AsOf: num("5"), UpTo: num("7"),
		},
		"SUBSCRIBE t ENVELOPE UPSERT (KEY (a, \"B\")) WITH (PROGRESS true) AS OF AT LEAST 5": {
			Object: sqlparse.Ident{"t"}, Progress: true, Snapshot: true, Envelope: sqlparse.EnvelopeUpsert, Key: []string{"a", "B"}, AsOf: num("5"), AtLeast: true,
		},
		"SUBSCRIBE t WITH (SNAPSHOT 'off') UP TO 9 ENVELOPE DEBEZIUM (KEY (a))": {
			Object: sqlparse.Ident{"t"}, Envelope: sqlparse.EnvelopeDebezium, Key: []string{"a"}, UpTo: num("9"),
		},
		"SUBSCRIBE t WITHIN TIMESTAMP ORDER BY a DESC, mz_diff": {
			Object: sqlparse.Ident{"t"}, Snapshot: true, Envelope: sqlparse.EnvelopeWithin,
			Within: []sqlparse.OrderBy{{Expr: &sqlparse.Column{Name: sqlparse.Ident{"a"}}, Desc: true}, {Expr: &sqlparse.Column{Name: sqlparse.Ident{"mz_diff"}}}},
		},
	} {
		if got := one(t, sql); !reflect.DeepEqual(got, want) {
			a, _ := json.Marshal(got)
			b, _ := json.Marshal(want)
			t.Errorf("%s\n got %s\nwant %s", sql, a, b)
		}
	}
}

func TestStatements(t *testing.T) {
	timeout := "1.5s"
	value := "off"
	path := "a, b"
	for sql, want := range map[string]sqlparse.Statement{
		"FETCH c":                                  &sqlparse.Fetch{Name: "c", Count: 1},
		"FETCH FORWARD 20 FROM c":                  &sqlparse.Fetch{Name: "c", Count: 20},
		"FETCH ALL c WITH (TIMEOUT = '1.5s')":      &sqlparse.Fetch{Name: "c", Count: -1, Timeout: &timeout},
		"CLOSE ALL":                                &sqlparse.Close{},
		"SET welcome_message TO off":               &sqlparse.Set{Name: "welcome_message", Value: &value},
		"SET search_path = a, \"b\"":               &sqlparse.Set{Name: "search_path", Value: &path},
		"SET LOCAL cluster TO DEFAULT":             &sqlparse.Set{Name: "cluster"},
		"RESET cluster":                            &sqlparse.Set{Name: "cluster"},
		"SHOW transaction isolation level":         &sqlparse.Show{Name: "transaction_isolation"},
		"SHOW COLUMNS FROM a.b":                    &sqlparse.ShowColumns{Object: sqlparse.Ident{"a", "b"}},
		"SHOW CREATE MATERIALIZED VIEW v":          &sqlparse.ShowCreate{Type: "materialized view", Object: sqlparse.Ident{"v"}},
		"START TRANSACTION READ ONLY":              &sqlparse.Begin{},
		"END":                                      &sqlparse.Commit{},
		"abort work":                               &sqlparse.Rollback{},
		"/* a /* b */ c */ COMMIT -- the end\n ;;": &sqlparse.Commit{},
		"DEALLOCATE PREPARE s":                     &sqlparse.Deallocate{Name: "s"},
		"DISCARD ALL":                              &sqlparse.Discard{What: "all"},
	} {
		if got := one(t, sql); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v", sql, got)
		}
	}
}

func TestLiterals(t *testing.T) {
	for sql, want := range map[string]string{
		`SELECT 'it''s \n'`:              `it's \n`,
		`SELECT E'a\tb\\c\'d\x41\u00e9'`: "a\tb\\c'dAé",
		`SELECT E'\q'`:                   "q",
		"SELECT 1.5e-3":                  "1.5e-3",
		"SELECT .5":                      ".5",
	} {
		sel, ok := one(t, sql).(*sqlparse.Select)
		if !ok {
			t.Fatal(sql)
		}
		lit, ok := sel.Query.Body.Items[0].Expr.(*sqlparse.Literal)
		if !ok || lit.Text != want {
			t.Errorf("%s: %+v", sql, sel.Query.Body.Items[0].Expr)
		}
	}
}

func TestMistakes(t *testing.T) {
	for _, c := range []struct {
		sql string
		pos int
	}{
		{"SELEC 1", 0},
		{"SELECT", 6},
		{"SELECT 'a", 7},
		{"SELECT (1", 9},
		{"SELECT 1 2", 9},
		{"SUBSCRIBE t WITH (NONSENSE)", 18},
		{"SUBSCRIBE t WITH (PROGRESS maybe)", 27},
		{"SELECT $0", 7},
		{"/* open", 7},
		{"SELECT @", 7},
		{"COPY t FROM STDIN", 7},
		{"DECLARE c CURSOR", 16},
		{"SELECT a FROM t JOIN u", 22},
		{"SET x", 5},
		{"COPY t (a) TO STDOUT", 7},
		{"FETCH c WITH (x)", 14},
	} {
		_, err := sqlparse.Parse(c.sql)
		e, ok := errors.AsType[*sqlparse.Error](err)
		if !ok || e.Pos != c.pos {
			t.Errorf("%s: %+v", c.sql, err)
		}
	}
	if _, err := sqlparse.Parse("SELECT " + strings.Repeat("(", 100000)); err == nil {
		t.Error("nesting must have a limit")
	}
	if _, err := sqlparse.Parse("SELECT 1::" + strings.Repeat("map[text=>", 100000)); err == nil {
		t.Error("nesting of types must have a limit")
	}
	if _, err := sqlparse.Parse("SELECT " + strings.Repeat("ARRAY[", 100000)); err == nil {
		t.Error("nesting of arrays must have a limit")
	}
	if _, err := sqlparse.Parse("SELECT " + strings.Repeat("- ", 100000) + "1"); err == nil {
		t.Error("nesting of signs must have a limit")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"SELECT 1", "COPY (SUBSCRIBE t WITH (PROGRESS) AS OF 5) TO STDOUT", "SELECT count(*) FILTER (WHERE a) FROM a.b AS x (c) LEFT JOIN y USING (z) WHERE a NOT IN (1,2) ORDER BY 1 DESC NULLS FIRST LIMIT 5",
		"DECLARE c CURSOR FOR SUBSCRIBE (SELECT 1) ENVELOPE UPSERT (KEY (a))", "FETCH ALL c WITH (timeout='1s')", `SELECT E'\x4' || "q""r" -- x`, "/* /* */ */ VALUES (1,NULL),(2,LIST[[1],[2]])",
		"SELECT CASE a WHEN 1 THEN 2 END, CAST(x AS numeric(1,2)), MAP['a'=>1], b::int[]::text list, x[1]", "WITH a(b) AS (TABLE c) SELECT * FROM a EXCEPT ALL SELECT a.* FROM a", "SET x = -1, 'b'",
		"SELECT a IS NOT DISTINCT FROM b, EXISTS (SELECT 1), x BETWEEN 1 AND 2, x NOT LIKE '%', $1 = ANY($2)",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		stmts, err := sqlparse.Parse(sql)
		if err != nil {
			e, ok := errors.AsType[*sqlparse.Error](err)
			if !ok || e.Pos < 0 || e.Pos > len(sql) || e.Text == "" {
				t.Fatalf("error %#v", err)
			}
			return
		}
		for _, s := range stmts {
			if s == nil || reflect.ValueOf(s).IsNil() {
				t.Fatal("a nil statement")
			}
		}
	})
}
