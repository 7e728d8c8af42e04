// Package store keeps webhooks' rows and deliveries on an embedded NATS
// JetStream.
//
// One stream, OUTBOX, is both: a transition is one message on its row's
// subject, the last message of a subject is the row's state, and what has not
// been delivered is the outbox. An index in memory knows, per subject, the
// sequences to come; bodies stay in the stream. A disk that is full, and
// writes that fail, are mended in the running process. See DESIGN.md of package
// webhook.
//
// # Concurrency
//
//   - All methods are safe for concurrent use; Close comes last.
//   - Appends that wait at the same time share one durable barrier.
//   - Load, Done and Retry wait for no barrier.
//   - Locks, in order: Store.defs, life, writing, mu.
//   - While the server is started anew after a write that failed, all but
//     appends and metrics wait.
package store
