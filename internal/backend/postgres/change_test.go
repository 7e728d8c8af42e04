package postgres_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tycostream/tycostream/internal/backend/postgres"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
	"github.com/tycostream/tycostream/internal/testpg"
)

// big is a value that PostgreSQL stores outside the row and cannot compress
// into it.
const bigSQL = `(SELECT string_agg(md5((%d * 1000 + i)::text), '') FROM generate_series(1, 400) i)`

func TestLargeValues(t *testing.T) {
	for _, identity := range []string{"DEFAULT", "FULL", "USING INDEX big_key"} {
		for _, ask := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/ask=%v", identity, ask), func(t *testing.T) {
				db := pool.Database(t)
				db.Exec(t, `CREATE TABLE big (id int PRIMARY KEY, n int, doc text);
					CREATE UNIQUE INDEX big_key ON big (id);
					ALTER TABLE big ALTER doc SET STORAGE EXTERNAL;
					ALTER TABLE big REPLICA IDENTITY `+identity)
				db.Exec(t, "INSERT INTO big SELECT 1, 1, "+fmt.Sprintf(bigSQL, 1))
				r := newRecorder(definition("big", "id"))
				tg := targetOf(r)
				if ask {
					tg.Sink = asking{r}
				}
				follow(t, backend(t, postgres.Options{URL: db.URL()}), tg)
				r.until(t, "the snapshot", func() bool { return r.live })

				db.Exec(t, "UPDATE big SET n = 2 WHERE id = 1")
				equal(t, db, r, "big")
				// A key change, and an update of a row of the same transaction.
				db.Exec(t, "UPDATE big SET id = 5 WHERE id = 1")
				equal(t, db, r, "big")
				db.Exec(t, "BEGIN; INSERT INTO big SELECT 7, 1, "+fmt.Sprintf(bigSQL, 7)+
					"; UPDATE big SET n = 8 WHERE id = 7; UPDATE big SET id = 9 WHERE id = 7; UPDATE big SET n = n + 1; COMMIT")
				equal(t, db, r, "big")
				// Several transactions that arrive in one breath.
				var many strings.Builder
				for i := range 50 {
					fmt.Fprintf(&many, "UPDATE big SET n = %d WHERE id = 9; UPDATE big SET doc = doc || 'x', n = 0 WHERE id = 5;", i)
				}
				conn := db.Connect(t)
				for _, s := range strings.SplitAfter(strings.TrimSuffix(many.String(), ";"), ";") {
					if _, err := conn.Exec(t.Context(), s); err != nil {
						t.Fatal(err)
					}
				}
				equal(t, db, r, "big")
			})
		}
	}
}

// equal waits until the recorder holds what the table holds.
func equal(t *testing.T, db *testpg.Database, r *recorder, table string) {
	t.Helper()
	want := rowsOf(t, db, "SELECT * FROM "+table)
	r.until(t, "the rows of "+table, func() bool { return r.live && r.dump() == want })
}

