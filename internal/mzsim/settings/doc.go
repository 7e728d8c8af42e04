// Package settings holds the variables of a session: their names, defaults,
// the values they accept, and which of them clients are told about.
//
// A Map belongs to one session and one goroutine.
package settings
