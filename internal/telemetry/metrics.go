package telemetry

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tycostream/tycostream/internal/histogram"
)

const namespace = "tycostream"

// NewRegistry returns a registry with the process's own metrics, build_info
// and a collector over stats.
func NewRegistry(b Build, stats func() Stats) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		NewCollector(stats),
	)
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "Always 1; its labels say which program this is.",
		ConstLabels: prometheus.Labels{"version": b.Version, "revision": b.Revision, "goversion": b.Go},
	})
	info.Set(1)
	r.MustRegister(info)
	return r
}

// Handler serves a registry at /metrics.
func Handler(r *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{})
}

// Collector turns Stats into metrics.
type Collector struct {
	stats    func() Stats
	families []*family
}

// NewCollector returns a collector that calls stats once per scrape. stats must
// not block for long, and may be called from several goroutines.
func NewCollector(stats func() Stats) *Collector {
	c := &Collector{stats: stats}
	for _, f := range [][]*family{sourceFamilies(), readerFamilies(), clientFamilies(), deliveryFamilies(), triggerFamilies()} {
		c.families = append(c.families, f...)
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(out chan<- *prometheus.Desc) {
	for _, f := range c.families {
		out <- f.desc
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(out chan<- prometheus.Metric) {
	s := c.stats()
	for _, f := range c.families {
		f.collect(&s, out)
	}
}

// family is one metric: its name, its type and where its values come from.
type family struct {
	desc    *prometheus.Desc
	collect func(*Stats, chan<- prometheus.Metric)
}

// number and counts take one value of a metric and its labels' values, in the
// order of the labels' names.
type (
	number func(v float64, labels ...string)
	counts func(c histogram.Counts, labels ...string)
)

func newFamily(name, help string, labels []string) *family {
	return &family{desc: prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)}
}

func gauge(name, help string, read func(*Stats, number), labels ...string) *family {
	return plain(prometheus.GaugeValue, name, help, read, labels)
}

func counter(name, help string, read func(*Stats, number), labels ...string) *family {
	return plain(prometheus.CounterValue, name, help, read, labels)
}

func plain(kind prometheus.ValueType, name, help string, read func(*Stats, number), labels []string) *family {
	f := newFamily(name, help, labels)
	f.collect = func(s *Stats, out chan<- prometheus.Metric) {
		read(s, func(v float64, labels ...string) {
			out <- prometheus.MustNewConstMetric(f.desc, kind, v, labels...)
		})
	}
	return f
}

func seconds(name, help string, read func(*Stats, counts), labels ...string) *family {
	f := newFamily(name, help, labels)
	f.collect = func(s *Stats, out chan<- prometheus.Metric) {
		read(s, func(c histogram.Counts, labels ...string) {
			out <- prometheus.MustNewConstHistogram(f.desc, c.Count(), c.Sum.Seconds(), buckets(&c), labels...)
		})
	}
	return f
}

// buckets are a histogram's as Prometheus wants them: each holds those before
// it.
func buckets(c *histogram.Counts) map[float64]uint64 {
	out := make(map[float64]uint64, len(histogram.Bounds))
	total := uint64(0)
	for i, bound := range histogram.Bounds {
		total += c.Buckets[i]
		out[bound.Seconds()] = total
	}
	return out
}
