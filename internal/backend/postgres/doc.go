// Package postgres follows PostgreSQL tables through logical replication
// (pgoutput): one publication, one replication slot and one stream for all
// sources of a gateway, because servers allow few slots and each of them
// decodes the whole write-ahead log.
//
//	backend, err := postgres.New(postgres.Options{URL: "postgres://gateway@db/shop"})
//	err = backend.Follow(ctx, targets) // returns when the stream ends
//
// # The way of a Follow
//
//	catalog      look every table up; check its key, replica identity, grants      a table that does
//	publication  create it, or make it hold exactly these tables                   not fit fails alone
//	slot         temporary, with an exported snapshot at position X
//	snapshot     COPY the used columns of each table, as they stood at X
//	stream       START_REPLICATION at X: every transaction that committed since, once
//	watch        on a second connection: tables that come, go or change
//
// A transaction is one upstream time: its commit position in the log (LSN).
// The snapshot stands at X-1, so that every transaction of the stream is later.
// Positions that the server has passed without a change of ours move the
// frontier too; [relation.Frontier.Wall] moves only to a moment from which
// everything is known to have arrived (see clock).
//
// With [Options.Slot] a named slot outlives the connection: a later Follow goes
// on behind the targets' positions instead of taking a snapshot. Targets that
// cannot go on get one, taken with a temporary slot of its own, as PostgreSQL's
// own table synchronization does it.
//
// # What a table needs
//
// A unique index within the declared key, and a replica identity that holds the
// key: DEFAULT when the primary key covers it, an index, or FULL. Views cannot be
// replicated; a table that triggers keep can (see examples/postgres).
//
// Large values that an UPDATE leaves alone are not in the stream. They are
// taken from the old row (replica identity FULL), or from the row as the sink
// holds it (see [source.RowSink]); for a sink that cannot be asked, the backend
// remembers the rows itself.
//
// # Concurrency
//
// A Backend holds configuration only; its methods may be called from any
// goroutine. A Follow calls the sinks from its own goroutine alone. A sink that
// is slow makes the server keep more of its log, for this slot and until
// the server's max_slot_wal_keep_size; no other session waits for it.
package postgres
