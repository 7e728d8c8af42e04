package store_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/webhook"
	"github.com/tycostream/tycostream/internal/webhook/store"
)

var body = fmt.Appendf(nil, `{"event_id":"x","event_type":"FIRE","trigger_name":"t","timestamp":"2026-01-02T03:04:05Z","data":{"text":"%0200d"}}`, 7)

// BenchmarkDeliver is the whole way: append, deliver signed over loopback,
// acknowledge. Rows fire and clear by turns.
func BenchmarkDeliver(b *testing.B) {
	for _, sync := range []store.Sync{store.Always, store.Interval} {
		b.Run(string(sync), func(b *testing.B) { benchDeliver(b, store.Options{Dir: b.TempDir(), Sync: sync}) })
	}
}

func benchDeliver(b *testing.B, o store.Options) {
	b.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer srv.Close()
	s := open(b, o)
	var delivered atomic.Int64
	all := make(chan struct{})
	d := webhook.New(webhook.Options{
		Outbox: s,
		Endpoint: func(string) (webhook.Endpoint, bool) {
			return webhook.Endpoint{URL: srv.URL, Secrets: []string{"a secret of some length"}}, true
		},
		Observe: func(r webhook.Result) {
			if r.Status == webhook.Delivered && delivered.Add(1) == int64(b.N) {
				close(all)
			}
		},
		Dial: func(bool) func(context.Context, string, string) (net.Conn, error) {
			return new(net.Dialer).DialContext
		},
	})
	d.Start()
	defer d.Close(b.Context())
	b.ResetTimer()
	appendBoth(b, s, b.N, 50)
	<-all
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
}

// appendBoth appends n transitions of 1,000 rows, in batches, from four
// goroutines.
func appendBoth(b *testing.B, s webhook.Log, n, batch int) {
	b.Helper()
	var wg sync.WaitGroup
	var left atomic.Int64
	left.Store(int64(n))
	for w := range 4 {
		wg.Go(func() {
			prev := make([]uint64, 250)
			for i := 0; ; {
				take := min(int64(batch), left.Add(-int64(batch))+int64(batch))
				if take <= 0 {
					return
				}
				ts := make([]webhook.Transition, take)
				for j := range ts {
					row := (i + j) % 250
					ts[j] = webhook.Transition{
						Trigger: "bench", Key: fmt.Sprintf("w%d row %d", w, row), Kind: webhook.Fire, ID: fmt.Sprintf("%d-%d", w, i+j),
						Time: time.Now(), Body: body, State: []byte("firing"), Prev: prev[row],
					}
					if prev[row] != 0 {
						ts[j].Kind, ts[j].State = webhook.Clear, nil
					}
				}
				seqs, err := s.Append(b.Context(), ts)
				if err != nil {
					b.Error(err)
					return
				}
				for j := range ts {
					row := (i + j) % 250
					if prev[row] = seqs[j]; ts[j].State == nil {
						prev[row] = 0
					}
				}
				i += int(take)
			}
		})
	}
	wg.Wait()
}

func BenchmarkAppend(b *testing.B) {
	for _, sync := range []store.Sync{store.Always, store.Interval} {
		for _, batch := range []int{1, 10, 100} {
			b.Run(fmt.Sprintf("%s/%d", sync, batch), func(b *testing.B) {
				s := open(b, store.Options{Dir: b.TempDir(), Sync: sync})
				b.ResetTimer()
				appendBoth(b, s, b.N, batch)
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "transitions/s")
			})
		}
	}
}

// BenchmarkRestart opens a store with so many deliveries pending.
func BenchmarkRestart(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			if n > 100_000 && testing.Short() {
				b.Skip("1 GB on disk")
			}
			o := store.Options{Dir: b.TempDir(), Sync: store.Interval}
			before := heap()
			s := open(b, o)
			for i := 0; i < n; i += 1000 {
				ts := make([]webhook.Transition, 1000)
				for j := range ts {
					ts[j] = webhook.Transition{
						Trigger: "bench", Key: fmt.Sprintf("row %d", i+j), Kind: webhook.Fire, ID: strconv.Itoa(i + j),
						Time: time.Now(), Body: body, State: []byte("firing"),
					}
				}
				appendAll(b, s, ts...)
			}
			used := float64(heap()-before) / float64(n)
			s.Close()
			for b.Loop() {
				s := open(b, o)
				b.StopTimer()
				s.Close()
				b.StartTimer()
			}
			b.ReportMetric(used, "B/pending")
		})
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
