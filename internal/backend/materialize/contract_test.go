package materialize_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tycostream/tycostream/internal/backend/backendtest"
	"github.com/tycostream/tycostream/internal/backend/materialize"
	"github.com/tycostream/tycostream/internal/mzsim"
	"github.com/tycostream/tycostream/internal/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// harness runs the contract suite over the stand-in.
type harness struct {
	sim    *mzsim.Sim
	tables map[string]backendtest.Table
	rows   map[string]map[string][]any // by table and key: the row as written
}

func dialer(sim *mzsim.Sim) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) { return sim.Dial(ctx) }
}

// open returns a backend over a stand-in. mod changes its configuration.
func open(t *testing.T, sim *mzsim.Sim, mod ...func(*materialize.Config)) *materialize.Backend {
	t.Helper()
	cfg := materialize.Config{
		ConnString: "host=mzsim user=materialize database=materialize sslmode=disable", Dial: dialer(sim), Stall: 30 * time.Second,
	}
	for _, m := range mod {
		m(&cfg)
	}
	b, err := materialize.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (h *harness) Backend(t *testing.T) source.Backend {
	t.Helper()
	return open(t, h.sim)
}

func (*harness) Relation(table string) string { return "materialize.public." + table }

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (h *harness) Create(t *testing.T, table backendtest.Table) {
	t.Helper()
	var columns []string
	for _, c := range table.Columns {
		columns = append(columns, c.Name+" "+c.SQLType)
	}
	check(t, h.sim.CreateTable(table.Name, mzsim.Columns(columns...), mzsim.ObjectOptions{Retain: time.Hour}))
	h.tables[table.Name], h.rows[table.Name] = table, map[string][]any{}
}

func (h *harness) Drop(t *testing.T, table string) {
	t.Helper()
	check(t, h.sim.Drop(table))
}

// key joins the key cells of a row, or the given ones.
func (h *harness) key(table string, row []any) string {
	var parts []string
	for _, k := range h.tables[table].Key {
		for i, c := range h.tables[table].Columns {
			if c.Name == k {
				text, _ := row[i].(string)
				parts = append(parts, text)
			}
		}
	}
	return strings.Join(parts, "\x00")
}

func anys(cells []backendtest.Cell) []any {
	out := make([]any, len(cells))
	for i, c := range cells {
		if c != nil {
			out[i] = *c
		}
	}
	return out
}

func (h *harness) Commit(t *testing.T, writes ...backendtest.Write) {
	t.Helper()
	tx := new(mzsim.Tx)
	for _, w := range writes {
		rows := h.rows[w.Table]
		if w.Op != backendtest.Insert {
			var parts []string
			for _, c := range w.Key {
				parts = append(parts, *c)
			}
			key := strings.Join(parts, "\x00")
			if rows[key] == nil {
				t.Fatalf("no row %q in %s", key, w.Table)
			}
			tx.Delete(w.Table, rows[key]...)
			delete(rows, key)
		}
		if w.Op != backendtest.Delete {
			row := anys(w.Row)
			tx.Insert(w.Table, row...)
			rows[h.key(w.Table, row)] = row
		}
	}
	_, err := h.sim.Write(tx)
	check(t, err)
}

func (h *harness) Cut(*testing.T) { h.sim.Faults().CutAll() }

func (h *harness) Restart(*testing.T) { h.sim.Faults().Restart() }

func (h *harness) ForgetHistory(*testing.T) {
	h.sim.Tick()
	h.sim.Faults().LoseHistory()
}

func (*harness) Features() backendtest.Features {
	return backendtest.Features{Duplicates: true, Resume: true, Ticks: true, DropEnds: true}
}

func TestContract(t *testing.T) {
	for name, opts := range map[string]mzsim.Options{
		"ticking": {TickInterval: 20 * time.Millisecond, Seed: 1},
		"split":   {TickInterval: 20 * time.Millisecond, Seed: 2, PipeBuffer: 4096},
	} {
		t.Run(name, func(t *testing.T) {
			h := &harness{sim: mzsim.New(opts), tables: map[string]backendtest.Table{}, rows: map[string]map[string][]any{}}
			t.Cleanup(h.sim.Close)
			if name == "split" {
				h.sim.Faults().Split(700, 0)
			}
			backendtest.Run(t, h)
		})
	}
}
