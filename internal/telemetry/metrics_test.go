package telemetry_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tycostream/tycostream/internal/telemetry"
)

func snapshots() telemetry.Snapshots {
	return telemetry.Snapshots{
		Sources: func() []telemetry.SourceStats {
			return []telemetry.SourceStats{
				{
					Name: "live_pnl", State: "LIVE", Rows: 10, Subscribers: 2, Filters: 1, Inserts: 12, Updates: 5, Deletes: 2,
					Batches: 7, Reconnects: 3, Frontier: time.Now().Add(-2 * time.Second), LastChange: time.UnixMilli(1500),
				},
				{Name: "trades", State: "STARTING"},
			}
		},
		Transports: func() []telemetry.TransportStats {
			return []telemetry.TransportStats{
				{
					Transport: "graphql-transport-ws", WebSocket: true, Connections: 4, Accepted: 9, Closed: map[string]uint64{"1000": 5},
					MessagesSent: 100, BytesSent: 5000, MessagesReceived: 10, BytesReceived: 300,
				},
				{Transport: "sse", Connections: 1},
			}
		},
		Subscriptions: func() []telemetry.SubscriptionStats {
			return []telemetry.SubscriptionStats{{Source: "live_pnl", Kind: "changes", Active: 2, Started: 6}}
		},
		SlowConsumers: func() map[string]uint64 { return map[string]uint64{"conflated": 8} },
	}
}

func scrape(t *testing.T, s telemetry.Snapshots) string {
	t.Helper()
	r := telemetry.NewRegistry(telemetry.Build{Version: "v1", Revision: "abc", Go: "go1.26"}, s)
	w := httptest.NewRecorder()
	telemetry.Handler(r).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	return w.Body.String()
}

func TestMetrics(t *testing.T) {
	got := scrape(t, snapshots())
	for _, want := range []string{
		`tycostream_build_info{goversion="go1.26",revision="abc",version="v1"} 1`,
		`tycostream_source_up{source="live_pnl"} 1`,
		`tycostream_source_up{source="trades"} 0`,
		`tycostream_source_state{source="trades",state="STARTING"} 1`,
		`tycostream_source_state{source="trades",state="LIVE"} 0`,
		`tycostream_source_rows{source="live_pnl"} 10`,
		`tycostream_source_changes_total{op="insert",source="live_pnl"} 12`,
		`tycostream_source_changes_total{op="delete",source="live_pnl"} 2`,
		`tycostream_source_reconnects_total{source="live_pnl"} 3`,
		`tycostream_source_lag_seconds{source="live_pnl"} 2.`,
		`tycostream_source_last_change_timestamp_seconds{source="live_pnl"} 1.5`,
		`tycostream_subscriptions_active{kind="changes",source="live_pnl"} 2`,
		`tycostream_websocket_connections 4`,
		`tycostream_connections_active{transport="sse"} 1`,
		`tycostream_connections_closed_total{code="1000",transport="graphql-transport-ws"} 5`,
		`tycostream_message_bytes_sent_total{transport="graphql-transport-ws"} 5000`,
		`tycostream_slow_consumers_total{action="conflated"} 8`,
		`go_goroutines `,
		`process_open_fds `,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if strings.Contains(got, `lag_seconds{source="trades"}`) {
		t.Error("a source without a time has a lag")
	}
}

func TestNothingToAsk(t *testing.T) {
	if got := scrape(t, telemetry.Snapshots{}); !strings.Contains(got, "tycostream_build_info") {
		t.Error(got)
	}
}

// TestNaming keeps the rules: counters end in _total, others do not, every
// metric has help, and what is collected is what is described.
func TestNaming(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(telemetry.NewCollector(snapshots()))
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if len(families) < 20 {
		t.Errorf("only %d metrics", len(families))
	}
	for _, f := range families {
		counter := f.GetType().String() == "COUNTER"
		if strings.HasSuffix(f.GetName(), "_total") != counter || f.GetHelp() == "" || !strings.HasPrefix(f.GetName(), "tycostream_") {
			t.Errorf("%s is a %s, help %q", f.GetName(), f.GetType(), f.GetHelp())
		}
	}
}
