// Package webhook delivers what triggers have to say: at least once, in order
// per row, to endpoints that may be slow, broken or gone.
//
// A [Log] takes transitions and makes them durable; an [Outbox] hands them out
// again, one per row at a time; a [Deliverer] posts them. Package store
// implements the first two on an embedded NATS JetStream, package sign signs,
// package guard keeps requests away from addresses they must not reach.
//
// # Concurrency
//
//   - All methods are safe for concurrent use.
//   - Nothing that a receiver does delays Log.Append, nor a delivery to
//     another endpoint.
//   - A delivery is with at most one request at a time, and so is its row.
//   - Deliverer.Close returns when its goroutines are gone. The store is closed
//     by its owner, afterwards.
//
// See DESIGN.md for guarantees and failures.
package webhook
