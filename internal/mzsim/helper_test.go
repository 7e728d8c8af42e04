package mzsim_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"go.uber.org/goleak"

	"github.com/tycostream/tycostream/internal/mzsim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func manual(t *testing.T) *mzsim.Sim {
	t.Helper()
	sim := mzsim.New(mzsim.Options{Manual: true, Seed: 7})
	t.Cleanup(sim.Close)
	return sim
}

func create(t *testing.T, sim *mzsim.Sim, name string, opts mzsim.ObjectOptions, columns ...string) {
	t.Helper()
	if err := sim.CreateTable(name, mzsim.Columns(columns...), opts); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, sim *mzsim.Sim, tx *mzsim.Tx) uint64 {
	t.Helper()
	ts, err := sim.Write(tx)
	if err != nil {
		t.Fatal(err)
	}
	return ts
}

// config is a pgx configuration that dials sim.
func config(tb testing.TB, sim *mzsim.Sim) *pgx.ConnConfig {
	tb.Helper()
	cfg, err := pgx.ParseConfig("postgres://materialize:s3cret@mzsim/materialize?sslmode=disable")
	if err != nil {
		tb.Fatal(err)
	}
	cfg.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	cfg.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return sim.Dial(ctx) }
	return cfg
}

func connect(t *testing.T, sim *mzsim.Sim) *pgconn.PgConn {
	t.Helper()
	conn, err := pgconn.ConnectConfig(t.Context(), &config(t, sim).Config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// wire is a client that speaks in single messages.
type wire struct {
	t  *testing.T
	fe *pgproto3.Frontend
	c  net.Conn
}

// dial opens a session with start-up parameters (name, value, ...).
func dial(t *testing.T, sim *mzsim.Sim, params ...string) *wire {
	t.Helper()
	c, err := sim.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	w := &wire{t: t, fe: pgproto3.NewFrontend(c, c), c: c}
	p := map[string]string{"user": "materialize", "database": "materialize", "options": "--welcome_message=off"}
	for i := 0; i+1 < len(params); i += 2 {
		p[params[i]] = params[i+1]
	}
	w.send(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: p})
	return w
}

// session is dial, read up to the first ReadyForQuery.
func session(t *testing.T, sim *mzsim.Sim, params ...string) *wire {
	t.Helper()
	w := dial(t, sim, params...)
	w.until("Z")
	return w
}

func (w *wire) send(msgs ...pgproto3.FrontendMessage) {
	w.t.Helper()
	for _, m := range msgs {
		w.fe.Send(m)
	}
	if err := w.fe.Flush(); err != nil {
		w.t.Fatal(err)
	}
}

// next reads one message as a line of text: its letter, then what matters.
func (w *wire) next() string {
	w.t.Helper()
	_ = w.c.SetReadDeadline(time.Now().Add(time.Minute))
	m, err := w.fe.Receive()
	if err != nil {
		return "EOF"
	}
	return show(m)
}

// until reads up to a message that begins with stop, included.
func (w *wire) until(stop string) []string {
	w.t.Helper()
	var lines []string
	for {
		l := w.next()
		lines = append(lines, l)
		if strings.HasPrefix(l, stop) {
			return lines
		}
		if l == "EOF" {
			w.t.Fatalf("connection ended in %q", lines)
		}
	}
}

// query runs a simple query to its ReadyForQuery.
func (w *wire) query(sql string) []string {
	w.t.Helper()
	w.send(&pgproto3.Query{String: sql})
	return w.until("Z")
}

func show(m pgproto3.BackendMessage) string {
	switch m := m.(type) {
	case *pgproto3.RowDescription:
		var names []string
		for _, f := range m.Fields {
			names = append(names, string(f.Name))
		}
		return "T " + strings.Join(names, " ")
	case *pgproto3.DataRow:
		var vals []string
		for _, v := range m.Values {
			if v == nil {
				vals = append(vals, "<null>")
			} else {
				vals = append(vals, string(v))
			}
		}
		return "D " + strings.Join(vals, " ")
	case *pgproto3.CopyOutResponse:
		return "H " + strings.Repeat("c", len(m.ColumnFormatCodes))
	case *pgproto3.CopyData:
		return "d " + string(m.Data)
	case *pgproto3.CopyDone:
		return "c"
	case *pgproto3.CommandComplete:
		return "C " + string(m.CommandTag)
	case *pgproto3.ReadyForQuery:
		return "Z " + string(m.TxStatus)
	case *pgproto3.ErrorResponse:
		return "E " + m.Severity + " " + m.Code + " " + m.Message
	case *pgproto3.NoticeResponse:
		return "N " + m.Severity + " " + m.Code + " " + m.Message
	case *pgproto3.ParameterStatus:
		return "S " + m.Name + "=" + m.Value
	case *pgproto3.BackendKeyData:
		return "K"
	case *pgproto3.AuthenticationOk:
		return "R"
	case *pgproto3.ParseComplete:
		return "1"
	case *pgproto3.BindComplete:
		return "2"
	case *pgproto3.CloseComplete:
		return "3"
	case *pgproto3.NoData:
		return "n"
	case *pgproto3.PortalSuspended:
		return "s"
	case *pgproto3.EmptyQueryResponse:
		return "I"
	case *pgproto3.ParameterDescription:
		return "t"
	}
	return "?"
}
