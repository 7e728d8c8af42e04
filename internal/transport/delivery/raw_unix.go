//go:build unix

package delivery

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// rawConn returns access to the socket beneath nc, nil if nc is more than a
// socket: then its bytes are not the socket's.
func rawConn(nc net.Conn) syscall.RawConn {
	var sc syscall.Conn
	switch nc := nc.(type) {
	case *net.TCPConn:
		sc = nc
	case *net.UnixConn:
		sc = nc
	default:
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// tryWriter writes to sockets without waiting. One goroutine uses it; keeping
// the closure saves its allocation on every write.
type tryWriter struct {
	p    []byte
	n    int
	err  error
	once func(fd uintptr)
}

func (w *tryWriter) init() {
	w.once = func(fd uintptr) { w.n, w.err = writeFD(fd, w.p) }
}

func (w *tryWriter) write(raw syscall.RawConn, p []byte) (int, error) {
	w.p, w.n, w.err = p, 0, nil
	err := raw.Control(w.once) // not Write, which gets ready to wait
	w.p = nil
	if err == nil {
		err = w.err
	}
	if errors.Is(err, syscall.EAGAIN) {
		err = nil
	}
	return w.n, err
}

// writeWait waits until the socket takes something, until timeout. Sockets call
// themselves writable only when a good part of their buffer is free, so before
// giving up it tries once more: one byte taken is a sign of life.
func writeWait(nc net.Conn, raw syscall.RawConn, p []byte, timeout time.Duration) (n int, err error) {
	if err := nc.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
		return 0, err
	}
	wait := func(fd uintptr) bool {
		n, err = writeFD(fd, p)
		return !errors.Is(err, syscall.EAGAIN)
	}
	waitErr := raw.Write(wait)
	if waitErr == nil {
		return n, err
	}
	if !errors.Is(waitErr, os.ErrDeadlineExceeded) || nc.SetWriteDeadline(time.Time{}) != nil {
		return 0, waitErr
	}
	try := func(fd uintptr) bool { wait(fd); return true }
	if raw.Write(try) != nil || err != nil {
		return 0, waitErr
	}
	return n, nil
}

func writeFD(fd uintptr, p []byte) (int, error) {
	for {
		n, err := syscall.Write(int(fd), p)
		if n < 0 {
			n = 0
		}
		if !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}
