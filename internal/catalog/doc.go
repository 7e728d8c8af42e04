// Package catalog looks at a database before the gateway follows it: it writes
// a schema.yaml from what is there ([Database.Introspect]) and compares a
// schema.yaml with it ([Database.Check]).
//
// Statements go through the simple protocol and are kept plain, so that
// Materialize and PostgreSQL answer the same ones. They read; nothing is
// changed in the database.
//
// A [Database] holds one connection and serves one goroutine at a time.
package catalog
