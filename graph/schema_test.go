package graph

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tycostream/tycostream/internal/relation"
)

var update = flag.Bool("update", false, "write the golden files")

func TestSDL(t *testing.T) {
	for name, m := range map[string]Model{
		"database-string": {StringScalars: true},
		"database-typed":  {},
		"camel-typed":     {CamelCase: true},
		"camel-string":    {CamelCase: true, StringScalars: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(have *Model) { have.CamelCase, have.StringScalars = m.CamelCase, m.StringScalars })
			path := filepath.Join("testdata", name+".graphql")
			if *update {
				if err := os.WriteFile(path, []byte(w.exec.SDL()), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got := w.exec.SDL(); got != string(want) {
				t.Errorf("%s differs from the schema, which is now\n%s", path, got)
			}
			for i := range w.model.Sources {
				w.model.Sources[i].Feed = nil
			}
			if got, err := SDL(w.model); got != string(want) || err != nil {
				t.Errorf("without feeds the schema is another: %v", err)
			}
		})
	}
}

// TestNamesOfTheProduct checks the example that the documentation of the API
// uses throughout.
func TestNamesOfTheProduct(t *testing.T) {
	s := style(true, &relation.Schema{Key: []int{0}, Columns: []relation.Column{
		column("instrument_id", relation.Integer), column("symbol", relation.String), column("latest_price", relation.Decimal),
	}})
	s.Columns[2].Field, s.Columns[2].Nullable = "lastPrice", false
	sdl, err := SDL(Model{CamelCase: true, Sources: []Source{{Name: "live_pnl", Base: "livePnL", Schema: s}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"livePnL(where: LivePnLExpression, snapshot: Boolean = true): LivePnLUpdate!",
		"livePnLChanges(where: LivePnLExpression, snapshot: Boolean = true, maxRows: Int): LivePnLChanges!",
		"livePnL(where: LivePnLExpression, orderBy: [LivePnLOrderBy!], limit: Int, offset: Int): [LivePnL!]!",
		"livePnLByPk(instrumentId: Int!): LivePnL",
		"instrumentId: Int!", "symbol: String", "lastPrice: Decimal!", "lastPrice: DecimalComparison", "lastPrice: OrderBy",
	} {
		if !strings.Contains(sdl, "  "+line+"\n") {
			t.Errorf("the schema lacks %s", line)
		}
	}
}
