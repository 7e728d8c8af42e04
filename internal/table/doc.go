// Package table holds one source's rows by primary key, with a log that has
// each key once, at its newest sequence number. "Everything since S" is the
// read operation: a late joiner asks since 0, a reader that fell behind since
// its position, and both get conflated changes without a queue of their own.
//
// A [Table] is filled by [Table.Apply], one upstream time per call, and by
// [Table.Replace], a whole snapshot. A [Subset] follows the rows that match a
// filter with a log of its own. A [Reader] is a reader's position in either
// log; [Reader.Scan] says what it must be told to catch up.
//
// # Concurrency
//
// Nothing here locks. One goroutine may write while no other reads; any number
// may read while none writes. Package feed keeps that promise with an RWMutex.
// Rows that were handed out are immutable and stay valid after the lock is
// gone. A Reader belongs to one goroutine at a time.
//
// See DESIGN.md for why it is built this way.
package table
