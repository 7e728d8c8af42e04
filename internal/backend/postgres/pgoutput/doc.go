// Package pgoutput decodes version 1 of PostgreSQL's logical replication
// protocol, the payload of its XLogData messages.
//
// Rows are the hot path: tuples are read in place, without an allocation, and
// no message, however damaged, makes the decoder panic. What cannot be read is
// an [ErrMessage].
//
// The functions may be called from any goroutine. A [Row] belongs to one; the
// bytes of its fields are those of the message it was decoded from.
package pgoutput
