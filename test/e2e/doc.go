// Package e2e holds the tests of the whole gateway: the real binary in its own
// process, over a private PostgreSQL 15 or a stand-in for Materialize behind a
// TCP listener, with clients on real sockets.
//
//	go test -timeout 300s ./test/e2e/...     these
//	cd test/e2e/clients && npm ci && npm test   stock JavaScript clients
//
// A gateway is started by [start], killed and started again on its port. A
// client ([follow]) speaks graphql-transport-ws, connects again by itself and
// holds the rows that it was told of, keyed; it notes every message that breaks
// a promise: an UPDATE or DELETE of a row that it does not hold, changed columns
// that are not named, a time that goes back. Whether clients and database agree
// is asked at quiet moments, with the filter in GraphQL on one side and in SQL,
// written by hand, on the other.
package e2e
