// Package testpg runs private PostgreSQL 15 servers for tests and examples.
//
// A [Server] is a cluster of its own in a temporary directory, with logical
// replication switched on, reachable on a loopback port and a Unix socket. It
// runs as an unprivileged user when the process is root, because PostgreSQL
// refuses root.
//
//	server, err := testpg.Launch(ctx, testpg.Options{})
//	defer server.Close()
//
// Tests take a [Pool], which starts one server for the whole test binary, and a
// fresh database for each test:
//
//	var pool testpg.Pool
//
//	func TestMain(m *testing.M) { os.Exit(pool.Run(m)) }
//
//	func TestSomething(t *testing.T) {
//		db := pool.Database(t)
//		db.Exec(t, "CREATE TABLE ...")
//	}
//
// A machine without the server's programs fails the test with the text what to
// install. Nothing is ever skipped.
//
// Faults: [Server.Kill] and [Server.Restart], [Database.Terminate], and a
// [Proxy] that cuts or stalls connections.
//
// # Concurrency
//
// All methods of Server, Database, Pool and Proxy may be called from any
// goroutine, except that Kill, Stop, Start, Restart and Close of one Server
// must not overlap.
package testpg
