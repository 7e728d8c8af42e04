// Package store keeps webhooks' rows and deliveries on an embedded NATS
// JetStream.
//
// One stream, OUTBOX, is both: a transition is one message on its row's
// subject, the last message of a subject is the row's state, and what has not
// been delivered is the outbox. An index in memory knows, per subject, the
// sequences to come; bodies stay in the stream. See DESIGN.md of package
// webhook.
//
// # Concurrency
//
//   - All methods are safe for concurrent use; Close comes last.
//   - Appends that wait at the same time share one durable barrier.
//   - Load, Done and Retry wait for no barrier.
package store
