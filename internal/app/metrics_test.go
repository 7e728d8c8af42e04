package app_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/tycostream/tycostream/internal/app"
	"github.com/tycostream/tycostream/internal/mzsim"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// socket is a client on a WebSocket.
type socket struct {
	t    *testing.T
	conn *websocket.Conn
}

// dial connects and waits until each of the subscriptions has said something.
func (g *gateway) dial(subscriptions ...string) *socket {
	g.t.Helper()
	d := websocket.Dialer{Subprotocols: []string{"graphql-transport-ws"}}
	conn, res, err := d.DialContext(g.t.Context(), "ws"+strings.TrimPrefix(g.url, "http")+"/graphql", nil)
	if err != nil {
		g.t.Fatal(err)
	}
	_ = res.Body.Close()
	s := &socket{g.t, conn}
	s.send(map[string]any{"type": "connection_init"})
	for i, document := range subscriptions {
		s.send(map[string]any{"id": strconv.Itoa(i), "type": "subscribe", "payload": map[string]any{"query": document}})
	}
	heard := map[string]bool{}
	for len(heard) < 1+len(subscriptions) { // connection_ack has no id
		id, _ := s.read()
		heard[id] = true
	}
	return s
}

func (s *socket) send(m any) {
	s.t.Helper()
	if err := s.conn.WriteJSON(m); err != nil {
		s.t.Fatal(err)
	}
}

func (s *socket) read() (id, text string) {
	s.t.Helper()
	_, bytes, err := s.conn.ReadMessage()
	var m struct{ ID string }
	if err == nil {
		err = json.Unmarshal(bytes, &m)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return m.ID, string(bytes)
}

// cursor reads until a message has one.
func (s *socket) cursor() string {
	s.t.Helper()
	for {
		if _, text := s.read(); strings.Contains(text, `"cursor":"`) {
			if _, rest, _ := strings.Cut(text, `"cursor":"`); rest[0] != '"' {
				return rest[:strings.IndexByte(rest, '"')]
			}
		}
	}
}

// close leaves with code 1000.
func (s *socket) close() {
	s.t.Helper()
	bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	if err := s.conn.WriteControl(websocket.CloseMessage, bye, time.Now().Add(time.Second)); err != nil {
		s.t.Error(err)
	}
	_ = s.conn.Close()
}

// follow reads the first line of a stream, which goes on until the returned
// function is called.
func (g *gateway) follow(path string) (stop func()) {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), http.MethodGet, g.url+path, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	if strings.HasPrefix(path, "/graphql") {
		req.Header.Set("Accept", "text/event-stream")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	if _, err := res.Body.Read(make([]byte, 10)); err != nil || res.StatusCode != http.StatusOK {
		g.t.Fatalf("%s: %d, %v", path, res.StatusCode, err)
	}
	return func() { _ = res.Body.Close() }
}

// scrape returns what /metrics says of the gateway, by name and labels.
func (g *gateway) scrape() map[string]float64 {
	g.t.Helper()
	_, body := g.get("/metrics")
	out := map[string]float64{}
	for line := range strings.Lines(body) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && strings.HasPrefix(name, "tycostream_") {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				g.t.Fatalf("%q: %v", line, err)
			}
			out[name] = v
		}
	}
	return out
}

// until scrapes until the metric is at least v.
func (g *gateway) until(metric string, v float64) map[string]float64 {
	g.t.Helper()
	var last map[string]float64
	eventually(g.t, "enough", func() string {
		if last = g.scrape(); last[metric] >= v {
			return "enough"
		}
		return fmt.Sprintf("%s %v", metric, last[metric])
	})
	return last
}

// busy runs a demo, and lets everything happen to it once that makes a metric
// appear.
func busy(t *testing.T) *gateway {
	t.Helper()
	g := start(t, demoSchema, &app.Demo{Rows: 20, Rate: 1000})
	eventually(t, `"ready"`, func() string { _, b := g.get("/readyz"); return b })
	g.query(`{ sources { name } }`)
	const rows = `subscription { livePnL { operation data { instrumentId } } }`
	g.dial(rows, `subscription { livePnLChanges { kind } }`, `subscription { nothing }`).close()
	g.follow("/graphql?query=" + url.QueryEscape(rows))()
	g.follow("/stream/live_pnl")()
	g.until(`tycostream_connections_closed_total{code="1000",transport="graphql-transport-ws"}`, 1)
	g.until(`tycostream_connections_closed_total{code="1006",transport="sse"}`, 1)
	g.until(`tycostream_connections_closed_total{code="1006",transport="relay"}`, 1)
	return g
}

