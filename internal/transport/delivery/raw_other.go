//go:build !unix

package delivery

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// rawConn returns nil: without a non-blocking write of its own, a platform
// writes everything from goroutines.
func rawConn(net.Conn) syscall.RawConn { return nil }

type tryWriter struct{}

func (*tryWriter) init() {}

func (*tryWriter) write(syscall.RawConn, []byte) (int, error) { return 0, nil }

func writeWait(net.Conn, syscall.RawConn, []byte, time.Duration) (int, error) {
	return 0, errors.ErrUnsupported
}
