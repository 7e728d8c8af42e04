// Package catalog answers questions about what exists: it resolves names,
// serves the system tables and SHOW, and the functions that know the session.
//
// A View belongs to one session and its goroutine; the store behind it and the
// Server are shared.
package catalog
