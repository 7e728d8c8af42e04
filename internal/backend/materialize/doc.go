// Package materialize follows relations of Materialize: one
// COPY (SUBSCRIBE ... WITH (PROGRESS)) TO STDOUT for each source, on a
// connection of its own.
//
//	connect ─▶ look up in the catalog ─▶ Sink.Open ─▶ SUBSCRIBE
//	  progress A        AS OF: the snapshot's time
//	  rows at A         Sink.Snapshot, in chunks
//	  rows above A      netted per (time, key)
//	  progress F > A    Sink.Live(A), Sink.Apply(times, F-1)
//	  ...
//
// A first snapshot of what retains history begins in the past: with AS OF AT
// LEAST, which is right here because the first progress row says where it
// begins, and wrong for going on from a position, where it would leave out
// changes in silence. The source is live once the stream has come to what
// mz_now() was before it.
//
// The plain envelope is used, not UPSERT: with counts, a second live row of a
// key is an error that names the key, where UPSERT would hide it. Inside one
// time a +1 may come before the -1 of the same key, so nothing is handed on
// before its time is whole; nothing becomes visible before the progress row
// that covers it, and whatever followed the last progress row of a stream that
// broke is dropped.
//
// pgconn dials and authenticates; from then on the package owns the connection
// and reads it at full speed, because the server buffers what is not read. It
// never writes while a SUBSCRIBE runs and ends one by closing the socket.
//
// A [Backend] holds configuration only and may be used by any number of
// goroutines. No goroutine outlives a call, but for the moment that pgconn
// takes to give up a connection whose start-up failed.
package materialize
