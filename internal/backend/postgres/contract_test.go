package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/backend/backendtest"
	"github.com/tycostream/tycostream/internal/backend/postgres"
	"github.com/tycostream/tycostream/internal/source"
	"github.com/tycostream/tycostream/internal/testpg"
)

func TestContract(t *testing.T) {
	for _, slot := range []string{"", "contract"} {
		t.Run("slot="+slot, func(t *testing.T) {
			server := testpg.Start(t, testpg.Options{})
			h := &harness{server: server, db: server.NewDatabase(t), slot: slot, tables: map[string]backendtest.Table{}}
			h.proxy = testpg.NewProxy(t, server.Addr())
			backendtest.Run(t, h)
		})
	}
}

// harness lets the contract suite control a private PostgreSQL.
type harness struct {
	server *testpg.Server
	db     *testpg.Database
	proxy  *testpg.Proxy
	slot   string
	tables map[string]backendtest.Table
}

func (h *harness) Backend(t *testing.T) source.Backend {
	t.Helper()
	return backend(t, postgres.Options{URL: h.db.URLVia(h.proxy), Slot: h.slot})
}

func (h *harness) Relation(table string) string { return "public." + table }

func (h *harness) Create(t *testing.T, table backendtest.Table) {
	t.Helper()
	h.tables[table.Name] = table
	var columns []string
	for _, c := range table.Columns {
		columns = append(columns, c.Name+" "+c.SQLType)
	}
	h.db.Exec(t, "CREATE TABLE "+table.Name+" ("+strings.Join(columns, ", ")+", PRIMARY KEY ("+strings.Join(table.Key, ", ")+"))")
}

func (h *harness) Drop(t *testing.T, table string) {
	t.Helper()
	h.db.Exec(t, "DROP TABLE "+table)
}

func (h *harness) Commit(t *testing.T, writes ...backendtest.Write) {
	t.Helper()
	var sql strings.Builder
	sql.WriteString("BEGIN;")
	for _, w := range writes {
		table := h.tables[w.Table]
		switch w.Op {
		case backendtest.Insert:
			sql.WriteString("INSERT INTO " + w.Table + " VALUES (" + values(w.Row) + ")")
		case backendtest.Update:
			var columns []string
			for _, c := range table.Columns {
				columns = append(columns, c.Name)
			}
			sql.WriteString("UPDATE " + w.Table + " SET (" + strings.Join(columns, ", ") + ") = ROW (" + values(w.Row) + ") WHERE " + match(table.Key, w.Key))
		case backendtest.Delete:
			sql.WriteString("DELETE FROM " + w.Table + " WHERE " + match(table.Key, w.Key))
		}
		sql.WriteString(";")
	}
	h.db.Exec(t, sql.String()+"COMMIT")
}

func values(cells []backendtest.Cell) string {
	texts := make([]string, len(cells))
	for i, c := range cells {
		if texts[i] = "NULL"; c != nil {
			texts[i] = "'" + strings.ReplaceAll(*c, "'", "''") + "'"
		}
	}
	return strings.Join(texts, ", ")
}

func match(key []string, cells []backendtest.Cell) string {
	parts := make([]string, len(key))
	for i := range key {
		parts[i] = key[i] + " = " + values(cells[i:i+1])
	}
	return strings.Join(parts, " AND ")
}

func (h *harness) Cut(t *testing.T) {
	t.Helper()
	h.proxy.Cut()
}

func (h *harness) Restart(t *testing.T) {
	t.Helper()
	if err := h.server.Restart(t.Context(), false); err != nil {
		t.Fatal(err)
	}
}

func (h *harness) ForgetHistory(t *testing.T) {
	t.Helper()
	if h.slot == "" {
		return
	}
	deadline := time.Now().Add(patience)
	for h.db.Text(t, "SELECT count(*)::text FROM pg_replication_slots WHERE active") != "0" && time.Now().Before(deadline) {
		pause(t.Context(), 10*time.Millisecond)
	}
	h.db.Exec(t, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")
}

func (h *harness) Features() backendtest.Features {
	return backendtest.Features{Resume: h.slot != "", DropEnds: true}
}
