package app

import (
	"log/slog"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/codec"
	"github.com/tycostream/tycostream/internal/config"
	"github.com/tycostream/tycostream/internal/config/schemafile"
	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/filter"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/telemetry"
	"github.com/tycostream/tycostream/internal/transport"
)

// crowd is a gateway whose source has readers with a filter each.
type crowd struct {
	testing.TB
	gateway *gateway
	feed    *feed.Feed
	time    uint64
}

func newCrowd(tb testing.TB, readers int) *crowd {
	tb.Helper()
	settings, err := config.Load(config.Input{Demo: true})
	if err != nil {
		tb.Fatal(err)
	}
	const schema = "sources: {trades: {primary_key: id, columns: {id: Integer, price: BigInt}}}"
	file, err := schemafile.Parse("schema.yaml", []byte(schema), schemafile.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	o := &Options{Config: settings.Config, Schema: file, Log: slog.New(slog.DiscardHandler)}
	g, err := newGateway(tb.Context(), o, nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(g.close)
	g.transport = transport.New(g.transportOptions())
	tb.Cleanup(g.transport.Close)
	c := &crowd{TB: tb, gateway: g, feed: g.sources.all()[0].feed, time: 1}
	if err := c.feed.Load([]relation.Row{relation.Texts("0", "0")}); err != nil {
		tb.Fatal(err)
	}
	if err := c.feed.Commit(relation.Frontier{Time: 1, Wall: 1}); err != nil {
		tb.Fatal(err)
	}
	for i := range readers {
		c.subscribe(i)
	}
	return c
}

func (c *crowd) subscribe(id int) {
	p, err := filter.Compile(c.feed.Schema(), map[string]any{"id": map[string]any{"_eq": strconv.Itoa(id)}})
	if err != nil {
		c.Fatal(err)
	}
	r := c.feed.Subscribe(feed.Options{Where: p, Encoder: codec.TSV(c.feed.Schema())}, func() {})
	c.Cleanup(r.Close)
	if _, err := r.Pull(1<<20, func([]byte) {}); err != nil {
		c.Fatal(err)
	}
}

// update changes the one row and returns how long that took.
func (c *crowd) update() time.Duration {
	c.time++
	f := relation.Frontier{Time: c.time, Wall: int64(c.time)}
	change := relation.Change{Op: relation.Put, New: relation.Texts("0", strconv.FormatUint(c.time, 10))}
	began := time.Now()
	if err := c.feed.Apply([]relation.Batch{{Time: f.Time, Wall: f.Wall, Changes: []relation.Change{change}}}, f); err != nil {
		c.Fatal(err)
	}
	return time.Since(began)
}

// BenchmarkScrape is a whole scrape, and, as status-ns, that part of it during
// which the source's lock is held for reading.
func BenchmarkScrape(b *testing.B) {
	for _, readers := range []int{0, 10_000} {
		b.Run("readers="+strconv.Itoa(readers), func(b *testing.B) {
			c := newCrowd(b, readers)
			h := telemetry.Handler(telemetry.NewRegistry(telemetry.Build{}, c.gateway.stats))
			req := httptest.NewRequestWithContext(b.Context(), "GET", "/metrics", nil)
			var locked time.Duration
			for b.Loop() {
				h.ServeHTTP(httptest.NewRecorder(), req)
				began := time.Now()
				c.feed.Status()
				locked += time.Since(began)
			}
			b.ReportMetric(float64(locked.Nanoseconds())/float64(b.N), "status-ns")
		})
	}
}

// BenchmarkApplyWhileScraped is the time of one change with 10,000 readers,
// alone and while somebody scrapes without a pause.
func BenchmarkApplyWhileScraped(b *testing.B) {
	for _, scraped := range []bool{false, true} {
		b.Run("scraped="+strconv.FormatBool(scraped), func(b *testing.B) {
			c := newCrowd(b, 10_000)
			stop, stopped := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(stopped)
				h := telemetry.Handler(telemetry.NewRegistry(telemetry.Build{}, c.gateway.stats))
				req := httptest.NewRequestWithContext(b.Context(), "GET", "/metrics", nil)
				for scraped {
					select {
					case <-stop:
						return
					default:
						h.ServeHTTP(httptest.NewRecorder(), req)
					}
				}
			}()
			var took []time.Duration
			for b.Loop() {
				took = append(took, c.update())
				runtime.Gosched() // readers are not drained: nothing else to do
			}
			close(stop)
			<-stopped
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "p50-ns")
			b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds()), "p99-ns")
			b.ReportMetric(float64(took[len(took)-1].Nanoseconds()), "max-ns")
		})
	}
}
