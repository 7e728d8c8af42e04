package catalog_test

import (
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/tycostream/tycostream/internal/catalog"
	"github.com/tycostream/tycostream/internal/config"
	"github.com/tycostream/tycostream/internal/config/mistake"
	"github.com/tycostream/tycostream/internal/config/schemafile"
	"github.com/tycostream/tycostream/internal/testpg"
)

var pool testpg.Pool

func TestMain(m *testing.M) { os.Exit(pool.Run(m)) }

func open(t *testing.T, url string) *catalog.Database {
	t.Helper()
	r, err := config.Load(config.Input{Environ: []string{"DATABASE_URL=" + url}, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	db, err := catalog.Connect(t.Context(), r.Config, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

const tables = `
CREATE TABLE trades (id int PRIMARY KEY, desk text, side text, "weird col%" text, price numeric(12,2), at timestamptz, tags text[], span interval);
INSERT INTO trades SELECT i, 'd' || i % 5, CASE WHEN i % 2 = 0 THEN 'buy' ELSE 'sell' END, 'x', i, now(), '{}', '1 day' FROM generate_series(1, 50) i;
CREATE TABLE positions (desk text NOT NULL, instrument int NOT NULL, size bigint, UNIQUE (desk, instrument));
ALTER TABLE positions REPLICA IDENTITY FULL;
INSERT INTO positions SELECT 'd' || i / 10, i % 10, 5 FROM generate_series(0, 49) i;
CREATE TABLE "sources" (id uuid PRIMARY KEY);
CREATE VIEW totals AS SELECT desk FROM trades;
`

func introspect(t *testing.T, db *catalog.Database, a catalog.Arguments) (string, []string) {
	t.Helper()
	request, err := a.Request()
	if err != nil {
		t.Fatal(err)
	}
	text, notes, err := db.Introspect(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	return text, notes
}

func TestIntrospectPostgres(t *testing.T) {
	d := pool.Database(t)
	d.Exec(t, tables)
	db := open(t, d.URL())
	if db.Engine != "postgres" {
		t.Fatal(db.Engine)
	}

	t.Run("with a key", func(t *testing.T) {
		text, _ := introspect(t, db, catalog.Arguments{
			Sources: []string{"trades"}, Keys: []string{"id"}, Enums: []string{"side=buy,sell"}, Columns: []string{"trades.side=side"},
		})
		want := `naming: camelCase
enums:
  side: [buy, sell]
sources:
  trades: # table
    primary_key: id
    columns:
      id: Integer
      desk: String
      side: side
      weird col%: {type: String, graphql_name: weirdCol}
      price: Decimal
      at: Timestamp
      tags: Array # text[]
      span: String # interval
`
		if text != want {
			t.Errorf("got\n%s\nwant\n%s", text, want)
		}
		if _, err := schemafile.Parse("schema.yaml", []byte(text), schemafile.Options{}); err != nil {
			t.Error(err)
		}
	})

	t.Run("everything", func(t *testing.T) {
		text, notes := introspect(t, db, catalog.Arguments{Naming: "database"})
		for _, want := range []string{
			"naming: database\n",
			"  trades: # table\n    primary_key: CHOOSE # unique in all 50 rows: id\n",
			"    primary_key: CHOOSE # unique in all 50 rows: [desk, instrument]\n",
			"  sources: # table\n    graphql_name: sources2\n    primary_key: CHOOSE # the relation is empty: no candidate could be tested\n",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("%q is not in\n%s", want, text)
			}
		}
		if len(notes) != 0 {
			t.Error(notes)
		}
		_, err := schemafile.Parse("schema.yaml", []byte(text), schemafile.Options{})
		if err == nil || strings.Count(err.Error(), "choose the primary_key of source") != 3 || strings.Count(err.Error(), "\n") != 2 {
			t.Errorf("an undecided file was accepted: %v", err)
		}
	})

	t.Run("mistakes", func(t *testing.T) { introspectMistakes(t, db) })
}

func introspectMistakes(t *testing.T, db *catalog.Database) {
	t.Helper()
	for _, c := range []struct {
		a    catalog.Arguments
		want string
	}{
		{catalog.Arguments{Sources: []string{"totals"}}, "is a view, and PostgreSQL replicates tables only"},
		{catalog.Arguments{Sources: []string{"nothing"}}, "nothing: nothing does not exist yet"},
		{catalog.Arguments{Sources: []string{"trades"}, Keys: []string{"desk"}}, "no unique index covers it"},
		{catalog.Arguments{Sources: []string{"trades"}, Columns: []string{"trades.sidee=Strin"}}, `--column: postgres`},
	} {
		request, err := c.a.Request()
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = db.Introspect(t.Context(), request)
		if _, ok := errors.AsType[mistake.List](err); !ok {
			t.Errorf("%+v: %v", c.a, err)
		} else if c.want != "--column: postgres" && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v does not say %q", err, c.want)
		} else if c.want == "--column: postgres" && (!strings.Contains(err.Error(), `has no column "sidee"; did you mean "side"?`) ||
			!strings.Contains(err.Error(), `"Strin" is neither a type nor an enum: add --enum Strin=...; did you mean "String"?`)) {
			t.Error(err)
		}
	}
}

func check(t *testing.T, db *catalog.Database, text string) *catalog.Report {
	t.Helper()
	f, err := schemafile.Parse("schema.yaml", []byte(text), schemafile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	report, err := db.Check(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// role creates a role unless an earlier test of this server did.
func role(t *testing.T, d *testpg.Database, name, options string) {
	t.Helper()
	d.Exec(t, "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '"+name+"') THEN CREATE ROLE "+name+" "+options+"; END IF; END $$")
}

func TestCheckPostgres(t *testing.T) {
	d := pool.Database(t)
	d.Exec(t, tables)
	role(t, d, "nobody", "LOGIN")
	d.Exec(t, "GRANT SELECT ON positions TO nobody")
	good := "sources:\n  trades:\n    primary_key: id\n    columns: {id: Integer, price: Decimal}\n  positions: {primary_key: [desk, instrument]}\n"

	t.Run("fits", func(t *testing.T) {
		r := check(t, open(t, d.URL()), good)
		if len(r.Mistakes) > 0 || len(r.Warnings) > 0 || r.Rows["trades"] != "50" || r.Rows["positions"] != "50" {
			t.Errorf("%+v", r)
		}
	})
	t.Run("does not fit", func(t *testing.T) {
		r := check(t, open(t, d.URL()), `
sources:
  trades:
    primary_key: id
    columns: {id: Integer, prise: Decimal, at: Boolean}
  missing:
    primary_key: id
  totals:
    relation: totals
    primary_key: desk
`)
		for _, want := range []string{
			`schema.yaml:5:5: source trades: column "prise" (line 5) does not exist`,
			`schema.yaml:6:3: source missing: missing does not exist yet`,
			`schema.yaml:9:5: source totals: public.totals is a view`,
		} {
			if !strings.Contains(r.Mistakes.Error(), want) {
				t.Errorf("%s is not in\n%s", want, r.Mistakes.Error())
			}
		}
	})
	t.Run("without rights", func(t *testing.T) {
		r := check(t, open(t, d.URLAs("nobody")), good)
		got := r.Mistakes.Error()
		if len(r.Mistakes) != 3 || !strings.Contains(got, `the role may not replicate: run ALTER ROLE "nobody" REPLICATION`) ||
			!strings.Contains(got, "GRANT SELECT") || !strings.Contains(got, `there is no publication tycostream, and the role nobody may not create it: `+
			`run as the tables' owner CREATE PUBLICATION "tycostream" FOR TABLE "public"."positions" WITH`) {
			t.Errorf("%s", got)
		}
	})
}

func TestCheckPublication(t *testing.T) {
	d := pool.Database(t)
	d.Exec(t, tables)
	role(t, d, "follower", "LOGIN REPLICATION")
	d.Exec(t, "GRANT SELECT ON positions, trades TO follower")
	text := "sources:\n  trades: {primary_key: id}\n  positions: {primary_key: [desk, instrument]}\n"
	db := open(t, d.URLAs("follower"))

	d.Exec(t, "CREATE PUBLICATION tycostream FOR TABLE trades")
	want := `schema.yaml: the publication lacks tables, and the role follower may not add them: ` +
		`run as their owner ALTER PUBLICATION "tycostream" ADD TABLE "public"."positions"`
	if got := check(t, db, text).Mistakes.Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	d.Exec(t, `ALTER PUBLICATION "tycostream" ADD TABLE "public"."positions"`)
	if r := check(t, db, text); len(r.Mistakes) > 0 {
		t.Errorf("%s", r.Mistakes.Error())
	}
	d.Exec(t, "DROP PUBLICATION tycostream")
	d.Exec(t, "CREATE PUBLICATION tycostream FOR ALL TABLES")
	if r := check(t, db, text); len(r.Mistakes) > 0 {
		t.Errorf("%s", r.Mistakes.Error())
	}
}

func TestUnreachable(t *testing.T) {
	d := pool.Database(t)
	for _, c := range []struct {
		env  []string
		want string
	}{
		{[]string{"DATABASE_URL=postgres://127.0.0.1:1/x"}, "cannot connect to 127.0.0.1:1/x (connect: connection refused)"},
		{[]string{"DATABASE_URL=" + strings.Replace(d.URL(), d.Name, "nowhere", 1)}, "there is no such database: set DATABASE_NAME"},
		{[]string{"DATABASE_URL=" + d.URLAs("stranger")}, `refuses the login of "stranger": set DATABASE_USER and DATABASE_PASSWORD`},
	} {
		r, err := config.Load(config.Input{Environ: c.env, Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		_, err = catalog.Connect(t.Context(), r.Config, nil, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v does not say %q in one line", err, c.want)
		}
	}
}
