package testpg

import (
	"fmt"
	"io"
	"net"
	"sync"
)

// Proxy forwards TCP connections to a server and breaks them on demand.
type Proxy struct {
	listener net.Listener
	wg       sync.WaitGroup

	mu      sync.Mutex
	target  string
	conns   map[net.Conn]struct{}
	refuse  bool
	stalled chan struct{} // nil, or closed when the stall is over
	closed  bool
}

// NewProxy starts a proxy to addr, which ends with the test.
func NewProxy(t TB, addr string) *Proxy {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("start a proxy: %v", err)
		return nil
	}
	p := &Proxy{listener: l, target: addr, conns: map[net.Conn]struct{}{}}
	p.wg.Go(p.accept)
	t.Cleanup(p.Close)
	return p
}

// Addr is where the proxy listens.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Cut closes every connection at once and returns how many there were (each
// counted at both ends).
func (p *Proxy) Cut() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.conns)
	for c := range p.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset, not a polite end
		}
		_ = c.Close()
	}
	return n
}

// Refuse makes the proxy close new connections at once, or take them again.
func (p *Proxy) Refuse(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = on
}

// Stall stops the flow of bytes without closing anything, or lets it go on.
func (p *Proxy) Stall(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case on && p.stalled == nil:
		p.stalled = make(chan struct{})
	case !on && p.stalled != nil:
		close(p.stalled)
		p.stalled = nil
	}
}

// Close ends the proxy and waits for its goroutines.
func (p *Proxy) Close() {
	p.Stall(false)
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	_ = p.listener.Close()
	p.Cut()
	p.wg.Wait()
}

func (p *Proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.wg.Go(func() { p.serve(c) })
	}
}

func (p *Proxy) serve(client net.Conn) {
	defer client.Close() //nolint:errcheck // both ends are thrown away
	if !p.track(client) {
		return
	}
	defer p.forget(client)
	server, err := net.Dial("tcp", p.target) //nolint:noctx // loopback
	if err != nil {
		return
	}
	defer server.Close() //nolint:errcheck // both ends are thrown away
	if !p.track(server) {
		return
	}
	defer p.forget(server)
	var wg sync.WaitGroup
	wg.Go(func() { p.pump(server, client) })
	p.pump(client, server)
	wg.Wait()
}

// pump copies until either end is gone, then closes both.
func (p *Proxy) pump(dst, src net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		p.wait()
		if n > 0 {
			if _, werr := dst.Write(buf[:n]); werr != nil {
				err = fmt.Errorf("forward: %w", werr)
			}
		}
		if err != nil {
			if tcp, ok := dst.(*net.TCPConn); ok && err == io.EOF { //nolint:errorlint // Read returns it bare
				_ = tcp.CloseWrite()
				return
			}
			_ = dst.Close()
			_ = src.Close()
			return
		}
	}
}

func (p *Proxy) wait() {
	p.mu.Lock()
	stalled := p.stalled
	p.mu.Unlock()
	if stalled != nil {
		<-stalled
	}
}

func (p *Proxy) track(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse || p.closed {
		return false
	}
	p.conns[c] = struct{}{}
	return true
}

func (p *Proxy) forget(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}
