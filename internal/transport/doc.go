// Package transport carries GraphQL operations and plain row streams between
// clients and the gateway.
//
// A [Handler] answers on the GraphQL endpoint
//
//	WebSocket   graphql-transport-ws, and the legacy graphql-ws sub-protocol
//	POST, GET   one operation, one JSON answer
//	SSE         one operation per request, as graphql-sse's distinct connections,
//	            or many on a stream that was reserved, as its single connection
//	multipart   the same in parts, as Apollo's subscriptionSpec=1.0
//
// and, through [Handler.Relay], on /stream/{source}: TSV or JSON lines over
// chunked HTTP or a WebSocket; through [Handler.Channels], on /ws: the protocol
// of package channel.
//
// Operations run through gqlgen's executor. A live subscription is not pulled
// response by response: the resolver fills a sink (graph.Sink) with a cursor,
// and the transport copies whole encoded responses from it into its own frames:
//
//	WebSocket     reader goroutine ─▶ a goroutine per operation, gone once the cursor is open
//	              cursor ─▶ delivery.Stream ─▶ one write per client and pass
//	all others    the request's own goroutine pulls, writes, flushes
//	a reserved stream: the same, from a delivery.Merge of all its cursors
//
// A stream that is not completed is broken off rather than ended, so that its
// client comes back. Nor does its answer say "Connection: close": Node.js takes
// a lost connection for the end of the body if that was announced.
//
// # Concurrency
//
// All methods of Handler may be called from any goroutine. An idle WebSocket
// keeps one goroutine, which reads, and no buffer but the reader's 512 bytes.
// Close returns when every goroutine of the package is gone.
//
// # A slow client
//
// costs itself only. On a WebSocket nothing is pulled while the socket is full,
// so the cursor conflates; see package delivery. A client of the others blocks
// its own goroutine, which holds one pull's bytes. Either is cut off when it
// takes nothing for Options.SlowClientTimeout. Unanswered pings end a
// connection only if hardly anything but pings was sent: a client that has data
// to read and does not is slow, not dead.
package transport
