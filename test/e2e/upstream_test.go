package e2e

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/tycostream/tycostream/internal/mzsim"
)

// stand starts a stand-in for Materialize behind a TCP listener, and returns it
// with the setting that leads there.
func stand(t *testing.T, o mzsim.Options) (sim *mzsim.Sim, setting string) {
	t.Helper()
	if o.TickInterval == 0 {
		o.TickInterval = 20 * time.Millisecond
	}
	sim = mzsim.New(o)
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = sim.Serve(ln) }) // ends with Close
	t.Cleanup(func() { sim.Close(); wg.Wait() })
	return sim, "DATABASE_URL=postgres://materialize@" + ln.Addr().String() + "/materialize?sslmode=disable"
}

// must fails the test for the error of a call that also returns a value.
func must[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// database asks a server in SQL.
type database struct {
	t    *testing.T
	conn *pgconn.PgConn
}

func reach(t *testing.T, url string) *database {
	t.Helper()
	var conn *pgconn.PgConn
	eventually(t, "reach the database", func() (err error) {
		conn, err = pgconn.Connect(t.Context(), url)
		return err
	})
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) }) // the server may be gone
	return &database{t, conn}
}

func (d *database) exec(sql string) {
	d.t.Helper()
	if err := d.conn.Exec(d.t.Context(), sql).Close(); err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
}

// lines runs a query and returns its rows as [rows.lines] writes them.
func (d *database) lines(sql string) []string {
	d.t.Helper()
	results, err := d.conn.Exec(d.t.Context(), sql).ReadAll()
	if err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
	result := results[len(results)-1]
	out := make([]string, 0, len(result.Rows))
	for _, r := range result.Rows {
		cells := make([]string, len(r))
		for i, cell := range r {
			cells[i] = d.cell(cell, result.FieldDescriptions[i].DataTypeOID)
		}
		out = append(out, strings.Join(cells, " | "))
	}
	slices.Sort(out)
	return out
}

// cell writes the server's text as the gateway's JSON says it.
func (d *database) cell(cell []byte, oid uint32) string {
	d.t.Helper()
	if cell == nil {
		return "null"
	}
	s := string(cell)
	switch oid {
	case pgtype.BoolOID:
		return map[string]string{"t": "true", "f": "false"}[s]
	case pgtype.TimestamptzOID:
		return strings.Replace(strings.TrimSuffix(s, "+00"), " ", "T", 1) + "Z"
	case pgtype.TimestampOID:
		return strings.Replace(s, " ", "T", 1)
	case pgtype.JSONBOID, pgtype.JSONOID:
		var v any
		if err := decode(cell, &v); err != nil {
			d.t.Fatalf("%s: %v", s, err)
		}
		return text(v)
	}
	return s
}
