package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"time"
)

// bareHeader is what a bare event begins with: its number and when it was
// made, in nanoseconds.
const bareHeader = 16

// bare is the least a server can do: one goroutine that writes to each
// connection in turn, or each event to the next one.
type bare struct {
	ln       net.Listener
	accepted chan net.Conn // closed behind the last
	wg       sync.WaitGroup
	conns    []net.Conn
	last     int
}

func (b *bare) answer(ctx context.Context, c call) (reply, error) {
	switch c.Do {
	case "open":
		ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return reply{}, err
		}
		b.ln, b.accepted = ln, make(chan net.Conn, c.Spec.Clients)
		b.wg.Go(func() { b.accept(c.Spec.Clients) })
		return reply{At: address{Addr: ln.Addr().String()}}, needFiles(uint64(c.Spec.Clients) + 50) //nolint:gosec // small
	case "run":
		if err := b.gather(c.Spec.Clients); err != nil {
			return reply{}, err
		}
		r, err := b.run(ctx, c.Spec)
		return reply{Server: r}, err
	case "warm":
		if err := b.gather(c.Spec.Clients); err != nil {
			return reply{}, err
		}
		s := c.Spec
		s.Duration = min(warmUp, s.Duration)
		r, err := b.run(ctx, s)
		return reply{Server: r}, err
	}
	return reply{}, fmt.Errorf("a bare server cannot %q", c.Do)
}

// accept takes n connections as they come: the system queues some thousands at
// most.
func (b *bare) accept(n int) {
	defer close(b.accepted)
	for range n {
		nc, err := b.ln.Accept()
		if err != nil {
			return // closed
		}
		b.accepted <- nc
	}
}

// gather waits until there are n connections.
func (b *bare) gather(n int) error {
	for len(b.conns) < n {
		nc, ok := <-b.accepted
		if !ok {
			return fmt.Errorf("%d of %d clients came", len(b.conns), n)
		}
		b.conns = append(b.conns, nc)
	}
	return nil
}

func (b *bare) run(ctx context.Context, s spec) (serverReport, error) {
	out := serverReport{Passes: s.passes(s.Duration)}
	buf := make([]byte, s.Merge*s.Bytes)
	start, began := cpuNow(), time.Now()
	err := paced(ctx, out.Passes, s.Rate, func(due time.Time, _ bool) error {
		if s.Alone {
			due = time.Now()
		}
		for k := range s.Merge {
			b.last++
			event := buf[k*s.Bytes:]
			binary.LittleEndian.PutUint64(event, uint64(b.last)) //nolint:gosec // not negative
			binary.LittleEndian.PutUint64(event[8:], uint64(due.UnixNano()))
		}
		to := b.conns
		if s.One {
			to = to[b.last%len(to):][:1]
		}
		for _, c := range to {
			if _, err := c.Write(buf); err != nil {
				return fmt.Errorf("write: %w", err)
			}
		}
		out.Writes += uint64(len(to))
		return nil
	})
	out.Flowed = time.Since(began)
	out.CPU, out.Elapsed = cpuNow().minus(start), time.Since(began)
	out.Events = out.Passes * s.Merge
	out.Messages = out.Writes * uint64(s.Merge) //nolint:gosec // not negative
	out.Last = b.last
	return out, err
}

func (b *bare) close() {
	if b.ln == nil {
		return
	}
	_ = b.ln.Close()
	b.wg.Wait()
	for c := range b.accepted {
		_ = c.Close()
	}
	for _, c := range b.conns {
		_ = c.Close()
	}
}
