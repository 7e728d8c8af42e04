package testpg

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
)

// TB is the part of testing.TB that this package uses, so that programs can
// import it without package testing.
type TB interface {
	Helper()
	Cleanup(f func())
	Context() context.Context
	Fatalf(format string, args ...any)
}

// Start launches a server of the test's own, which ends with the test.
func Start(t TB, o Options) *Server {
	t.Helper()
	s, err := Launch(t.Context(), o)
	if err != nil {
		t.Fatalf("start a private PostgreSQL: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Fatalf("stop the private PostgreSQL: %v", err)
		}
	})
	return s
}

// Pool shares one server among the tests of a binary. The zero value is ready.
type Pool struct {
	Options Options // of the server; set before the first use

	mu     sync.Mutex
	server *Server
	err    error
}

// Run runs the tests of m and then stops the shared server, if one was started.
func (p *Pool) Run(m interface{ Run() int }) int {
	code := m.Run()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server != nil && p.server.Close() != nil && code == 0 {
		code = 1
	}
	return code
}

// Server returns the shared server, starting it first when needed.
func (p *Pool) Server(t TB) *Server {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server == nil && p.err == nil {
		p.server, p.err = Launch(t.Context(), p.Options)
	}
	if p.err != nil {
		t.Fatalf("start a private PostgreSQL: %v", p.err)
	}
	return p.server
}

// Database makes a fresh database on the shared server.
func (p *Pool) Database(t TB) *Database {
	t.Helper()
	return p.Server(t).NewDatabase(t)
}

// Database is one database of a server.
type Database struct {
	Server *Server
	Name   string
}

// databases counts, so that names are unique in the process.
//
//nolint:gochecknoglobals // a counter
var databases atomic.Int64

// NewDatabase makes a fresh database, dropped at the end of the test.
func (s *Server) NewDatabase(t TB) *Database {
	t.Helper()
	db := &Database{Server: s, Name: fmt.Sprintf("test_%d", databases.Add(1))}
	admin := &Database{Server: s, Name: "postgres"}
	admin.Exec(t, "CREATE DATABASE "+db.Name)
	t.Cleanup(func() {
		// A server that a test has stopped takes its databases along.
		ctx := context.WithoutCancel(t.Context())
		conn, err := pgx.Connect(ctx, s.URL("postgres"))
		if err != nil {
			return
		}
		defer conn.Close(ctx) //nolint:errcheck // nothing left to say
		_, _ = conn.Exec(ctx, `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = $1 AND active`, db.Name)
		_, _ = conn.Exec(ctx, `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = $1 AND NOT active`, db.Name)
		_, _ = conn.Exec(ctx, "DROP DATABASE "+db.Name+" WITH (FORCE)")
	})
	return db
}

// URL is a connection string for the superuser.
func (d *Database) URL() string { return d.Server.URL(d.Name) }

// URLAs is a connection string for another user.
func (d *Database) URLAs(user string) string { return d.Server.URLAt(d.Server.Addr(), user, d.Name) }

// URLVia is a connection string for the superuser through a proxy.
func (d *Database) URLVia(p *Proxy) string { return d.Server.URLAt(p.Addr(), User, d.Name) }

// Connect opens a connection that is closed at the end of the test.
func (d *Database) Connect(t TB) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), d.URL())
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// Exec runs statements on a connection of their own. Without arguments sql may
// hold several statements.
func (d *Database) Exec(t TB, sql string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), d.URL())
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // the statement's error counts
	if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// Text runs a query of one row with one text column.
func (d *Database) Text(t TB, sql string, args ...any) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), d.URL())
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // the query's error counts
	var text string
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&text); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return text
}

// Terminate ends the backends of this database whose application_name is like
// the pattern.
func (d *Database) Terminate(t TB, pattern string) {
	t.Helper()
	d.Exec(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE $1`, pattern)
}
