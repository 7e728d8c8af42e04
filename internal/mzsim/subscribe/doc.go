// Package subscribe runs SUBSCRIBE: it chooses the time, takes the snapshot,
// follows the inputs, and lays rows out in the envelope's form, order and
// encoding.
//
//	plan, err := subscribe.Prepare(view, planner, stmt)
//	sub, notice, err := plan.Start(opts, nil, true)
//	for !sub.Done() {
//		changed := view.Store.Changed()
//		events, err := sub.Poll()
//		... // send them
//		<-changed
//	}
//
// Between two progress rows lies everything that became visible since the last
// Poll: a slow caller gets fewer and larger batches, and holds history in the
// store meanwhile. A collection followed by name, filter or projection costs
// what changes; every other query is run again at each time.
//
// A Plan is immutable; a Subscription belongs to one goroutine.
package subscribe
