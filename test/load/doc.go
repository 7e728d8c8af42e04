// Command load measures what a delivered event costs, beside a bare TCP writer
// that does nothing but write the same number of bytes to the same number of
// clients.
//
//	go run ./test/load                 everything, about five minutes
//	go run ./test/load -only fan-out   nothing to merge, and merging
//	go run ./test/load -quick          one short round, to see that it works
//
// Server and clients are processes of their own, each pinned to one core where
// the system allows it, and talk over the loopback interface only. The server
// is the gateway from the feed to the socket: feed, codec, GraphQL executor,
// transport and HTTP server, under a source that makes up rows. The clients
// speak graphql-transport-ws; they keep a digest of every row they hold, and
// at the end compare it with what a late joiner gets.
//
//	controller ──JSON lines──▶ server  (bare | gateway)   core 0
//	     └───────JSON lines──▶ clients                    core 1
//
// Each round starts both processes anew. Everything is bounded in time and
// number, and children end with the controller: they stop when their standard
// input ends.
//
// Cost is the server process's CPU time, user and system, between the first
// event and the last byte handed to a socket, divided by the messages that the
// clients got. Latency runs from the moment before an event enters the feed
// (or, in the bare writer, before its first write) to the moment a client's
// read returns. A pass is over when the last client has read the event.
package main
