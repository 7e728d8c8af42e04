// Package trigger watches rows for conditions and says when they fire and
// clear.
//
//	e, err := trigger.Open(ctx, store, trigger.Options{...})
//	e.Attach("live_pnl", feed, shape)
//	e.Declare(ctx, "live_pnl", declared) // of schema.yaml
//	info, err := e.Create(ctx, "live_pnl", spec.Input{Name: "big", Webhook: url, Fire: where})
//	defer e.Close()
//
// A trigger has a condition fire and perhaps a condition clear. Each row goes
// through a small state machine (package machine) under each trigger: FIRE when
// fire turns true, CLEAR when fire is not true and clear is. What that leads to
// is appended to a [webhook.Log] before anything else is looked at: the event
// with its body and id, and the row's new state, are one record. Delivery is
// somebody else's business, who asks [Engine.Endpoint] where to.
//
// Time is upstream's: the wall clock of upstream times, as the feed's
// frontier tells it. Two gateways that see the same changes find the same
// transitions at the same moments, and give them the same ids.
//
// # Concurrency
//
//   - All methods of [Engine] are safe for concurrent use. Mutations are made
//     one after the other: each writes to the store.
//   - Each source has one goroutine that takes changes from a follower of its
//     feed. Ingest never waits for it, nor does any reader: what it has not read
//     stays in the feed's undo log.
//   - A store that fails stops that goroutine until it takes the transitions;
//     nothing is dropped, and other sources go on unless they share the store.
//   - Close returns when all goroutines have ended. It does not wait for
//     transitions that the store refuses.
//   - Locks, in order: Engine.changes, Engine.mu, hub.commit, hub.mu. The store
//     is called with Engine.changes or hub.commit held, never with the others;
//     Append and States may call nothing here.
//
// See DESIGN.md for guarantees and failures.
package trigger
