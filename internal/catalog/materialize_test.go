package catalog_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tycostream/tycostream/internal/catalog"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
)

// script answers statements by what they contain; the first match counts.
type script []struct {
	contains string
	rows     []relation.Row
	err      error
}

func (s script) Query(_ context.Context, sql string) ([]relation.Row, error) {
	for _, answer := range s {
		if strings.Contains(sql, answer.contains) {
			return answer.rows, answer.err
		}
	}
	return nil, fmt.Errorf("unexpected statement: %s", sql)
}

// view is a backend that knows one relation.
type view struct {
	source.Backend
	rel *source.Relation
	err error
}

func (v view) Describe(context.Context, *source.Definition) (*source.Relation, error) {
	return v.rel, v.err
}

func livePnL() *source.Relation {
	return &source.Relation{
		Name: "materialize.public.live_pnl", Type: "materialized view",
		Columns: []source.CatalogColumn{
			{Name: "symbol", SQLType: "text", Kind: relation.String},
			{Name: "pnl", SQLType: "numeric", Kind: relation.Decimal},
			{Name: "instrument_id", SQLType: "integer", Kind: relation.Integer},
		},
	}
}

func one(texts ...string) []relation.Row { return []relation.Row{relation.Texts(texts...)} }

const liveSchema = "sources:\n  live_pnl:\n    primary_key: instrument_id\n"

func TestCheckMaterialize(t *testing.T) {
	counts := script{
		{"count(*) FROM (SELECT DISTINCT", one("10"), nil},
		{"IS NULL", one("0"), nil},
		{"GROUP BY", one("7"), nil},
		{"count(*) FROM", one("10"), nil},
	}
	object := script{{"mz_object_fully_qualified_names", one("u1", "materialized-view"), nil}}
	hour := script{{"mz_history_retention_strategies", one("3600000"), nil}}
	noIndex := script{{"SHOW cluster", one("quickstart"), nil}, {"mz_indexes", nil, nil}}
	grant := &pgconn.PgError{Code: "42501", Message: "permission denied"}
	for _, c := range []struct {
		name           string
		script         script
		cluster        string
		mistakes, warn string
	}{
		{name: "all well", script: join(counts, object, hour, noIndex)},
		{
			name:   "one second of history",
			script: join(counts, object, script{{"mz_history_retention_strategies", nil, nil}}, noIndex),
			warn: "schema.yaml:2:3: source live_pnl: materialize.public.live_pnl keeps 1s of history, so a lost connection costs a new snapshot; " +
				`to resume, run ALTER MATERIALIZED VIEW "materialize"."public"."live_pnl" SET (RETAIN HISTORY FOR '1hr')`,
		},
		{
			name: "index trap", cluster: "serving",
			script: join(counts, object, hour, script{{"mz_clusters WHERE", one("serving"), nil}, {"mz_indexes", one("pnl_idx"), nil}}),
			warn:   "schema.yaml:2:3: source live_pnl: the index pnl_idx in cluster serving makes resuming impossible",
		},
		{
			name:   "plain view",
			script: join(counts, script{{"mz_object_fully_qualified_names", one("u1", "view"), nil}}),
			warn:   "schema.yaml:2:3: source live_pnl: materialize.public.live_pnl is a plain view",
		},
		{
			name:   "mz_internal out of bounds",
			script: join(counts, script{{"mz_object_fully_qualified_names", nil, grant}}),
			warn:   "schema.yaml:2:3: source live_pnl: how long the database keeps its history could not be read",
		},
		{
			name: "key not unique", script: join(script{{"count(*) FROM (SELECT DISTINCT", one("9"), nil}}, counts, object, hour, noIndex),
			mistakes: "schema.yaml:3:5: source live_pnl: the primary_key (instrument_id) is not unique: 10 rows, but only 9 different keys; " +
				"one that is there more than once: 7",
		},
		{
			name: "null in the key", script: join(script{{"IS NULL", one("2"), nil}}, counts, object, hour, noIndex),
			mistakes: "schema.yaml:3:5: source live_pnl: 2 of 10 rows have NULL in the primary_key (instrument_id)",
		},
		{
			name: "no right to read", script: script{{"count(*)", nil, grant}},
			mistakes: `schema.yaml:2:3: source live_pnl: the role joe may not read it: GRANT USAGE ON SCHEMA "materialize"."public" TO "joe"; ` +
				`GRANT SELECT ON "materialize"."public"."live_pnl" TO "joe"; and USAGE on the cluster`,
		},
		{
			name: "no such cluster", cluster: "nowhere",
			script:   join(script{{"mz_clusters WHERE", nil, nil}}, counts, object, hour, noIndex),
			mistakes: `schema.yaml: the cluster "nowhere" does not exist: correct DATABASE_CLUSTER`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := &catalog.Database{Engine: "materialize", Backend: view{rel: livePnL()}, Queries: c.script, User: "joe", Cluster: c.cluster}
			r := check(t, db, liveSchema)
			if got := r.Mistakes.Error(); got != c.mistakes {
				t.Errorf("mistakes\n%s\nwant\n%s", got, c.mistakes)
			}
			if got := r.Warnings.Error(); !strings.HasPrefix(got, c.warn) || (got == "") != (c.warn == "") {
				t.Errorf("warnings\n%s\nwant\n%s", got, c.warn)
			}
		})
	}
}

