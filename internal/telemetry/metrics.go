package telemetry

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const namespace = "tycostream"

// SourceStats are the numbers of one source at one moment.
type SourceStats struct {
	Name        string
	State       string // STARTING, LIVE, STALE or FAILED
	Rows        int
	Subscribers int // open cursors
	Filters     int // distinct filters among them
	Inserts     uint64
	Updates     uint64
	Deletes     uint64
	Batches     uint64 // upstream times with changes
	Reconnects  uint64
	Frontier    time.Time // wall clock of the last whole upstream time; zero: none yet
	LastChange  time.Time // zero: none yet
}

// TransportStats are the numbers of one transport at one moment.
type TransportStats struct {
	Transport        string // graphql-transport-ws, graphql-ws, sse, http, stream, ...
	WebSocket        bool
	Connections      int // open now
	Accepted         uint64
	Closed           map[string]uint64 // by close code, a word from a fixed list
	MessagesSent     uint64
	BytesSent        uint64
	MessagesReceived uint64
	BytesReceived    uint64
}

// SubscriptionStats count the operations on one source.
type SubscriptionStats struct {
	Source  string
	Kind    string // rows, changes, stream
	Active  int
	Started uint64
}

// Snapshots are asked at every scrape. Each may be nil. They must not block
// for long.
type Snapshots struct {
	Sources       func() []SourceStats
	Transports    func() []TransportStats
	Subscriptions func() []SubscriptionStats
	SlowConsumers func() map[string]uint64 // by action: conflated, disconnected
}

// NewRegistry returns a registry with the process's own metrics, build_info
// and a collector over the snapshots.
func NewRegistry(b Build, s Snapshots) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		NewCollector(s),
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

// Collector turns snapshots into metrics.
type Collector struct {
	snap Snapshots
	now  func() time.Time
	desc map[string]*prometheus.Desc
}

// NewCollector returns a collector over the snapshots.
func NewCollector(s Snapshots) *Collector {
	c := &Collector{snap: s, now: time.Now, desc: map[string]*prometheus.Desc{}}
	for _, m := range metrics() {
		c.desc[m.name] = prometheus.NewDesc(prometheus.BuildFQName(namespace, "", m.name), m.help, m.labels, nil)
	}
	return c
}

type metric struct {
	name, help string
	labels     []string
}

func metrics() []metric {
	source, transport := []string{"source"}, []string{"transport"}
	return []metric{
		{"source_up", "1 while rows follow the database.", source},
		{"source_state", "1 for the state that the source is in.", []string{"source", "state"}},
		{"source_rows", "Rows held.", source},
		{"source_changes_total", "Row changes received, snapshots included.", []string{"source", "op"}},
		{"source_batches_total", "Upstream times with changes.", source},
		{"source_reconnects_total", "Connections to the database after the first.", source},
		{"source_lag_seconds", "Age of the last whole upstream time.", source},
		{"source_frontier_timestamp_seconds", "Wall clock of the last whole upstream time.", source},
		{"source_last_change_timestamp_seconds", "Wall clock of the last change.", source},
		{"source_subscribers", "Open cursors.", source},
		{"distinct_filters", "Different filters among the cursors.", source},
		{"subscriptions_active", "Running subscriptions.", []string{"source", "kind"}},
		{"subscriptions_started_total", "Subscriptions started.", []string{"source", "kind"}},
		{"websocket_connections", "Open WebSockets.", nil},
		{"connections_active", "Open connections.", transport},
		{"connections_accepted_total", "Connections accepted.", transport},
		{"connections_closed_total", "Connections closed, by close code.", []string{"transport", "code"}},
		{"messages_sent_total", "Messages sent to clients.", transport},
		{"message_bytes_sent_total", "Bytes of messages sent to clients.", transport},
		{"messages_received_total", "Messages received from clients.", transport},
		{"message_bytes_received_total", "Bytes of messages received from clients.", transport},
		{"slow_consumers_total", "Clients that could not keep up, by what was done about it.", []string{"action"}},
	}
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.desc {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(out chan<- prometheus.Metric) {
	e := emitter{c, out}
	if c.snap.Sources != nil {
		for _, s := range c.snap.Sources() {
			e.source(&s)
		}
	}
	if c.snap.Subscriptions != nil {
		for _, s := range c.snap.Subscriptions() {
			e.gauge("subscriptions_active", float64(s.Active), s.Source, s.Kind)
			e.count("subscriptions_started_total", s.Started, s.Source, s.Kind)
		}
	}
	if c.snap.Transports != nil {
		webSockets := 0
		for _, t := range c.snap.Transports() {
			e.transport(&t)
			if t.WebSocket {
				webSockets += t.Connections
			}
		}
		e.gauge("websocket_connections", float64(webSockets))
	}
	if c.snap.SlowConsumers != nil {
		for action, n := range c.snap.SlowConsumers() {
			e.count("slow_consumers_total", n, action)
		}
	}
}

// emitter sends the metrics of one scrape.
type emitter struct {
	c   *Collector
	out chan<- prometheus.Metric
}

func (e *emitter) gauge(name string, v float64, labels ...string) {
	e.out <- prometheus.MustNewConstMetric(e.c.desc[name], prometheus.GaugeValue, v, labels...)
}

func (e *emitter) count(name string, v uint64, labels ...string) {
	e.out <- prometheus.MustNewConstMetric(e.c.desc[name], prometheus.CounterValue, float64(v), labels...)
}

func (e *emitter) source(s *SourceStats) {
	for _, state := range []string{"STARTING", "LIVE", "STALE", "FAILED"} {
		e.gauge("source_state", oneIf(s.State == state), s.Name, state)
	}
	e.gauge("source_up", oneIf(s.State == "LIVE"), s.Name)
	e.gauge("source_rows", float64(s.Rows), s.Name)
	e.gauge("source_subscribers", float64(s.Subscribers), s.Name)
	e.gauge("distinct_filters", float64(s.Filters), s.Name)
	e.count("source_changes_total", s.Inserts, s.Name, "insert")
	e.count("source_changes_total", s.Updates, s.Name, "update")
	e.count("source_changes_total", s.Deletes, s.Name, "delete")
	e.count("source_batches_total", s.Batches, s.Name)
	e.count("source_reconnects_total", s.Reconnects, s.Name)
	if !s.Frontier.IsZero() {
		e.gauge("source_lag_seconds", max(0, e.c.now().Sub(s.Frontier).Seconds()), s.Name)
		e.gauge("source_frontier_timestamp_seconds", seconds(s.Frontier), s.Name)
	}
	if !s.LastChange.IsZero() {
		e.gauge("source_last_change_timestamp_seconds", seconds(s.LastChange), s.Name)
	}
}

func (e *emitter) transport(t *TransportStats) {
	e.gauge("connections_active", float64(t.Connections), t.Transport)
	e.count("connections_accepted_total", t.Accepted, t.Transport)
	for code, n := range t.Closed {
		e.count("connections_closed_total", n, t.Transport, code)
	}
	e.count("messages_sent_total", t.MessagesSent, t.Transport)
	e.count("message_bytes_sent_total", t.BytesSent, t.Transport)
	e.count("messages_received_total", t.MessagesReceived, t.Transport)
	e.count("message_bytes_received_total", t.BytesReceived, t.Transport)
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func seconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }
