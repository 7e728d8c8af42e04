package delivery

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"
)

// maxKept bounds what TLS may say by itself, to a client that makes it talk
// and does not read: answers to key updates are 27 bytes each.
const maxKept = 4 << 10

var errTalkative = errors.New("the client makes TLS talk and does not listen")

// beneath is the connection beneath a tls.Conn.
//
// A write that TLS has begun cannot be cut short: after one time-out the
// tls.Conn is broken for good. So as soon as a Conn has it, TLS's writes stay
// here and always succeed; a worker makes records of a pass, takes them, and
// writes them to the socket as it writes plain frames.
type beneath struct {
	net.Conn // the socket

	mu   sync.Mutex // guards what follows
	wake func()     // not nil: writes are kept, and this one hears of those that no worker makes
	lent bool       // a worker makes records and takes them when it is done
	kept []byte     // records in their order
}

// Beneath returns the connection to put beneath TLS, so that a pool can write
// without blocking what TLS encrypts:
//
//	tls.Server(delivery.Beneath(socket), config)
//
// Without it, every write of a TLS connection is made by a goroutine.
func Beneath(socket net.Conn) net.Conn {
	if rawConn(socket) == nil {
		return socket
	}
	return &beneath{Conn: socket}
}

// below returns nc's beneath, nil if it has none.
func below(nc net.Conn) (*tls.Conn, *beneath) {
	if t, ok := nc.(*tls.Conn); ok {
		if b, ok := t.NetConn().(*beneath); ok {
			return t, b
		}
	}
	return nil, nil
}

// keep keeps all writes from now on.
func (b *beneath) keep(wake func()) {
	b.mu.Lock()
	b.wake = wake
	b.mu.Unlock()
}

// lend makes TLS write into buf what it writes until take.
func (b *beneath) lend(buf []byte) {
	b.mu.Lock()
	b.kept, b.lent = append(buf, b.kept...), true
	b.mu.Unlock()
}

func (b *beneath) take() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.kept
	b.kept, b.lent = nil, false
	return out
}

// waiting reports whether there is something that no worker has asked for.
func (b *beneath) waiting() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.kept) > 0
}

func (b *beneath) Write(p []byte) (int, error) {
	b.mu.Lock()
	if b.wake == nil {
		b.mu.Unlock()
		return b.Conn.Write(p)
	}
	alone := !b.lent
	if alone && len(b.kept)+len(p) > maxKept {
		b.mu.Unlock()
		return 0, errTalkative
	}
	b.kept = append(b.kept, p...)
	b.mu.Unlock()
	if alone {
		b.wake()
	}
	return len(p), nil
}

// SetDeadline leaves writes alone once they are kept: TLS sets a deadline
// before its last alert and never takes it back.
func (b *beneath) SetDeadline(t time.Time) error {
	return errors.Join(b.SetReadDeadline(t), b.SetWriteDeadline(t))
}

func (b *beneath) SetWriteDeadline(t time.Time) error {
	b.mu.Lock()
	kept := b.wake != nil
	b.mu.Unlock()
	if kept {
		return nil
	}
	return b.Conn.SetWriteDeadline(t)
}
