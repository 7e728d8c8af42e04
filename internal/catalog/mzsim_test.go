package catalog_test

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/tycostream/tycostream/internal/catalog"
	"github.com/tycostream/tycostream/internal/config"
	"github.com/tycostream/tycostream/internal/config/schemafile"
	"github.com/tycostream/tycostream/internal/mzsim"
)

func openSim(t *testing.T, sim *mzsim.Sim) *catalog.Database {
	t.Helper()
	r, err := config.Load(config.Input{Environ: []string{"DATABASE_HOST=mzsim", "DATABASE_SSLMODE=disable"}, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return sim.Dial(ctx) }
	db, err := catalog.Connect(t.Context(), r.Config, dial, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

func TestMaterializeStandIn(t *testing.T) {
	sim := mzsim.New(mzsim.Options{Manual: true, Seed: 1, World: &mzsim.WorldOptions{Rows: 50}})
	t.Cleanup(sim.Close)
	db := openSim(t, sim)
	if db.Engine != "materialize" {
		t.Fatal(db.Engine)
	}

	text, _ := introspect(t, db, catalog.Arguments{Sources: []string{"live_pnl"}, Keys: []string{"instrument_id"}})
	f, err := schemafile.Parse("schema.yaml", []byte(text), schemafile.Options{})
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	report, err := db.Check(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Warnings) != 1 || !strings.Contains(report.Warnings[0].Text, "keeps 1s of history") {
		t.Errorf("%v", report.Warnings)
	}
	if len(report.Mistakes) > 0 || report.Rows["live_pnl"] != "50" {
		t.Errorf("%+v", report)
	}

	text, notes := introspect(t, db, catalog.Arguments{})
	for _, want := range []string{"  live_pnl: # ", "  trades: # ", "  instruments: # ", "primary_key: CHOOSE # unique in all 50 rows: instrument_id"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if len(notes) > 0 {
		t.Error(notes)
	}
}

// TestTriggersOfTheCatalog: conditions are compared with the catalog's columns
// where the file declares none.
func TestTriggersOfTheCatalog(t *testing.T) {
	sim := mzsim.New(mzsim.Options{Manual: true, Seed: 1, World: &mzsim.WorldOptions{Rows: 5}})
	t.Cleanup(sim.Close)
	db := openSim(t, sim)
	f, err := schemafile.Parse("schema.yaml", []byte(`sources:
  live_pnl:
    primary_key: instrument_id
    triggers:
      good: {webhook: https://example.com, fire: {net_position: {_gt: 1}}}
      bad:
        webhook: https://example.com
        fire: {net_pnl: {_gt: 1}}
`), schemafile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	report, err := db.Check(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	if got := report.Mistakes.Error(); got != `schema.yaml:8:16: trigger "bad": fire.net_pnl: no such column` {
		t.Errorf("got %s", got)
	}
}
