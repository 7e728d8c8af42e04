package delivery_test

import (
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/transport/delivery"
)

// burst hands out the same message k times for each turn.
type burst struct {
	msg  []byte
	left atomic.Int64
	wake func()
	done *sync.WaitGroup // of the turn
}

func (s *burst) Pull(limit int, emit func([]byte)) (bool, error) {
	for size := 0; s.left.Load() > 0; size += len(s.msg) {
		if size >= limit {
			return true, nil
		}
		emit(s.msg)
		if s.left.Add(-1) == 0 {
			s.done.Done()
		}
	}
	return false, nil
}

func (s *burst) Received() int64 { return 1 }

func (s *burst) Close() {}

// cpuTime is the process's, user and system: readers are in it too, and do the
// same work in every benchmark.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

type size struct{ conns, merge int }

func (bb size) String() string { return strconv.Itoa(bb.conns) + "x" + strconv.Itoa(bb.merge) }

var sizes = []size{{1, 1}, {100, 1}, {1000, 1}, {100, 16}, {1000, 16}}

// BenchmarkDelivery is the cost of delivering 300-byte messages to many
// clients, merge messages at a time. One operation is one message to one
// client. Compare with BenchmarkBareWrite.
func BenchmarkDelivery(b *testing.B) {
	for _, bb := range sizes {
		b.Run(bb.String(), func(b *testing.B) { bb.deliver(b, plain) })
	}
}

// BenchmarkDeliveryTLS is the same over TLS, whose clients' decrypting is in
// the processor time too: with records made by the workers, and with a
// goroutine for each write.
func BenchmarkDeliveryTLS(b *testing.B) {
	for _, l := range []layer{sealed, opaque} {
		for _, bb := range sizes {
			b.Run(strings.ReplaceAll(string(l), " ", "-")+"/"+bb.String(), func(b *testing.B) { bb.deliver(b, l) })
		}
	}
}

func (bb size) deliver(b *testing.B, l layer) {
	b.Helper()
	p := newPool(b, delivery.Config{})
	msg := []byte(strings.Repeat("x", 260))
	var turn sync.WaitGroup
	sources := make([]*burst, bb.conns)
	conns := make([]*delivery.Conn, bb.conns)
	servers := drainedPairs(b, bb.conns, l)
	for i := range sources {
		sources[i] = &burst{msg: msg, done: &turn}
		conns[i] = p.NewConn(servers[i], &delivery.Counters{})
		s := conns[i].NewStream(delivery.Envelope{Prefix: []byte(`{"id":"1","type":"next","payload":`), Suffix: "}"}, nil)
		sources[i].wake = s.Wake
		s.Attach(sources[i])
	}
	b.SetBytes(int64(len(msg)))
	start := cpuTime()
	turns := max(1, b.N/(bb.conns*bb.merge))
	b.ResetTimer()
	for range turns {
		turn.Add(bb.conns)
		for _, s := range sources {
			s.left.Add(int64(bb.merge))
			s.wake()
		}
		turn.Wait()
	}
	b.StopTimer()
	n := float64(turns * bb.conns * bb.merge)
	b.ReportMetric(float64((cpuTime()-start).Nanoseconds())/n, "cpu-ns/msg")
	b.ReportMetric(n/b.Elapsed().Seconds(), "msg/s")
	b.ReportMetric(n/float64(p.Stats().Writes), "msg/write")
	for _, c := range conns {
		c.Abort()
	}
}

// BenchmarkBareWrite writes the same bytes by conn.Write from one loop.
func BenchmarkBareWrite(b *testing.B) {
	for _, bb := range sizes {
		b.Run(bb.String(), func(b *testing.B) {
			servers := drainedPairs(b, bb.conns, plain)
			buf := []byte(strings.Repeat("x", 299*bb.merge))
			start := cpuTime()
			turns := max(1, b.N/(bb.conns*bb.merge))
			b.ResetTimer()
			for range turns {
				for _, c := range servers {
					if _, err := c.Write(buf); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.StopTimer()
			b.ReportMetric(float64((cpuTime()-start).Nanoseconds())/float64(turns*bb.conns*bb.merge), "cpu-ns/msg")
		})
	}
}

// drainedPairs returns servers' ends whose clients throw away what they read.
func drainedPairs(b *testing.B, n int, l layer) []net.Conn {
	b.Helper()
	var wg sync.WaitGroup
	servers := make([]net.Conn, n)
	clients := make([]net.Conn, n)
	for i := range servers {
		servers[i], clients[i] = pair(b, l)
		wg.Go(func() { _, _ = io.Copy(io.Discard, onlyReader{clients[i]}) })
	}
	b.Cleanup(func() {
		for i := range servers {
			_ = servers[i].Close()
			_ = clients[i].Close()
		}
		wg.Wait()
	})
	return servers
}

// onlyReader hides ReadFrom and WriteTo, which would splice.
type onlyReader struct{ io.Reader }
