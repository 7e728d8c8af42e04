// Package wsframe reads and writes WebSocket frames (RFC 6455).
//
// The append functions build frames in a caller's buffer, so that many frames
// travel in one system call. A [Reader] turns a client's frames into whole
// messages; after an error that is a time-out it can be called again and goes
// on where it stopped, in the middle of a frame if need be, which lets a read
// deadline serve as the connection's clock.
//
// Extensions are not supported: a frame with a reserved bit is an error.
//
// Concurrency: the append functions are pure. A Reader belongs to one
// goroutine. It keeps a buffer of 512 bytes and, only while a longer message
// arrives, that message: it never allocates what a header merely announces.
package wsframe
