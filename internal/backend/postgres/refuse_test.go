package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/backend/postgres"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
	"github.com/tycostream/tycostream/internal/testpg"
)

// What cannot be followed fails alone, with words that say what to do.
func TestRefusals(t *testing.T) {
	const table = "CREATE TABLE t (id int PRIMARY KEY, v text); "
	for _, c := range []struct {
		name, sql string
		relation  string
		key       string
		query     string
		columns   []string
		class     source.Class
		text      []string
	}{
		{"view", table + "CREATE VIEW v AS SELECT * FROM t", "v", "id", "", nil, source.Config, []string{"public.v is a view", "triggers", "Materialize"}},
		{"materialized view", table + "CREATE MATERIALIZED VIEW v AS SELECT * FROM t", "v", "id", "", nil, source.Config, []string{"is a materialized view"}},
		{"missing", table, "nothing", "id", "", nil, source.Slow, []string{"nothing does not exist yet"}},
		{"other schema", table, "elsewhere.t", "id", "", nil, source.Slow, []string{"elsewhere.t does not exist yet"}},
		{"other database", table, "elsewhere.public.t", "id", "", nil, source.Config, []string{"another database"}},
		{"query", table, "t", "id", "SELECT 1", nil, source.Config, []string{"cannot stream a query"}},
		{"unlogged", "CREATE UNLOGGED TABLE t (id int PRIMARY KEY)", "t", "id", "", nil, source.Config, []string{"unlogged", `ALTER TABLE "public"."t" SET LOGGED`}},
		{"system table", table, "pg_catalog.pg_class", "oid", "", nil, source.Config, []string{"belongs to the system"}},
		{"no such key column", table, "t", "nokey", "", nil, source.Config, []string{"no column nokey"}},
		{"key not unique", table, "t", "v", "", nil, source.Config, []string{"is not unique", `ADD UNIQUE ("v")`}},
		{"conditional uniqueness", table + "CREATE UNIQUE INDEX ON t (v) WHERE id > 0", "t", "v", "", nil, source.Config, []string{"is not unique"}},
		{"generated column", table + "ALTER TABLE t ADD g int GENERATED ALWAYS AS (id) STORED", "t", "id", "", []string{"id", "g"}, source.Config, []string{"column g", "generated"}},
		{
			"identity nothing", table + "ALTER TABLE t REPLICA IDENTITY NOTHING", "t", "id", "", nil, source.Config,
			[]string{`ALTER TABLE "public"."t" REPLICA IDENTITY DEFAULT`},
		},
		{
			"key is not the primary key", table + "ALTER TABLE t ALTER v SET NOT NULL; CREATE UNIQUE INDEX by_v ON t (v)", "t", "v", "", nil, source.Config,
			[]string{`ALTER TABLE "public"."t" REPLICA IDENTITY USING INDEX "by_v"`},
		},
		{
			"nullable key", table + "CREATE UNIQUE INDEX by_v ON t (v)", "t", "v", "", nil, source.Config,
			[]string{`ALTER TABLE "public"."t" REPLICA IDENTITY FULL`},
		},
		{
			"partition without identity", "CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (9); ALTER TABLE t1 REPLICA IDENTITY NOTHING",
			"t", "id", "", nil, source.Config,
			[]string{`ALTER TABLE "public"."t1" REPLICA IDENTITY DEFAULT`},
		},
		{"not a name", table, "a.b.c.d", "id", "", nil, source.Config, []string{"too many parts"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := pool.Database(t)
			db.Exec(t, c.sql)
			db.Exec(t, "CREATE TABLE good (id int PRIMARY KEY); INSERT INTO good VALUES (1)")
			def := definition(c.relation, c.key)
			def.Query = c.query
			for _, name := range c.columns {
				def.Columns = append(def.Columns, source.ColumnDefinition{Name: name, Field: name, Kind: relation.Integer})
			}
			b := backend(t, postgres.Options{URL: db.URL()})
			_, err := b.Describe(t.Context(), def)
			wantError(t, err, c.class, c.text...)
			bad, good := newRecorder(def), newRecorder(definition("good", "id"))
			follow(t, b, targetOf(bad), targetOf(good))
			bad.fails(t, c.class, c.text...)
			good.rowsBecome(t, "1")
			db.Exec(t, "INSERT INTO good VALUES (2)")
			good.rowsBecome(t, "1", "2")
			if e := bad.failures[0].(*source.Error); strings.Contains(e.Text, "ALTER") && strings.Contains(e.Text, ";") { //nolint:errorlint,forcetypeassert // checked by fails
				t.Fatalf("SQL in a client's text: %s", e.Text)
			}
		})
	}
}

func TestRoleWithoutRights(t *testing.T) {
	const user = "newcomer"
	server := testpg.Start(t, testpg.Options{})
	db := server.NewDatabase(t)
	db.Exec(t, `CREATE ROLE newcomer LOGIN; ALTER ROLE newcomer SET statement_timeout = 1; ALTER ROLE newcomer SET DateStyle = 'German'; CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE rls (id int PRIMARY KEY); ALTER TABLE rls ENABLE ROW LEVEL SECURITY;
		CREATE SCHEMA hidden; CREATE TABLE hidden.t (id int PRIMARY KEY)`)
	b := backend(t, postgres.Options{URL: db.URLAs(user), Poll: time.Hour})
	attempt := func() (*recorder, *running) {
		r := newRecorder(definition("t", "id"))
		return r, follow(t, b, targetOf(r))
	}

	r, run := attempt()
	r.fails(t, source.Config, "may not read public.t", `GRANT SELECT ON "public"."t" TO "newcomer"`)
	run.stop(t)
	db.Exec(t, "GRANT SELECT ON t TO newcomer; GRANT SELECT ON hidden.t TO newcomer; GRANT SELECT ON rls TO newcomer")

	_, err := b.Describe(t.Context(), definition("hidden.t", "id"))
	wantError(t, err, source.Config, `GRANT USAGE ON SCHEMA "hidden" TO "newcomer"`)
	_, err = b.Describe(t.Context(), definition("rls", "id"))
	wantError(t, err, source.Config, `ALTER ROLE "newcomer" BYPASSRLS`)

	r, run = attempt()
	r.fails(t, source.Config, `run: CREATE PUBLICATION "tycostream" FOR TABLE ONLY "public"."t" WITH (publish = 'insert, update, delete, truncate', publish_via_partition_root = true)`)
	run.stop(t)
	db.Exec(t, `CREATE PUBLICATION "tycostream" FOR TABLE ONLY "public"."t" WITH (publish = 'insert, update, delete, truncate', publish_via_partition_root = true)`)

	_, run = attempt()
	wantError(t, run.end(t), source.Config, "may not replicate", `ALTER ROLE "newcomer" REPLICATION`)
	db.Exec(t, `ALTER ROLE newcomer REPLICATION`)

	r, _ = attempt()
	r.rowsBecome(t)
	db.Exec(t, "INSERT INTO t VALUES (1)")
	r.rowsBecome(t, "1")

	other, err := postgres.New(postgres.Options{URL: db.URLAs("nobody_at_all")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = other.Describe(t.Context(), definition("t", "id"))
	wantError(t, err, source.Config, "refused the user")
	other, err = postgres.New(postgres.Options{URL: server.URL("nowhere")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = other.Describe(t.Context(), definition("t", "id"))
	wantError(t, err, source.Config, "does not exist")
}

func TestServerSettings(t *testing.T) {
	server := testpg.Start(t, testpg.Options{Settings: map[string]string{"wal_level": "replica"}})
	db := server.NewDatabase(t)
	db.Exec(t, "CREATE TABLE t (id int PRIMARY KEY)")
	b := backend(t, postgres.Options{URL: db.URL()})
	wantError(t, follow(t, b, targetOf(newRecorder(definition("t", "id")))).end(t), source.Config, "wal_level", "ALTER SYSTEM SET wal_level = 'logical'")

	one := testpg.Start(t, testpg.Options{Settings: map[string]string{"max_replication_slots": "1"}})
	db = one.NewDatabase(t)
	db.Exec(t, "CREATE TABLE t (id int PRIMARY KEY)")
	b = backend(t, postgres.Options{URL: db.URL()})
	first := newRecorder(definition("t", "id"))
	follow(t, b, targetOf(first))
	first.rowsBecome(t)
	wantError(t, follow(t, b, targetOf(newRecorder(definition("t", "id")))).end(t), source.Config, "max_replication_slots")

	if err := one.Stop(); err != nil {
		t.Fatal(err)
	}
	_, err := b.Describe(t.Context(), definition("t", "id"))
	wantError(t, err, source.Retry, "connection")
}

func TestPassword(t *testing.T) {
	server := testpg.Start(t, testpg.Options{Password: "s3cret"})
	db := server.NewDatabase(t)
	db.Exec(t, "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
	r := newRecorder(definition("t", "id"))
	follow(t, backend(t, postgres.Options{URL: db.URL()}), targetOf(r))
	r.rowsBecome(t, "1")
	wrong := strings.Replace(db.URL(), "s3cret", "wr0ng", 1)
	err := follow(t, backend(t, postgres.Options{URL: wrong}), targetOf(newRecorder(definition("t", "id")))).end(t)
	wantError(t, err, source.Config, "refused the user or the password")
	if strings.Contains(err.Error(), "wr0ng") {
		t.Fatalf("the password is in %v", err)
	}
}

func TestOptions(t *testing.T) {
	if _, err := postgres.New(postgres.Options{URL: "postgres://h:port:x/"}); err == nil {
		t.Fatal("a bad URL was taken")
	}
	if _, err := postgres.New(postgres.Options{URL: "postgres://h/", Slot: "Bad Name"}); err == nil {
		t.Fatal("a bad slot name was taken")
	}
}
