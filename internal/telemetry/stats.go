package telemetry

import (
	"time"

	"github.com/tycostream/tycostream/internal/histogram"
)

// Stats is what the metrics show, at one moment.
type Stats struct {
	Sources       []SourceStats
	Transports    []TransportStats
	Subscriptions []SubscriptionStats
	Delivery      DeliveryStats
	Triggers      TriggerStats
	Errors        map[string]uint64 // that refused or ended subscriptions, by code, a word from a fixed list
	Operations    map[string]uint64 // by type, a word from a fixed list
}

// SourceStats are the numbers of one source.
type SourceStats struct {
	Name        string
	State       string // STARTING, LIVE, STALE or FAILED
	Rows        int
	Subscribers int // open cursors
	Filters     int // distinct filters among them
	Indexed     int // of these, those that the predicate index finds
	Evaluations uint64

	Received   Changes // from upstream
	Batches    uint64  // upstream times with changes
	Reconnects uint64
	Snapshots  histogram.Counts // of upstream, from the first row to all of them visible
	Freshness  histogram.Counts // age of changes when they became visible
	Frontier   time.Time        // wall clock of the last whole upstream time; zero: none yet
	LastChange time.Time        // zero: none yet

	Sent      Changes          // to readers
	Conflated uint64           // changes that readers were not told one by one
	Resumed   uint64           // readers that were told the difference
	Reset     uint64           // readers that had to begin anew
	Joins     histogram.Counts // how long readers' snapshots took
	NullCells uint64           // sent as null because of their text

	UndoChanges int
	UndoBytes   int
	UndoFrom    time.Time // oldest time that can be resumed from; zero: none
}

// Changes counts row changes by operation.
type Changes struct{ Inserts, Updates, Deletes uint64 }

// TransportStats are the numbers of one transport.
type TransportStats struct {
	Transport        string // graphql-transport-ws, graphql-ws, sse, http, relay, ...
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
	Kind    string // rows, changes, columns, stream
	Active  int
	Started uint64
}

// DeliveryStats are the numbers of all connections together.
type DeliveryStats struct {
	Blocked    int               // WebSockets whose socket is full now
	QueueBytes int64             // encoded, and not taken by a socket yet
	Slow       map[string]uint64 // clients that could not keep up, by what was done about it
	WebSockets Timing
	HTTP       Timing // of streams over plain HTTP
}

// Timing is how long delivery takes.
type Timing struct {
	Writes  histogram.Counts // until the socket has taken what one pass gathers
	Latency histogram.Counts // from the arrival of the newest change in it
}

// TriggerStats are the numbers of triggers and of their deliveries.
type TriggerStats struct {
	Active      []SourceCount
	Transitions []TransitionStats
	Attempts    map[string]uint64 // by HTTP status, a word from a fixed list
	Seconds     histogram.Counts  // how long attempts took
	Latency     histogram.Counts  // from the event until it was delivered
	Counted     bool              // the rest is known
	Queue       int               // deliveries that wait
	Dead        int               // dead letters
	StoreUp     bool              // transitions can be kept
}

// SourceCount is a number of one source.
type SourceCount struct {
	Source string
	Count  int
}

// TransitionLabels tell transitions apart.
type TransitionLabels struct {
	Source string
	Event  string // FIRE, CLEAR or TEST
}

// TransitionStats count transitions.
type TransitionStats struct {
	TransitionLabels

	Count uint64
}
