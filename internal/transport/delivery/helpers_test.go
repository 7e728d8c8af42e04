package delivery_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tycostream/tycostream/internal/transport/delivery"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// numbers is a source of the texts 1, 2, 3, ... up to head. A conflating one
// skips to the newest.
type numbers struct {
	conflate bool
	pad      string

	mu     sync.Mutex
	head   int
	pos    int
	pulls  int
	err    error
	closed bool
	wake   func()

	live     int64 // what Received returns after a Pull that gave something
	received int64
}

func (n *numbers) Pull(limit int, emit func([]byte)) (bool, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.pulls++
	n.received = 0
	for size := 0; n.pos < n.head; {
		if size >= limit {
			return true, nil
		}
		n.pos++
		if n.conflate {
			n.pos = n.head
		}
		msg := fmt.Appendf(nil, "%d%s", n.pos, n.pad)
		emit(msg)
		n.received = n.live
		size += len(msg)
	}
	return false, n.err
}

func (n *numbers) Received() int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.received
}

func (n *numbers) Close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
}

func (n *numbers) advance(by int) {
	n.mu.Lock()
	n.head += by
	wake := n.wake
	n.mu.Unlock()
	wake()
}

func (n *numbers) end(err error) {
	n.mu.Lock()
	n.err = err
	wake := n.wake
	n.mu.Unlock()
	wake()
}

func (n *numbers) state() (pulls int, closed bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.pulls, n.closed
}

// attach starts a stream of n.
func attach(c *delivery.Conn, n *numbers, prefix string, end func(error) []byte) *delivery.Stream {
	s := c.NewStream(delivery.Envelope{Prefix: []byte(prefix)}, end)
	n.wake = s.Wake
	s.Attach(n)
	return s
}

func newPool(tb testing.TB, cfg delivery.Config) *delivery.Pool {
	tb.Helper()
	p := delivery.NewPool(cfg)
	tb.Cleanup(p.Close)
	return p
}

// layer is what stands between frames and the socket.
type layer string

const (
	plain  layer = "tcp"
	sealed layer = "tls"
	opaque layer = "tls of somebody else" // every write may block
)

var layers = []layer{plain, sealed, opaque}

// pair returns two ends of a connection over loopback, under TLS or not.
func pair(tb testing.TB, l layer) (server, client net.Conn) {
	tb.Helper()
	lc := net.ListenConfig{}
	ln, err := lc.Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	d := net.Dialer{}
	client, err = d.DialContext(tb.Context(), "tcp", ln.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	server, err = ln.Accept()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = client.Close() })
	if l != plain {
		if l == sealed {
			server = delivery.Beneath(server)
		}
		s := tls.Server(server, &tls.Config{Certificates: []tls.Certificate{certificate(tb)}, MinVersion: tls.VersionTLS13})
		c := tls.Client(client, &tls.Config{InsecureSkipVerify: true})
		done := make(chan error, 1)
		go func() { done <- s.HandshakeContext(tb.Context()) }()
		if err := c.HandshakeContext(tb.Context()); err != nil {
			tb.Fatal(err)
		}
		if err := <-done; err != nil {
			tb.Fatal(err)
		}
		server, client = s, c
	}
	return server, client
}

func certificate(tb testing.TB) tls.Certificate {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		tb.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// client reads the frames that arrive.
type client struct {
	nc net.Conn
	br *bufio.Reader
}

func newClient(nc net.Conn) *client { return &client{nc, bufio.NewReader(nc)} }

func (c *client) next() (op byte, payload string, err error) {
	var h [2]byte
	_ = c.nc.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := io.ReadFull(c.br, h[:]); err != nil {
		return 0, "", err
	}
	n := uint64(h[1])
	ext := map[uint64]int{126: 2, 127: 8}[n]
	if ext > 0 {
		var b [8]byte
		if _, err := io.ReadFull(c.br, b[8-ext:]); err != nil {
			return 0, "", err
		}
		n = binary.BigEndian.Uint64(b[:])
	}
	p := make([]byte, n)
	_, err = io.ReadFull(c.br, p)
	return h[0] & 0xf, string(p), err
}

func (c *client) want(tb testing.TB, payload string) {
	tb.Helper()
	_, got, err := c.next()
	if err != nil || got != payload {
		tb.Fatalf("got %.60q, %v; want %.60q", got, err, payload)
	}
}

// eventually polls until ok.
func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			tb.Fatalf("never: %s", what)
		}
	}
}
