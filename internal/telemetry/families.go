package telemetry

import (
	"time"

	"github.com/tycostream/tycostream/internal/histogram"
)

// sourceFamilies say how sources follow the database.
func sourceFamilies() []*family {
	return []*family{
		gauge("source_up", "1 while rows follow the database, 0 otherwise.",
			perSource(func(s *SourceStats) float64 { return oneIf(s.State == "LIVE") }), "source"),
		gauge("source_state", "1 for the state that the source is in, 0 for the others.",
			forSources(states), "source", "state"),
		gauge("source_rows", "Rows held in memory.",
			perSource(func(s *SourceStats) float64 { return float64(s.Rows) }), "source"),
		counter("source_changes_total", "Row changes received from the database, those of snapshots included.",
			forSources(func(s *SourceStats, put number) { s.Received.each(put) }), "source", "op"),
		counter("source_batches_total", "Times of the database that came with changes.",
			perSource(func(s *SourceStats) float64 { return float64(s.Batches) }), "source"),
		counter("source_reconnects_total", "Times the source became live again after a loss.",
			perSource(func(s *SourceStats) float64 { return float64(s.Reconnects) }), "source"),
		seconds("source_snapshot_seconds", "Time from the first row of a database snapshot to all rows being visible.",
			countsPerSource(func(s *SourceStats) histogram.Counts { return s.Snapshots }), "source"),
		gauge("source_lag_seconds", "Age of the newest database time that is completely here.",
			forSources(func(s *SourceStats, put number) { age(s.Frontier, put) }), "source"),
		seconds("freshness_seconds", "Age of changes, from their time in the database to being visible here.",
			countsPerSource(func(s *SourceStats) histogram.Counts { return s.Freshness }), "source"),
		gauge("source_frontier_timestamp_seconds", "Wall clock of the newest database time that is completely here.",
			forSources(func(s *SourceStats, put number) { clock(s.Frontier, put) }), "source"),
		gauge("source_last_change_timestamp_seconds", "Wall clock of the newest change.",
			forSources(func(s *SourceStats, put number) { clock(s.LastChange, put) }), "source"),
	}
}

// readerFamilies say what sources do for their readers.
func readerFamilies() []*family {
	return []*family{
		gauge("source_subscribers", "Readers of the source now.",
			perSource(func(s *SourceStats) float64 { return float64(s.Subscribers) }), "source"),
		gauge("distinct_filters", "Different filters that are kept up to date, each shared by its readers.",
			perSource(func(s *SourceStats) float64 { return float64(s.Filters) }), "source"),
		gauge("filter_views", "Filters by how a change finds those it concerns: indexed at once, residual by testing each.",
			forSources(func(s *SourceStats, put number) {
				put(float64(s.Indexed), "indexed")
				put(float64(s.Filters-s.Indexed), "residual")
			}), "source", "access"),
		counter("filter_evaluations_total", "Rows that were tested against a filter.",
			perSource(func(s *SourceStats) float64 { return float64(s.Evaluations) }), "source"),
		counter("row_changes_sent_total", "Row changes handed to readers, each counted for each of them.",
			forSources(func(s *SourceStats, put number) { s.Sent.each(put) }), "source", "op"),
		counter("conflated_changes_total", "Row changes that readers were told only as part of a newer one.",
			perSource(func(s *SourceStats) float64 { return float64(s.Conflated) }), "source"),
		counter("resumes_total", "Readers that came back with a cursor: resumed got the difference, reset all rows.",
			forSources(func(s *SourceStats, put number) {
				put(float64(s.Resumed), "resumed")
				put(float64(s.Reset), "reset")
			}), "source", "result"),
		seconds("subscription_snapshot_seconds", "Time from a subscription's start to the last row of its snapshot.",
			countsPerSource(func(s *SourceStats) histogram.Counts { return s.Joins }), "source"),
		counter("null_cells_total", "Cells sent as null because their text is no value of their type; the log names the column.",
			perSource(func(s *SourceStats) float64 { return float64(s.NullCells) }), "source"),
		gauge("undo_log_changes", "Row changes kept for readers that come back.",
			perSource(func(s *SourceStats) float64 { return float64(s.UndoChanges) }), "source"),
		gauge("undo_log_bytes", "Memory of the row changes kept for readers that come back.",
			perSource(func(s *SourceStats) float64 { return float64(s.UndoBytes) }), "source"),
		gauge("undo_log_seconds", "How long a reader may have been away and still get only the difference.",
			perSource(func(s *SourceStats) float64 { return since(s.UndoFrom) }), "source"),
	}
}

