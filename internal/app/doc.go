// Package app wires the gateway together and owns its lifetime: [Run] starts
// the feeds, the supervisor that follows the database, the GraphQL schema and
// the server, and ends them in the reverse order.
//
// The database's absence never ends Run: clients are served, and told that
// sources are not live. A source whose columns are not declared joins the
// GraphQL schema when its relation is first seen; the new schema replaces the
// old one by an atomic pointer, and connections that live keep theirs.
package app
