// Command load measures what the gateway carries, beside a bare TCP writer
// that does nothing but write as many bytes as often to as many clients.
//
//	go run ./test/load                                everything, about fifteen minutes
//	go run ./test/load -list                          what there is
//	go run ./test/load -only own-filters,storm        these scenarios alone
//	go run ./test/load -quick                         one short round each with a tenth of the clients
//
// Server and clients are processes of their own that talk over the loopback
// interface only, each pinned to one core where the system allows it, but for
// scenarios that say "all cores". The server is the gateway from the feed to
// the socket: feed, codec, GraphQL executor, transport and HTTP server, under a
// source that makes up rows. The clients speak graphql-transport-ws.
//
//	controller ──JSON lines──▶ server  (bare | gateway)   core 0
//	     └───────JSON lines──▶ clients                    core 1
//
// # What is checked
//
// A round in which a check fails is an error, not a figure.
//
//   - The source knows the digest of every row, from its own idea of a row's
//     JSON. Every client keeps the digests of the rows that it holds, and at
//     the end must hold just those that its filter matches.
//   - Where every event has to be delivered, the numbers of the events that a
//     client gets must have no gap.
//   - Where clients read frames, some of them, slow ones always, note what
//     they hold at each end of a set, and the source compares that with what
//     it was at the frame's timestamp.
//   - Clients that come back say how they were received: RESUMED or RESET.
//
// # What the figures mean
//
// Cost is the server process's CPU time, user and system, between the first
// event and the last byte handed to a socket, divided by the rows that the
// clients got. Latency runs from the moment when an event is due to the moment
// when a client's read returns, so that a source that lags behind counts in
// full; in fan-out, where each pass waits for the one before, from the moment
// before the event enters the feed. A pass is over when the last client has
// read the event. Ingest lag runs from the moment when an event is due to the
// moment when the feed has taken it. "others" is the share of the machine that
// other processes used meanwhile: it says how much a figure is worth.
//
// # What it needs
//
// 10,000 connections and one file each in both processes: the limit of open
// files is raised as far as allowed, and when that is not enough an error says
// what to do. Local ports: connections to one address can use those of
// net.ipv4.ip_local_port_range, 28,232 by default, while a scenario has at most
// 11,000 at the same time, and ports of closed ones come back on loopback after
// a second; so one address is enough, and running out is an error with advice.
//
// Each round starts both processes anew. Everything is bounded in time and
// number, and children end with the controller: they stop when their standard
// input ends.
package main
