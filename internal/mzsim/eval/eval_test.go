package eval_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tycostream/tycostream/internal/mzsim/eval"
	"github.com/tycostream/tycostream/internal/mzsim/pgval"
	"github.com/tycostream/tycostream/internal/mzsim/sqlparse"
)

// tables are what the queries of the tests read. "~" is NULL.
func tables() map[string][]string {
	return map[string][]string{
		"t": {"a integer", "b text", "c numeric", "1|x|1.5", "2|y|2.25", "3|x|~", "4|~|-1"},
		"u": {"a integer", "d boolean", "1|t", "3|f", "3|t", "9|~"},
		"e": {"a integer"},
	}
}

func env() *eval.Env {
	return &eval.Env{Table: func(name sqlparse.Ident) (*eval.Source, error) {
		lines, ok := tables()[name[len(name)-1]]
		if !ok {
			return nil, eval.Errorf("unknown catalog item '%s'", name[0])
		}
		src := &eval.Source{Ref: name[0]}
		var rows []eval.Row
		for _, l := range lines {
			if n, typ, ok := strings.Cut(l, " "); ok {
				src.Columns = append(src.Columns, eval.Column{Name: n, Type: pgval.Must(typ), Nullable: true})
				continue
			}
			var row eval.Row
			for v := range strings.SplitSeq(l, "|") {
				row = append(row, eval.Cell{Text: v, OK: v != "~"})
			}
			rows = append(rows, row)
		}
		src.Rows = func(*eval.Runtime) ([]eval.Row, error) { return slices.Clone(rows), nil }
		return src, nil
	}}
}

func plan(sql string) (*eval.Plan, *eval.Planner, error) {
	stmts, err := sqlparse.Parse(sql)
	if err != nil {
		return nil, nil, err
	}
	p := eval.New(env())
	pl, err := p.Query(stmts[0].(*sqlparse.Select).Query) //nolint:forcetypeassert // the tests hold queries only
	return pl, p, err
}

// run returns the rows as one text, "1|x;2|~".
func run(sql string, params ...string) (string, error) {
	pl, _, err := plan(sql)
	if err != nil {
		return "", err
	}
	rt := &eval.Runtime{}
	for _, p := range params {
		rt.Params = append(rt.Params, eval.Of(p))
	}
	rows, err := pl.Run(rt)
	if err != nil {
		return "", err
	}
	var out []string
	for _, r := range rows {
		var vals []string
		for i, c := range r {
			if len(r) != len(pl.Columns) {
				return "", fmt.Errorf("row %d has %d cells for %d columns", i, len(r), len(pl.Columns))
			}
			if c.OK {
				vals = append(vals, c.Text)
			} else {
				vals = append(vals, "~")
			}
		}
		out = append(out, strings.Join(vals, "|"))
	}
	return strings.Join(out, ";"), nil
}

