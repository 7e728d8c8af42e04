// Package pgcatalog reads what a PostgreSQL server knows of tables and
// publications, and says in words and statements what keeps a table from being
// followed.
//
//	session := &pgcatalog.Session{Conn: conn, Silence: time.Minute}
//	table, err := pgcatalog.LookUp(ctx, session, def)
//	err = table.Check(def, "gateway") // a *source.Error that names the ALTER TABLE to run
//
// Every error is a *source.Error. Its Text may be shown to clients; statements
// and the server's own words stand in its Err.
//
// A Session belongs to one goroutine at a time. Tables and publications are
// what the catalog said at one moment and do not change.
package pgcatalog
