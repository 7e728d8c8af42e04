// Package pgerr holds the errors that a client of Materialize can meet, with
// their SQLSTATEs and texts, those of older versions included.
//
// Every function returns a new error, which the caller may change.
package pgerr
