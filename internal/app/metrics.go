package app

import (
	"strconv"
	"time"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/telemetry"
	"github.com/tycostream/tycostream/internal/transport"
)

// stats is what a scrape shows. It takes each feed's lock once, for reading.
func (g *gateway) stats() telemetry.Stats {
	t := g.transport.Stats()
	s := telemetry.Stats{
		Sources: g.sources.stats(), Triggers: g.triggers.stats(), Errors: t.Errors, Operations: t.Operations,
		Delivery: telemetry.DeliveryStats{
			Blocked: int(t.Blocked), QueueBytes: t.QueueBytes, Slow: map[string]uint64{"disconnected": t.SlowClients},
			WebSockets: timing(&t.WebSockets), HTTP: timing(&t.Streams),
		},
	}
	for i := range t.Kinds {
		s.Transports = append(s.Transports, transportStats(&t.Kinds[i]))
	}
	for _, sub := range t.Subscriptions {
		s.Subscriptions = append(s.Subscriptions, telemetry.SubscriptionStats{
			Source: sub.Source, Kind: sub.Kind, Active: int(sub.Active), Started: sub.Started,
		})
	}
	return s
}

func transportStats(k *transport.KindStats) telemetry.TransportStats {
	t := telemetry.TransportStats{
		Transport: k.Kind, WebSocket: k.WebSocket, Connections: int(k.Active), Accepted: k.Accepted,
		Closed: map[string]uint64{}, MessagesSent: k.MessagesSent, BytesSent: k.BytesSent,
		MessagesReceived: k.MessagesReceived, BytesReceived: k.BytesReceived,
	}
	for code, n := range k.Closed {
		t.Closed[closeLabel(code)] += n
	}
	return t
}

func timing(t *transport.Timing) telemetry.Timing {
	return telemetry.Timing{Writes: t.Write, Latency: t.ChangeLatency}
}

// closeLabel bounds the label's values: a client may close with any code.
func closeLabel(code int) string {
	switch {
	case code >= 1000 && code <= 1015,
		code == 4400, code == 4401, code == 4403, code == 4406, code == 4408, code == 4409, code == 4429, code == 4500:
		return strconv.Itoa(code)
	}
	return "other"
}

// stats are the sources as metrics show them.
func (s *sources) stats() []telemetry.SourceStats {
	supervised := s.supervised()
	var out []telemetry.SourceStats
	for _, e := range s.all() {
		t := readStatus(e.def.Name, s.status(&e))
		up := supervised[e.def.Name]
		t.Batches, t.Reconnects = up.Batches, up.Reconnects
		if e.meter != nil {
			t.Snapshots, t.Freshness = e.meter.snapshots.Counts(), e.meter.freshness.Counts()
			for a := range e.anomalies.All() {
				t.NullCells += a.Count
			}
		}
		out = append(out, t)
	}
	return out
}

func readStatus(name string, st feed.Status) telemetry.SourceStats {
	return telemetry.SourceStats{
		Name: name, State: st.State.String(), Rows: st.Rows, Subscribers: st.Subscribers,
		Filters: st.Views, Indexed: st.Indexed, Evaluations: st.Evaluations,
		Received: telemetry.Changes{Inserts: st.Inserts, Updates: st.Updates, Deletes: st.Deletes},
		Frontier: wallTime(st.Frontier.Wall), LastChange: wallTime(st.LastChange),
		Sent:      telemetry.Changes{Inserts: st.Sent[0], Updates: st.Sent[1], Deletes: st.Sent[2]},
		Conflated: st.Conflated, Resumed: st.Resumed, Reset: st.Reset, Joins: st.Snapshots,
		UndoChanges: st.UndoChanges, UndoBytes: st.UndoBytes, UndoFrom: wallTime(st.UndoFrom),
	}
}

// wallTime is the time of microseconds since 1970; 0 is no time.
func wallTime(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros)
}
