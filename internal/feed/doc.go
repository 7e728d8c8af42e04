// Package feed serves one source's rows to any number of readers.
//
// A [Feed] owns the source's table and its lock. One goroutine, the source's
// supervisor, writes: [Feed.Load] and [Feed.Commit] take a snapshot in,
// [Feed.Apply] whole upstream times. Readers open a [Cursor] with
// [Feed.Subscribe] and pull messages from it, or read everything at one border
// with [Feed.Rows], or as a frame with [Feed.Frame].
//
// Readers with the same filter, in its canonical form, share a view; readers
// of a view with the same encoder share the encoded bytes. A view keeps its
// newest changes in a ring of chunks, one per upstream time: a cursor inside
// the ring gets every change, copying bytes outside any lock. A cursor that
// fell out of the ring catches up from the table's by-sequence log and gets
// the conflated difference. A reader that comes back with a frame's cursor
// ([ParseCursor]) is told the difference since, from the table's undo log.
//
// # Concurrency
//
//   - The writer's methods (Load, Commit, Abort, Apply) belong to one goroutine.
//     All others are safe for concurrent use.
//   - One Cursor may be pulled by one goroutine at a time; Close may be called
//     from any goroutine, also during a Pull.
//   - Writing never waits for a reader: a slow one holds at most one portion of
//     encoded bytes and its position.
//   - The wake function of a cursor is called with locks held. It must not
//     block and must not call the feed.
//   - Close ends the feed's own goroutines before it returns.
//
// Lock order: Feed.mu, then view.mu. See DESIGN.md.
package feed
