// Package socket is a WebSocket below its sub-protocol: reading, pings, closing.
//
//	for {
//		text, ok := s.Read(expired, shut)
//		if !ok {
//			break // the connection has ended, or is about to
//		}
//		...
//	}
//	s.Abort()
//
// Unanswered pings end a connection only if hardly anything but pings was sent: a
// peer that has data to read and does not is slow, not dead. What ends a connection
// from here is told by a close frame; what still comes is thrown away until the
// peer has closed as well, for [CloseWait] at most.
//
// # Concurrency
//
// One goroutine calls Read, and arms the clock between its calls. Everything
// else may be called from any goroutine, and but for Send nothing blocks: Send
// waits while the peer has too much unsent. A slow peer holds up its own reader
// alone.
package socket