// TestMetrics compares names, types and help with testdata/metrics.golden, and
// with what Prometheus expects.
func TestMetrics(t *testing.T) {
	g := busy(t)
	_, body := g.get("/metrics")
	problems, err := promlint.New(strings.NewReader(body)).Lint()
	if err != nil {
		t.Fatalf("/metrics does not parse: %v", err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	var got strings.Builder
	for _, m := range regexp.MustCompile(`# HELP (tycostream_\S+) (.*)\n# TYPE \S+ (.*)\n`).FindAllStringSubmatch(body, -1) {
		fmt.Fprintf(&got, "%s %s: %s\n", m[1], m[3], m[2])
	}
	const golden = "testdata/metrics.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
	for _, name := range []string{"go_goroutines ", "go_memstats_heap_alloc_bytes ", "process_cpu_seconds_total ", "process_resident_memory_bytes "} {
		if !strings.Contains(body, "\n"+name) {
			t.Errorf("no %s", name)
		}
	}
}

// TestSeriesDoNotGrowWithClients has a hundred clients with filters, aliases
// and addresses of their own.
func TestSeriesDoNotGrowWithClients(t *testing.T) {
	g := busy(t)
	before := g.scrape()
	const clients = 100
	var sockets []*socket
	for i := range clients {
		sockets = append(sockets, g.dial(fmt.Sprintf(
			`subscription Op%d { a%[1]d: livePnL(where: {instrumentId: {_gte: %d}}) { operation } }`, i, i-clients,
		)))
	}
	during := g.scrape()
	for _, s := range sockets {
		s.close()
	}
	after := g.until(`tycostream_connections_closed_total{code="1000",transport="graphql-transport-ws"}`, clients+1)
	if n := during["tycostream_websocket_connections"]; n != clients {
		t.Fatalf("%v WebSockets", n)
	}
	if n := during[`tycostream_distinct_filters{source="live_pnl"}`]; n < clients {
		t.Fatalf("%v filters", n)
	}
	names := slices.Sorted(maps.Keys(before))
	for _, m := range []map[string]float64{during, after} {
		for _, name := range slices.Sorted(maps.Keys(m)) {
			if !slices.Contains(names, name) {
				t.Errorf("%s is new", name)
			}
		}
	}
}

// TestNumbersMove lets things happen, and looks for each in the metrics.
func TestNumbersMove(t *testing.T) {
	g := busy(t)
	const changes = `subscription { livePnLChanges(%s) { kind cursor changes { data { instrumentId } } } }`
	first := g.dial(fmt.Sprintf(changes, `where: {instrumentId: {_eq: 1}}`))
	defer first.close()
	again := g.dial(
		fmt.Sprintf(changes, `where: {instrumentId: {_eq: 1}}, resumeFrom: "`+first.cursor()+`"`),
		fmt.Sprintf(changes, `maxRate: 1`),
		`subscription { livePnL(where: {symbol: {_like: "%"}}) { operation } }`)
	defer again.close()
	defer g.follow("/stream/live_pnl")()
	for name, least := range map[string]float64{
		`source_snapshot_seconds_count{source="live_pnl"}`: 1, `freshness_seconds_count{source="live_pnl"}`: 5,
		`source_changes_total{op="insert",source="live_pnl"}`: 20, `source_changes_total{op="update",source="live_pnl"}`: 100,
		`source_batches_total{source="live_pnl"}`: 5, `source_lag_seconds{source="live_pnl"}`: 1e-6,
		`source_last_change_timestamp_seconds{source="live_pnl"}`: 1.7e9,
		`filter_views{access="indexed",source="live_pnl"}`:        1, `filter_views{access="residual",source="live_pnl"}`: 1,
		`filter_evaluations_total{source="live_pnl"}`: 1, `distinct_filters{source="live_pnl"}`: 2,
		`row_changes_sent_total{op="insert",source="live_pnl"}`: 41, `row_changes_sent_total{op="update",source="live_pnl"}`: 100,
		`conflated_changes_total{source="live_pnl"}`: 10, `subscription_snapshot_seconds_count{source="live_pnl"}`: 3,
		`resumes_total{result="resumed",source="live_pnl"}`: 1,
		`undo_log_changes{source="live_pnl"}`:               100, `undo_log_bytes{source="live_pnl"}`: 1000, `undo_log_seconds{source="live_pnl"}`: 1e-6,
		`change_latency_seconds_count{protocol="websocket"}`: 5, `change_latency_seconds_count{protocol="http"}`: 1,
		`write_seconds_count{protocol="websocket"}`: 5, `write_seconds_count{protocol="http"}`: 2,
		`messages_sent_total{transport="graphql-transport-ws"}`: 5, `message_bytes_sent_total{transport="relay"}`: 100,
		`connections_active{transport="relay"}`: 1, `websocket_connections`: 2,
		`subscriptions_active{kind="changes",source="live_pnl"}`: 3, `operations_total{type="refused"}`: 1,
	} {
		g.until("tycostream_"+name, least)
	}
}

func TestNullCells(t *testing.T) {
	sim, url := stand(t)
	if err := sim.CreateTable("odd", mzsim.Columns("id integer not null", "n bigint"), mzsim.ObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := sim.Write(new(mzsim.Tx).Insert("odd", 1, 5_000_000_000).Insert("odd", 2, 5)); err != nil {
		t.Fatal(err)
	}
	g := start(t, "sources: {odd: {primary_key: id, columns: {id: Integer, n: Integer}}}", nil, url)
	g.until(`tycostream_source_rows{source="odd"}`, 2)
	g.query(`{ odd { n } }`)
	if got := g.scrape()[`tycostream_null_cells_total{source="odd"}`]; got != 1 {
		t.Errorf("%v cells", got)
	}
}

// TestSourcesAgree compares the sources query with /metrics: while rows follow,
// and when time has come to rest because the database is gone.
func TestSourcesAgree(t *testing.T) {
	sim, url := stand(t)
	if err := sim.CreateTable("trades", mzsim.Columns("id integer not null"), mzsim.ObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := sim.Write(new(mzsim.Tx).Insert("trades", 1).Insert("trades", 2).Insert("trades", 3)); err != nil {
		t.Fatal(err)
	}
	g := start(t, "sources: {trades: {primary_key: id, columns: {id: Integer}}}", nil, url, "TYCOSTREAM_STALE_AFTER=50ms")
	g.until(`tycostream_source_rows{source="trades"}`, 3)
	for range 2 {
		defer g.follow("/stream/trades")()
	}
	g.until(`tycostream_source_subscribers{source="trades"}`, 2)
	g.agree("LIVE", 2)
	sim.Close()
	g.until(`tycostream_source_state{source="trades",state="STALE"}`, 1)
	asOf := g.agree("STALE", 2)
	if m := g.scrape(); m[`tycostream_source_frontier_timestamp_seconds{source="trades"}`] != asOf {
		t.Errorf("frontier %v, asOf %v", m[`tycostream_source_frontier_timestamp_seconds{source="trades"}`], asOf)
	}
}

// agree compares three rows of trades: a scrape lies between two queries. It
// returns asOf.
func (g *gateway) agree(state string, subscribers int) float64 {
	g.t.Helper()
	before, scraped, after := g.source(), g.scrape(), g.source()
	metric := func(name string) float64 { return scraped[`tycostream_source_`+name+`{source="trades"}`] }
	if before.State != state || scraped[`tycostream_source_state{source="trades",state="`+state+`"}`] != 1 || (metric("up") == 1) != (state == "LIVE") {
		g.t.Errorf("state %s, want %s; up %v", before.State, state, metric("up"))
	}
	if before.Rows != 3 || metric("rows") != 3 {
		g.t.Errorf("%d rows, %v rows, want 3", before.Rows, metric("rows"))
	}
	if before.Subscribers != subscribers || metric("subscribers") != float64(subscribers) {
		g.t.Errorf("%d subscribers, %v subscribers, want %d", before.Subscribers, metric("subscribers"), subscribers)
	}
	for _, s := range []facts{before, after} {
		if ms, err := strconv.ParseFloat(s.Timestamp, 64); err != nil || ms/1000 != s.asOf() {
			g.t.Errorf("timestamp %s, asOf %s", s.Timestamp, s.AsOf)
		}
	}
	if at := metric("frontier_timestamp_seconds"); at < before.asOf() || at > after.asOf() {
		g.t.Errorf("frontier %v is not between %v and %v", at, before.asOf(), after.asOf())
	}
	// Age grows with time and falls with the frontier.
	moved := after.asOf() - before.asOf()
	if lag := metric("lag_seconds"); lag < before.Lag-moved || lag > after.Lag+moved {
		g.t.Errorf("lag %v is not between %v and %v", lag, before.Lag, after.Lag)
	}
	return after.asOf()
}

// facts are what the sources query and the metrics have in common.
type facts struct {
	State             string
	Rows, Subscribers int
	Timestamp         string
	AsOf              time.Time
	Lag               float64
}

func (f facts) asOf() float64 { return float64(f.AsOf.UnixMicro()) / 1e6 }

func (g *gateway) source() facts {
	g.t.Helper()
	var answer struct{ Data struct{ Sources []facts } }
	body := g.query(`{ sources { state rows subscribers timestamp asOf lag } }`)
	if err := json.Unmarshal([]byte(body), &answer); err != nil || len(answer.Data.Sources) != 1 {
		g.t.Fatalf("%s: %v", body, err)
	}
	return answer.Data.Sources[0]
}