// clientFamilies count connections and what clients ask for.
func clientFamilies() []*family {
	return []*family{
		gauge("websocket_connections", "Open WebSockets.", webSockets),
		gauge("connections_active", "Open connections.",
			perTransport(func(t *TransportStats) float64 { return float64(t.Connections) }), "transport"),
		counter("connections_accepted_total", "Connections accepted.",
			perTransport(func(t *TransportStats) float64 { return float64(t.Accepted) }), "transport"),
		counter("connections_closed_total", "Connections closed, by WebSocket close code; 1006 is an end without one.",
			func(s *Stats, put number) {
				for i := range s.Transports {
					for code, n := range s.Transports[i].Closed {
						put(float64(n), s.Transports[i].Transport, code)
					}
				}
			}, "transport", "code"),
		gauge("subscriptions_active", "Running subscriptions.",
			forSubscriptions(func(s *SubscriptionStats) float64 { return float64(s.Active) }), "source", "kind"),
		counter("subscriptions_started_total", "Subscriptions started.",
			forSubscriptions(func(s *SubscriptionStats) float64 { return float64(s.Started) }), "source", "kind"),
		counter("subscription_errors_total", "Errors that refused or ended subscriptions, by code.",
			func(s *Stats, put number) { words(s.Errors, put) }, "code"),
		counter("operations_total", "GraphQL operations by type; refused are those that did not validate.",
			func(s *Stats, put number) { words(s.Operations, put) }, "type"),
	}
}

// deliveryFamilies say what goes over the wire, and how fast.
func deliveryFamilies() []*family {
	return []*family{
		counter("messages_sent_total", "Messages with data sent to clients.",
			perTransport(func(t *TransportStats) float64 { return float64(t.MessagesSent) }), "transport"),
		counter("message_bytes_sent_total", "Bytes sent to clients.",
			perTransport(func(t *TransportStats) float64 { return float64(t.BytesSent) }), "transport"),
		counter("messages_received_total", "Messages received from clients.",
			perTransport(func(t *TransportStats) float64 { return float64(t.MessagesReceived) }), "transport"),
		counter("message_bytes_received_total", "Bytes of messages received from clients.",
			perTransport(func(t *TransportStats) float64 { return float64(t.BytesReceived) }), "transport"),
		gauge("send_queue_bytes", "Bytes encoded for clients that no socket has taken yet.",
			func(s *Stats, put number) { put(float64(s.Delivery.QueueBytes)) }),
		gauge("clients_blocked", "WebSockets whose client takes nothing now; it gets the newest state once it does.",
			func(s *Stats, put number) { put(float64(s.Delivery.Blocked)) }),
		counter("slow_consumers_total", "Clients that could not keep up, by what was done about it.",
			func(s *Stats, put number) { words(s.Delivery.Slow, put) }, "action"),
		seconds("write_seconds", "Time until a client's socket has taken what was gathered for it.",
			timings(func(t *Timing) histogram.Counts { return t.Writes }), "protocol"),
		seconds("change_latency_seconds", "Time from a change's arrival from the database until a client's socket has taken it.",
			timings(func(t *Timing) histogram.Counts { return t.Latency }), "protocol"),
	}
}

func forSources(one func(*SourceStats, number)) func(*Stats, number) {
	return func(s *Stats, put number) {
		for i := range s.Sources {
			src := &s.Sources[i]
			one(src, func(v float64, labels ...string) { put(v, append([]string{src.Name}, labels...)...) })
		}
	}
}

func perSource(one func(*SourceStats) float64) func(*Stats, number) {
	return forSources(func(s *SourceStats, put number) { put(one(s)) })
}

func countsPerSource(one func(*SourceStats) histogram.Counts) func(*Stats, counts) {
	return func(s *Stats, put counts) {
		for i := range s.Sources {
			put(one(&s.Sources[i]), s.Sources[i].Name)
		}
	}
}

func perTransport(one func(*TransportStats) float64) func(*Stats, number) {
	return func(s *Stats, put number) {
		for i := range s.Transports {
			put(one(&s.Transports[i]), s.Transports[i].Transport)
		}
	}
}

func forSubscriptions(one func(*SubscriptionStats) float64) func(*Stats, number) {
	return func(s *Stats, put number) {
		for i := range s.Subscriptions {
			put(one(&s.Subscriptions[i]), s.Subscriptions[i].Source, s.Subscriptions[i].Kind)
		}
	}
}

func timings(one func(*Timing) histogram.Counts) func(*Stats, counts) {
	return func(s *Stats, put counts) {
		put(one(&s.Delivery.WebSockets), "websocket")
		put(one(&s.Delivery.HTTP), "http")
	}
}

func webSockets(s *Stats, put number) {
	n := 0
	for i := range s.Transports {
		if s.Transports[i].WebSocket {
			n += s.Transports[i].Connections
		}
	}
	put(float64(n))
}

func states(s *SourceStats, put number) {
	for _, state := range []string{"STARTING", "LIVE", "STALE", "FAILED"} {
		put(oneIf(s.State == state), state)
	}
}

func (c Changes) each(put number) {
	put(float64(c.Inserts), "insert")
	put(float64(c.Updates), "update")
	put(float64(c.Deletes), "delete")
}

func words(m map[string]uint64, put number) {
	for word, n := range m {
		put(float64(n), word)
	}
}

// clock and age leave out what has not happened yet: a time of zero would be
// decades ago.
func clock(t time.Time, put number) {
	if !t.IsZero() {
		put(float64(t.UnixMicro()) / 1e6)
	}
}

func age(t time.Time, put number) {
	if !t.IsZero() {
		put(since(t))
	}
}

// since is 0 for the zero time, and for one that other clocks put ahead.
func since(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return max(0, time.Since(t).Seconds())
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
