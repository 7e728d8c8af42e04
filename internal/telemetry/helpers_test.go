package telemetry_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/histogram"
	"github.com/tycostream/tycostream/internal/telemetry"
)

// durations are what a histogram holds that has observed them.
func durations(all ...time.Duration) histogram.Counts {
	var h histogram.Histogram
	for _, d := range all {
		h.Observe(d)
	}
	return h.Counts()
}

// full is a moment of a gateway in which everything has happened.
func full() telemetry.Stats {
	return telemetry.Stats{
		Sources: []telemetry.SourceStats{{
			Name: "live_pnl", State: "LIVE", Rows: 10, Subscribers: 2, Filters: 5, Indexed: 4, Evaluations: 77,
			Received: telemetry.Changes{Inserts: 12, Updates: 5, Deletes: 2}, Batches: 7, Reconnects: 3,
			Snapshots: durations(2 * time.Second), Freshness: durations(40*time.Millisecond, 2*time.Hour),
			Frontier: time.Now().Add(-2 * time.Second), LastChange: time.UnixMilli(1500),
			Sent: telemetry.Changes{Inserts: 24, Updates: 10, Deletes: 4}, Conflated: 6, Resumed: 8, Reset: 1,
			Joins: durations(3*time.Millisecond, 4*time.Millisecond), NullCells: 9,
			UndoChanges: 100, UndoBytes: 5000, UndoFrom: time.Now().Add(-time.Minute),
		}, {
			Name: "trades", State: "STARTING",
		}},
		Transports: []telemetry.TransportStats{{
			Transport: "graphql-transport-ws", WebSocket: true, Connections: 4, Accepted: 9, Closed: map[string]uint64{"1000": 5},
			MessagesSent: 100, BytesSent: 5000, MessagesReceived: 10, BytesReceived: 300,
		}, {
			Transport: "relay-ws", WebSocket: true, Connections: 3,
		}, {
			Transport: "sse", Connections: 1,
		}},
		Subscriptions: []telemetry.SubscriptionStats{{Source: "live_pnl", Kind: "changes", Active: 2, Started: 6}},
		Errors:        map[string]uint64{"RESYNC_REQUIRED": 2, "other": 0},
		Operations:    map[string]uint64{"query": 3, "refused": 1},
		Delivery: telemetry.DeliveryStats{
			Blocked: 1, QueueBytes: 4096, Slow: map[string]uint64{"disconnected": 8},
			WebSockets: telemetry.Timing{
				Writes:  durations(30*time.Microsecond, 60*time.Microsecond, 20*time.Second),
				Latency: durations(time.Millisecond),
			},
		},
		Triggers: telemetry.TriggerStats{
			Active: []telemetry.SourceCount{{Source: "live_pnl", Count: 3}},
			Transitions: []telemetry.TransitionStats{
				{TransitionLabels: telemetry.TransitionLabels{Source: "live_pnl", Event: "FIRE"}, Count: 5},
			},
			Attempts: map[string]uint64{"200": 4, "none": 1}, Seconds: durations(12 * time.Millisecond),
			Latency: durations(250 * time.Millisecond),
			Counted: true, Queue: 1, Dead: 2, StoreUp: true,
		},
	}
}

var build = telemetry.Build{Version: "v1", Revision: "abc", Go: "go1.26"}

func scrape(tb testing.TB, stats telemetry.Stats) string {
	tb.Helper()
	r := telemetry.NewRegistry(build, func() telemetry.Stats { return stats })
	w := httptest.NewRecorder()
	telemetry.Handler(r).ServeHTTP(w, httptest.NewRequestWithContext(tb.Context(), "GET", "/metrics", nil))
	return w.Body.String()
}