func TestQueries(t *testing.T) {
	for _, c := range [][2]string{
		{"SELECT 1", "1"},
		{"SELECT * FROM t", "1|x|1.5;2|y|2.25;3|x|~;4|~|-1"},
		{"SELECT a, c FROM t WHERE b = 'x' OR c < 0 ORDER BY a DESC", "4|-1;3|~;1|1.5"},
		{"SELECT a FROM t ORDER BY b, a DESC", "3;1;2;4"},
		{"SELECT a FROM t ORDER BY c NULLS FIRST LIMIT 2 OFFSET 1", "4;1"},
		{"SELECT a AS z FROM t ORDER BY z DESC LIMIT 1", "4"},
		{"SELECT a FROM t ORDER BY -a LIMIT 1", "4"},
		{"SELECT b, count(*), sum(c), max(a) FROM t GROUP BY b ORDER BY b", "x|2|1.5|3;y|1|2.25|2;~|1|-1|4"},
		{"SELECT count(*), count(b), count(DISTINCT b), min(c), avg(c) FROM t", "4|3|2|-1|0.916666666666666666666666666666666666667"},
		{"SELECT count(*), sum(a), bool_and(a = 1) FROM e", "0|~|~"},
		{"SELECT count(*) FILTER (WHERE a > 2) FROM t", "2"},
		{"SELECT b FROM t GROUP BY 1 HAVING count(*) > 1", "x"},
		{"SELECT count(*) + 1 FROM t", "5"},
		{"SELECT string_agg(b, ',') FROM t", "x,y,x"},
		{"SELECT t.a, u.d FROM t JOIN u ON t.a = u.a ORDER BY 1, 2", "1|t;3|f;3|t"},
		{"SELECT t.a, u.d FROM t LEFT JOIN u ON t.a = u.a AND u.d ORDER BY 1", "1|t;2|~;3|t;4|~"},
		{"SELECT * FROM t JOIN u USING (a) WHERE d ORDER BY a", "1|x|1.5|t;3|x|~|t"},
		{"SELECT u.* FROM t, u WHERE t.a = 4 AND u.a = 9", "9|~"},
		{"SELECT count(*) FROM t CROSS JOIN u", "16"},
		{"SELECT x FROM (SELECT a + 1 AS x FROM t) q WHERE x > 3 ORDER BY x", "4;5"},
		{"WITH q(n) AS (SELECT a FROM t WHERE a < 3) SELECT sum(n) FROM q", "3"},
		{"SELECT a FROM t WHERE a IN (SELECT a FROM u) ORDER BY a", "1;3"},
		{"SELECT a FROM t WHERE a NOT IN (1, NULL)", ""},
		{"SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a AND d) ORDER BY a", "1;3"},
		{"SELECT (SELECT max(d) FROM u WHERE u.a = t.a) FROM t ORDER BY t.a", "t;~;t;~"},
		{"SELECT a FROM t UNION SELECT a FROM u ORDER BY a", "1;2;3;4;9"},
		{"SELECT a FROM u EXCEPT ALL SELECT a FROM t ORDER BY a", "3;9"},
		{"SELECT a FROM u INTERSECT SELECT a FROM t ORDER BY a", "1;3"},
		{"SELECT DISTINCT b FROM t ORDER BY b", "x;y;~"},
		{"VALUES (1, 'a'), (2, NULL) ORDER BY column1 DESC", "2|~;1|a"},
		{"TABLE e", ""},
		{"SELECT generate_series FROM generate_series(1, 3)", "1;2;3"},
		{"SELECT n * 2 FROM generate_series(3, 1, -1) AS g(n)", "6;4;2"},
		{"SELECT generate_series(1, 2), b FROM t WHERE a = 2", "1|y;2|y"},
		{"SELECT CASE b WHEN 'x' THEN 1 ELSE a * 1.5 END FROM t ORDER BY a", "1;3;1;6"},
		{"SELECT CASE WHEN c IS NULL THEN 'none' END FROM t WHERE a > 2 ORDER BY a", "none;~"},
		{"SELECT NULL AND false, NULL OR true, NOT NULL::bool, NULL = 1", "f|t|~|~"},
		{"SELECT 7 / 2, -7 / 2, 7 % 3, 7.0 / 2, 2 * -3, 1 - 1.5", "3|-3|1|3.5|-6|-0.5"},
		{"SELECT 1::float8 / 3, 2147483648, 1e3", "0.3333333333333333|2147483648|1000"},
		{"SELECT 'abc' LIKE 'a%', 'abc' LIKE '_B_', 'abc' ILIKE '_B_', 'a%c' LIKE 'a\\%c', 'abc' ~ '^a', 'abc' !~* 'B'", "t|f|t|t|t|f"},
		{"SELECT 2 BETWEEN 1 AND 3, 2 NOT BETWEEN 1 AND 3, 1 IS DISTINCT FROM NULL, NULL IS NOT DISTINCT FROM NULL, true IS NOT TRUE", "t|f|t|t|f"},
		{"SELECT 'a' || 1, upper('x'), length('é'), coalesce(NULL, 'd'), nullif(1, 1), greatest(1, 3, 2), concat('a', NULL, 'b')", "a1|X|1|d|~|3|ab"},
		{"SELECT lpad('7', 3, '0'), round(1.255, 2), abs(-3), replace('aXb', 'X', '-')", "007|1.26|3|a-b"},
		{`SELECT '{"a": {"b": [1, "x"]}}'::jsonb -> 'a' -> 'b' ->> 1`, "x"},
		{"SELECT a FROM t WHERE a = ANY(ARRAY[2, 4]) ORDER BY a", "2;4"},
		{"SELECT '1'::int + 1, true::int, 2.5::int, 'f'::bool, 1::bool, '2024-01-02 03:04'::timestamp::date", "2|1|3|f|t|2024-01-02"},
		{"SELECT c FROM t WHERE c > '1.50'::numeric", "2.25"},
		{"SELECT a FROM t WHERE c = 1.50", "1"},
	} {
		got, err := run(c[0])
		if err != nil || got != c[1] {
			t.Errorf("%s\n got %s (%v)\nwant %s", c[0], got, err, c[1])
		}
	}
}

