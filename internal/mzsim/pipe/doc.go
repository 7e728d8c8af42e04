// Package pipe is an in-process network connection with a buffer, so that both
// ends may write before either reads, as over a real socket.
//
// net.Pipe hands every write over to a read; two ends that write at the same
// time stop for ever. [New] returns two ends that hold up to a given number of
// bytes in each direction. Both honour deadlines and work inside a
// testing/synctest bubble: they wait on channels and timers alone.
//
// Each end may be used by any number of goroutines, like every net.Conn. A
// slow reader blocks the writer once the buffer is full, nobody else.
package pipe
