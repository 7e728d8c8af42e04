package testpg_test

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/tycostream/tycostream/internal/testpg"
)

var pool testpg.Pool

func TestMain(m *testing.M) { os.Exit(pool.Run(m)) }

func TestDatabasesAreSeparate(t *testing.T) {
	a, b := pool.Database(t), pool.Database(t)
	a.Exec(t, "CREATE TABLE t (x int)")
	if got := b.Text(t, "SELECT count(*)::text FROM pg_class WHERE relname = 't'"); got != "0" {
		t.Fatalf("a table of one database shows in the other: %s", got)
	}
	if got := a.Text(t, "SHOW wal_level"); got != "logical" {
		t.Fatalf("wal_level %q", got)
	}
}

func TestKillAndRestart(t *testing.T) {
	server := testpg.Start(t, testpg.Options{Fsync: true})
	db := server.NewDatabase(t)
	db.Exec(t, "CREATE TABLE t (x int); INSERT INTO t VALUES (1)")
	if err := server.Restart(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if got := db.Text(t, "SELECT sum(x)::text FROM t"); got != "1" {
		t.Fatalf("after the kill: %s", got)
	}
}

func TestPassword(t *testing.T) {
	server := testpg.Start(t, testpg.Options{Password: "s3cret"})
	if _, err := pgx.Connect(t.Context(), server.URLAt(server.Addr(), "other", "postgres")); err == nil {
		t.Fatal("let in without a password")
	}
	if _, err := pgx.Connect(t.Context(), server.URL("postgres")); err != nil {
		t.Fatal(err)
	}
}

func TestProxyCutsAndRefuses(t *testing.T) {
	db := pool.Database(t)
	proxy := testpg.NewProxy(t, db.Server.Addr())
	conn, err := pgx.Connect(t.Context(), db.URLVia(proxy))
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := proxy.Cut(); n != 2 {
		t.Fatalf("cut %d ends", n)
	}
	if err := conn.Ping(t.Context()); err == nil {
		t.Fatal("the connection survived")
	}
	proxy.Refuse(true)
	if _, err := pgx.Connect(t.Context(), db.URLVia(proxy)); err == nil {
		t.Fatal("let in while refusing")
	}
}