// rowsOf runs a query and prints its rows as recorder.dump does.
func rowsOf(t *testing.T, db *testpg.Database, sql string) string {
	t.Helper()
	conn := db.Connect(t)
	result, err := conn.PgConn().Exec(t.Context(), sql).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var b relation.Builder
	var lines []string
	for _, row := range result[0].Rows {
		for _, cell := range row {
			b.AppendCell(string(cell), cell != nil)
		}
		lines = append(lines, line(b.Row()))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestChanges(t *testing.T) {
	const create = `CREATE TABLE t (a int, b text, c text, PRIMARY KEY (a, b)); INSERT INTO t VALUES (1, 'x', 'one'), (2, 'y', 'two')`
	for _, c := range []struct {
		name, before, sql string
		want              []string
	}{
		{"key update", "", "UPDATE t SET b = 'z' WHERE a = 1", []string{"1|z|one", "2|y|two"}},
		{"key update, identity full", "ALTER TABLE t REPLICA IDENTITY FULL", "UPDATE t SET b = 'z' WHERE a = 1", []string{"1|z|one", "2|y|two"}},
		{"key chain", "", "BEGIN; UPDATE t SET a = 3 WHERE a = 2; UPDATE t SET a = 2, b = 'y' WHERE a = 1; COMMIT", []string{"2|y|one", "3|y|two"}},
		{"truncate", "", "TRUNCATE t", nil},
		{"truncate between inserts", "", "BEGIN; INSERT INTO t VALUES (5, 'f', 'five'); TRUNCATE t; INSERT INTO t VALUES (6, 's', 'six'), (1, 'x', 'new'); COMMIT", []string{"6|s|six", "1|x|new"}},
		{"insert and delete", "", "BEGIN; INSERT INTO t VALUES (5, 'f', 'five'); DELETE FROM t WHERE a = 5; COMMIT; INSERT INTO t VALUES (6, 's', NULL)", []string{"1|x|one", "2|y|two", "6|s|∅"}},
		{"delete and insert", "", "BEGIN; DELETE FROM t WHERE a = 1; INSERT INTO t VALUES (1, 'x', 'again'); COMMIT", []string{"1|x|again", "2|y|two"}},
		{"rolled back", "", "BEGIN; DELETE FROM t; ROLLBACK; INSERT INTO t VALUES (6, 's', '')", []string{"1|x|one", "2|y|two", "6|s|"}},
		{"savepoint", "", "BEGIN; SAVEPOINT s; DELETE FROM t; ROLLBACK TO s; UPDATE t SET c = 'u' WHERE a = 2; COMMIT", []string{"1|x|one", "2|y|u"}},
		{
			"keys swapped under a deferred constraint", "ALTER TABLE t DROP CONSTRAINT t_pkey, ADD UNIQUE (a, b) DEFERRABLE INITIALLY DEFERRED, REPLICA IDENTITY FULL",
			"BEGIN; UPDATE t SET a = 2, b = 'y' WHERE c = 'one'; UPDATE t SET a = 1, b = 'x' WHERE c = 'two'; COMMIT",
			[]string{"2|y|one", "1|x|two"},
		},
		{"many rows at once", "", "BEGIN; DELETE FROM t; INSERT INTO t SELECT i, 'k', i::text FROM generate_series(1, 5) i; UPDATE t SET c = c || '!' WHERE a > 2; COMMIT", []string{"1|k|1", "2|k|2", "3|k|3!", "4|k|4!", "5|k|5!"}},
		{"other tables", "CREATE TABLE other (id int PRIMARY KEY)", "INSERT INTO other VALUES (1); UPDATE t SET c = 'x' WHERE a = 1", []string{"1|x|x", "2|y|two"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := pool.Database(t)
			db.Exec(t, create)
			if c.before != "" {
				db.Exec(t, c.before)
			}
			r := newRecorder(definition("t", "a", "b"))
			follow(t, backend(t, postgres.Options{URL: db.URL()}), targetOf(r))
			r.rowsBecome(t, "1|x|one", "2|y|two")
			db.Exec(t, c.sql)
			r.rowsBecome(t, c.want...)
		})
	}
}

func TestOneTransactionIsOneTime(t *testing.T) {
	db := pool.Database(t)
	db.Exec(t, "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)")
	ra, rb := newRecorder(definition("a", "id")), newRecorder(definition("b", "id"))
	follow(t, backend(t, postgres.Options{URL: db.URL()}), targetOf(ra), targetOf(rb))
	ra.rowsBecome(t)
	rb.rowsBecome(t)
	db.Exec(t, "BEGIN; INSERT INTO a VALUES (1); INSERT INTO b VALUES (1); INSERT INTO a VALUES (2); COMMIT")
	ra.rowsBecome(t, "1", "2")
	rb.rowsBecome(t, "1")
	ra.mu.Lock()
	defer ra.mu.Unlock()
	rb.mu.Lock()
	defer rb.mu.Unlock()
	if len(ra.applied) != 1 || len(rb.applied) != 1 || ra.applied[0].Time != rb.applied[0].Time {
		t.Fatalf("batches %v and %v", ra.applied, rb.applied)
	}
}

func TestTypes(t *testing.T) {
	db := pool.Database(t)
	db.Exec(t, `ALTER DATABASE `+db.Name+` SET DateStyle = 'German';
		ALTER DATABASE `+db.Name+` SET TimeZone = 'Asia/Tokyo'; ALTER DATABASE `+db.Name+` SET extra_float_digits = 0`)
	db.Exec(t, `CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN cents AS numeric(10,2); CREATE DOMAIN price AS cents CHECK (VALUE > 0);
		CREATE TABLE t (id int8 PRIMARY KEY, i2 int2, i4 int4, f4 float4, f8 float8, n numeric, p price, s text, v varchar(5), c char(4),
			u uuid, b bool, ts timestamp, tz timestamptz, d date, tm time, ttz timetz, iv interval, j json, jb jsonb,
			ai int4[], at text[], ap price[], m mood, am mood[], by bytea, r int4range, ip inet)`)
	insert := `INSERT INTO t VALUES ($1, -5, 70000, 0.1, 1e-7, 12345678901234567890.5, 1.5, E'a\tb', 'v', 'c',
		'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', true, '2026-01-02 03:04:05.678', '2026-01-02 03:04:05+09', '2026-01-02', '03:04:05.5', '03:04:05+02',
		'1 day 2 hours', '{"a": 1}', '{"b":2, "a":1}', '{1,NULL}', '{a,"b c"}', '{1.5}', 'ok', '{sad}', '\xDEAD', '[1,3)', '10.0.0.1')`
	db.Exec(t, strings.Replace(insert, "$1", "1", 1))
	r := newRecorder(definition("t", "id"))
	b := backend(t, postgres.Options{URL: db.URL()})
	follow(t, b, targetOf(r))
	const cells = `|-5|70000|0.1|1e-07|12345678901234567890.5|1.50|a` + "\t" + `b|v|c   |a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11|t|2026-01-02 03:04:05.678|2026-01-01 18:04:05+00|2026-01-02|03:04:05.5|03:04:05+02|1 day 02:00:00|{"a": 1}|{"a": 1, "b": 2}|{1,NULL}|{a,"b c"}|{1.50}|ok|{sad}|\xdead|[1,3)|10.0.0.1`
	r.rowsBecome(t, "1"+cells)
	db.Exec(t, strings.Replace(insert, "$1", "2", 1))
	r.rowsBecome(t, "1"+cells, "2"+cells)

	rel, err := b.Describe(t.Context(), r.def)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range rel.Columns {
		s := c.Name + " " + c.Kind.String()
		if c.Kind == relation.Array {
			s += " of " + c.Elem.String()
		}
		if c.Zoned {
			s += " zoned"
		}
		got = append(got, s)
	}
	want := "id BigInt,i2 Integer,i4 Integer,f4 Float,f8 Float,n Decimal,p Decimal,s String,v String,c String,u UUID,b Boolean,ts Timestamp,tz Timestamp zoned,d Date,tm Time,ttz String,iv String,j JSON,jb JSON,ai Array of Integer,at Array of String,ap Array of Decimal,m String,am Array of String,by String,r String,ip String"
	if strings.Join(got, ",") != want {
		t.Fatalf("kinds\n%s\nwant\n%s", strings.Join(got, ","), want)
	}
	if rel.Identity != r.rel.Identity || rel.Type != "table" || rel.Name != db.Name+".public.t" || rel.Columns[0].Nullable || !rel.Columns[1].Nullable || rel.Columns[6].SQLType != "price" {
		t.Fatalf("relation %+v", rel)
	}
}

func TestDeclaredColumnsInTheirOwnOrder(t *testing.T) {
	db := pool.Database(t)
	db.Exec(t, `CREATE SCHEMA "My.Schema"; CREATE TABLE "My.Schema"."T" (x int, "Key" int PRIMARY KEY, gone int, y int, twice int GENERATED ALWAYS AS (x * 2) STORED);
		ALTER TABLE "My.Schema"."T" DROP gone; INSERT INTO "My.Schema"."T" VALUES (1, 2, 3)`)
	def := definition(db.Name+`."My.Schema".T`, "Key")
	def.Columns = []source.ColumnDefinition{{Name: "y", Field: "y", Kind: relation.Float}, {Name: "Key", Field: "key", Kind: relation.Integer}}
	r := newRecorder(def)
	follow(t, backend(t, postgres.Options{URL: db.URL()}), targetOf(r))
	r.rowsBecome(t, "3|2")
	db.Exec(t, `INSERT INTO "My.Schema"."T" VALUES (7, 8, 9); ALTER TABLE "My.Schema"."T" ADD z int; UPDATE "My.Schema"."T" SET z = 1, y = 10`)
	r.rowsBecome(t, "10|2", "10|8")
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.opened != 1 {
		t.Fatalf("a column that the source does not use made it start again")
	}
}

func TestPartitions(t *testing.T) {
	db := pool.Database(t)
	db.Exec(t, `CREATE TABLE p (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
		CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
		CREATE TABLE p2 (v text, id int NOT NULL PRIMARY KEY); ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20);
		INSERT INTO p VALUES (1, 'a'), (11, 'b')`)
	r, part := newRecorder(definition("p", "id")), newRecorder(definition("p2", "id"))
	supervise(t, backend(t, postgres.Options{URL: db.URL()}), r)
	r.rowsBecome(t, "1|a", "11|b")
	db.Exec(t, "UPDATE p SET id = id + 1, v = v || '!'; INSERT INTO p VALUES (9, 'c')")
	r.rowsBecome(t, "2|a!", "12|b!", "9|c")
	db.Exec(t, "UPDATE p SET id = 19 WHERE id = 9") // moves to the other partition
	r.rowsBecome(t, "2|a!", "12|b!", "19|c")
	db.Exec(t, "TRUNCATE p2") // the stream does not tell
	r.rowsBecome(t, "2|a!")
	db.Exec(t, "CREATE TABLE p3 (id int PRIMARY KEY, v text); INSERT INTO p3 VALUES (25, 'd'); ALTER TABLE p ATTACH PARTITION p3 FOR VALUES FROM (20) TO (30)")
	r.rowsBecome(t, "2|a!", "25|d")
	db.Exec(t, "TRUNCATE p")
	r.rowsBecome(t)

	follow(t, backend(t, postgres.Options{URL: db.URL(), Publication: "other"}), targetOf(newRecorder(definition("p", "id"))), targetOf(part))
	part.fails(t, source.Config, "is a partition of public.p")
}