func TestMistakes(t *testing.T) {
	for _, c := range [][2]string{
		{"SELECT wat", `column "wat" does not exist`},
		{"SELECT t.wat FROM t", `column "t.wat" does not exist`},
		{"SELECT a FROM t, u", `column reference "a" is ambiguous`},
		{"SELECT 1 FROM nope", "unknown catalog item 'nope'"},
		{"SELECT nope(1)", "function nope(integer) does not exist"},
		{"SELECT b + 1 FROM t", "operator does not exist: text + integer"},
		{"SELECT a FROM t WHERE b = a", "operator does not exist: text = integer"},
		{"SELECT a FROM t WHERE a", "WHERE clause must have type boolean, not type integer"},
		{"SELECT a FROM t WHERE count(*) > 1", "aggregate functions are not allowed in this clause"},
		{"SELECT 1/0", "Evaluation error: division by zero"},
		{"SELECT 1.0/0", "Evaluation error: division by zero"},
		{"SELECT 1 % 0", "Evaluation error: division by zero"},
		{"SELECT 2147483647 + 1", "Evaluation error: integer out of range"},
		{"SELECT 'x'::int", `Evaluation error: invalid input syntax for type integer: invalid digit found in string: "x"`},
		{"SELECT 1::wat", `type "wat" does not exist`},
		{"VALUES (1), (1, 2)", "VALUES expression has varying number of columns: 2 vs 1"},
		{"SELECT a FROM t UNION SELECT a, d FROM u", "each UNION query must have the same number of columns: 1 vs 2"},
		{"SELECT a FROM t ORDER BY 2", "column reference 2 in ORDER BY clause is out of range (1 - 1)"},
		{"SELECT x.* FROM t", "no table named 'x' in scope"},
		{"SELECT (SELECT a FROM t)", "Evaluation error: more than one record produced in subquery"},
		{"SELECT a FROM t JOIN u USING (zzz)", `column "zzz" does not exist`},
		{"SELECT sum(b) FROM t", "function sum(text) does not exist"},
		{"SELECT $1::int", "there is no parameter $1"},
		{"WITH q(a, b) AS (SELECT 1) SELECT 1 FROM q", "q has 1 columns available but 2 columns specified"},
	} {
		_, err := run(c[0])
		e, ok := errors.AsType[*eval.Error](err)
		if !ok || e.Text != c[1] || e.Code != "XX000" {
			t.Errorf("%s: %v, not %s", c[0], err, c[1])
		}
	}
}

func TestColumnsAndParameters(t *testing.T) {
	pl, p, err := plan("SELECT a, b || 'x', count(*) OVER_ FROM t WHERE a = $2 AND $1 = b AND c > $3::float8 GROUP BY a, b")
	if err != nil {
		t.Fatal(err)
	}
	var cols []string
	for _, c := range pl.Columns {
		cols = append(cols, c.Name+" "+c.Type.Name)
	}
	if got := strings.Join(cols, ", "); got != "a integer, ?column? text, over_ bigint" {
		t.Error(got)
	}
	var params []string
	for _, typ := range p.Params() {
		params = append(params, typ.Name)
	}
	if got := strings.Join(params, ", "); got != "text, integer, double precision" {
		t.Error(got)
	}
	got, err := run("SELECT a FROM t WHERE b = $1 AND a > $2", "x", "1")
	if err != nil || got != "3" {
		t.Errorf("%s %v", got, err)
	}
}

func TestRowByRow(t *testing.T) {
	for sql, single := range map[string]bool{
		"SELECT a, b FROM t WHERE a > 1": true, "SELECT * FROM t": true, "SELECT a FROM t ORDER BY a": false, "SELECT DISTINCT a FROM t": false,
		"SELECT count(*) FROM t": false, "SELECT t.a FROM t, u": false, "SELECT a FROM t LIMIT 1": false, "SELECT generate_series(1,2) FROM t": false,
	} {
		pl, _, err := plan(sql)
		if err != nil || (pl.Single != nil) != single {
			t.Errorf("%s: %v %v", sql, pl.Single, err)
		}
	}
	pl, _, err := plan("SELECT a + 1, b FROM t WHERE a > 1")
	if err != nil {
		t.Fatal(err)
	}
	out, ok, err := pl.Map(&eval.Runtime{}, eval.Row{eval.Of("2"), {}, {}})
	if err != nil || !ok || out[0].Text != "3" || out[1].OK {
		t.Errorf("%v %v %v", out, ok, err)
	}
	if _, ok, _ := pl.Map(&eval.Runtime{}, eval.Row{eval.Of("1"), {}, {}}); ok {
		t.Error("the filter must drop it")
	}
}
