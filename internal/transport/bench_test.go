package transport

import (
	"io"
	"strconv"
	"sync"
	"testing"
	"time"
)

// BenchmarkFanOut is one row's update, from Apply to the sockets of all
// subscribers, in nanoseconds per delivered message. Clients only drain.
func BenchmarkFanOut(b *testing.B) {
	for _, n := range []int{1, 100, 1000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			g := newGateway(b, Options{}).live(1)
			var wg sync.WaitGroup
			for range n {
				c := g.subscribedRaw()
				_ = c.SetDeadline(time.Time{})
				wg.Go(func() { _, _ = io.Copy(io.Discard, struct{ io.Reader }{c}) })
			}
			b.Cleanup(func() { g.Close(); wg.Wait() })
			sent := func() uint64 { return g.stats.kinds[KindWS].out.Messages.Load() }
			start, want := sent(), sent()
			b.ResetTimer()
			for i := 0; i < b.N; i += n {
				g.set(1, "S1", strconv.Itoa(i))
				want += uint64(n)
				for sent()+uint64(100*n) < want { // a hundred times behind at most: nothing is conflated
					<-time.After(20 * time.Microsecond)
				}
			}
			for sent() < want {
				<-time.After(20 * time.Microsecond)
			}
			b.StopTimer()
			b.ReportMetric(float64(sent()-start)/b.Elapsed().Seconds(), "msg/s")
		})
	}
}
