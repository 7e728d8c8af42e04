// Package delivery writes to many WebSocket connections from a few goroutines.
//
// A [Conn] is the writing side of one connection. It carries any number of
// [Stream]s, each pulling from one [Source], and control frames given to
// [Conn.Send]. Whoever has something new calls [Stream.Wake]; the connection
// joins the queue of a [Pool], and a worker makes a pass over it: everything
// since its sources' positions, at most [Config.PassBytes], in ONE write. There
// is no timer: while a pass over all dirty connections takes long, more gathers
// for the next, so writes grow under load and latency stays minimal without.
//
//	        Wake, Send                 worker takes it             all written
//	idle ───────────────▶ queued ───────────────────────▶ running ────────────▶ idle, or queued
//	                        ▲                               │ short write         if there is more
//	                        │        tail written           ▼
//	                        └────────────────────────── blocked
//
// A write never blocks a worker. When the socket is full, a goroutine that
// lives only while the connection is blocked finishes the tail. Meanwhile
// nothing is pulled: a slow client costs that tail and nothing else, and its
// sources conflate. It is cut off only when it has taken not one byte for
// [Config.SlowTimeout]. Under TLS a pass is encrypted in memory and its records
// are written like frames, if the listener put [Beneath] under it. To what is
// neither, every write is made by such a goroutine.
//
// A [Merge] owns streams as a Conn does, for a connection that somebody else
// writes: it is one Source of what all of them have.
//
// Concurrency: all methods may be called from any goroutine. Wake never blocks
// and costs one atomic operation while the stream is ready already. Send blocks
// while the connection has too much unsent; it must not be called from a Source
// or from a stream's end function. A Source is called by one goroutine at a
// time.
package delivery
