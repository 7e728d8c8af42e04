// Package robustness holds the tests that look for what nobody thought of:
// many clients of every kind follow a table through one or two gateways, while
// random transactions change it, upstream breaks in every way it can, and
// clients stall, leave and come back. What each client was told is compared,
// message by message, with the sequence of states that upstream committed.
//
//	go test ./test/robustness          half a minute, always with the same seeds
//	make robust                        half an hour, with the dice
//	ROBUST_SEED=7 go test ...          the plan of one seed
//
// See docs/robustness.md for what is promised and checked, and for the bugs
// that this has found.
//
// A round goes through these files:
//
//	plan        everything that is decided before it begins, from the seed
//	writer      random transactions        where       random filters, and what they mean
//	mzsim       Materialize's stand-in     postgres    the real server, behind a proxy
//	gateway     the program itself         client      one client, over any transport (wire, decode)
//	round       carries the plan out       strain      whether the machine let it
//	model       the states that upstream went through
//	replay      checks a client's history  report      says what is wrong
package robustness