func join(scripts ...script) script {
	var all script
	for _, s := range scripts {
		all = append(all, s...)
	}
	return all
}

func TestProposals(t *testing.T) {
	cells := func(symbol, pnl, id string) relation.Row { return relation.Texts(symbol, pnl, id) }
	for _, c := range []struct {
		name string
		rows []relation.Row
		want string
	}{
		{"the likely one first", []relation.Row{cells("A", "1", "1"), cells("B", "2", "2")}, "unique in all 2 rows: instrument_id, or symbol"},
		{"one", []relation.Row{cells("A", "1", "1"), cells("A", "1", "2")}, "unique in all 2 rows: instrument_id"},
		{"a pair", []relation.Row{cells("A", "1", "1"), cells("A", "1", "2"), cells("B", "1", "1")}, "unique in all 3 rows: [symbol, instrument_id]"},
		{"an amount, if nothing else", []relation.Row{cells("A", "1", "1"), cells("A", "2", "1")}, "unique in all 2 rows: pnl"},
		{"none", []relation.Row{cells("A", "1", "1"), cells("A", "1", "1")}, "no column or pair of columns is unique in all 2 rows"},
		{"nulls", []relation.Row{relation.Cells(nil, nil, nil), cells("A", "1", "1")}, "no column or pair of columns is unique in all 2 rows"},
		{"empty", nil, "the relation is empty: no candidate could be tested"},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := &catalog.Database{
				Engine: "materialize", Backend: view{rel: livePnL()},
				Queries: script{{"LIMIT 10000", c.rows, nil}},
			}
			text, _ := introspect(t, db, catalog.Arguments{Sources: []string{"live_pnl"}})
			if !strings.Contains(text, "    primary_key: CHOOSE # "+c.want+"\n") {
				t.Errorf("%q is not in\n%s", c.want, text)
			}
		})
	}
}

func TestIntrospectEverythingOfMaterialize(t *testing.T) {
	db := &catalog.Database{
		Engine: "materialize", Backend: view{err: &source.Error{Class: source.Config, Text: "it has no rows to follow"}},
		Queries: script{{"mz_objects", one("odd.name"), nil}},
	}
	request, err := catalog.Arguments{}.Request()
	if err != nil {
		t.Fatal(err)
	}
	_, notes, err := db.Introspect(t.Context(), request)
	if err == nil || len(notes) != 1 || notes[0] != `"odd.name" is left out: it has no rows to follow` {
		t.Error(err, notes)
	}
	db.Queries = script{{"mz_objects", nil, nil}}
	if _, _, err := db.Introspect(t.Context(), request); err == nil {
		t.Error("an empty database gives a schema")
	}
}
