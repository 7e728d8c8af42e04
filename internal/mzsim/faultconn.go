package mzsim

import (
	"net"
	"sync"
	"time"
)

// faultConn is the server's side of a connection, on which [Faults] act.
type faultConn struct {
	net.Conn
	faults *Faults
	s      *session
	once   sync.Once
	closed chan struct{}
}

func newFaultConn(c net.Conn, f *Faults, s *session) *faultConn {
	return &faultConn{Conn: c, faults: f, s: s, closed: make(chan struct{})}
}

// Close implements net.Conn; it also frees a stalled Write.
func (c *faultConn) Close() error {
	err := net.ErrClosed
	c.once.Do(func() {
		close(c.closed)
		err = c.Conn.Close()
	})
	return err
}

// Write implements net.Conn: it stalls, cuts, splits and delays as it was told.
func (c *faultConn) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		if !c.await() {
			return written, net.ErrClosed
		}
		streaming := c.s.streaming.Load()
		n, pause, cut := c.faults.portion(len(p), streaming)
		if n > 0 {
			w, err := c.Conn.Write(p[:n])
			written += w
			if err != nil {
				return written, err
			}
			p = p[n:]
		}
		if cut {
			_ = c.Close()
			return written, net.ErrClosed
		}
		if pause > 0 && !c.sleep(pause) {
			return written, net.ErrClosed
		}
	}
	return written, nil
}

// await blocks while the server is stalled; false: the connection is closed.
func (c *faultConn) await() bool {
	for {
		gate := c.faults.gate()
		if gate == nil {
			return true
		}
		select {
		case <-gate:
		case <-c.closed:
			return false
		}
	}
}

func (c *faultConn) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.closed:
		return false
	}
}
