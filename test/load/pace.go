package main

import (
	"context"
	"time"
)

// spec says what one round does.
type spec struct {
	Clients  int           // connections
	Rows     int           // rows of the source
	Merge    int           // events per pass
	OneTime  bool          // the events of a pass are one upstream time, not one each
	Alone    bool          // no pass begins before the one before it has ended
	Rate     float64       // passes per second; 0: no events
	Duration time.Duration // of the measured part
	Hot      int           // events change so many keys; 0: all that clients watch
	Churn    int           // every so many events delete a row; 0: none does

	Filters   int           // subscriptions per connection, each with a filter of its own; 0: one without
	Own       string        // kind of those filters
	Wide      int           // the last so many connections have no filter nevertheless
	Slow      int           // the last so many connections read one message a second
	Frames    bool          // livePnLChanges, not livePnL
	MaxRate   float64       // argument of the subscription; 0: none
	Exact     bool          // a client that misses an event is an error
	TLS       bool          // between clients and server
	Together  bool          // all clients connect at the same moment
	Spread    bool          // server and clients are bound to no core
	UndoBytes int           // what the feed keeps to let clients resume; 0: its default
	RingTotal int           // of the feed's configuration; 0: its default
	History   bool          // clients' states are compared with the source's at the same times
	Sample    time.Duration // interval of memory samples; 0: none

	Bytes   int    // of a bare writer's event
	One     bool   // a bare writer writes each event to one connection only
	Profile string // file for a CPU profile of the gateway's measured part; empty: none
}

// The kinds of filters of one's own.
const (
	ownEqual = ""       // _eq on the key: an index finds it
	ownLike  = "like"   // _like with wildcards around a text, by which it is found
	ownRegex = "regex"  // _regex with a text in it
	ownBlank = "blanks" // _like with letters between blanks: no index finds it
)

// The times that things may take.
const (
	warmUp   = 500 * time.Millisecond // the part of a round before the measured one, if that is not shorter
	patience = 2 * time.Minute        // for a handshake, or everything to arrive
	filling  = 5 * time.Minute        // for snapshots: 10,000 filters that no index helps are asked about 10,000 rows each
)

func (s spec) passes(d time.Duration) int { return max(1, int(s.Rate*d.Seconds())) }

// watched is the number of keys that clients watch.
func (s spec) watched() int {
	if s.Filters == 0 || s.Wide > 0 {
		return s.Rows
	}
	return min(s.Rows, s.Clients*s.Filters)
}

// stride is a pass.
func (s spec) stride() stride {
	keys := s.watched()
	if s.Hot > 0 {
		keys = s.Hot
	}
	return stride{events: s.Merge, keys: keys, oneTime: s.OneTime, churn: s.Churn}
}

// recipients is the number of clients that an event goes to.
func (s spec) recipients() int {
	if s.Filters > 0 {
		return 1 + s.Wide
	}
	return s.Clients
}

// serverReport is what a server did between the first event and the last byte.
type serverReport struct {
	CPU      cpu
	Flowed   time.Duration // from the first event to the last
	Elapsed  time.Duration // and to the last message
	Passes   int
	Events   int
	Writes   uint64
	Messages uint64
	Lag      spread // from the moment that events are due to the one when they are in the feed
	Last     int    // number of the last event ever
	Memory   memory
	GCs      uint32
	Evals    uint64   // of filters
	Samples  []memory // of the whole process as it is, at equal intervals
	Truth    []uint64 // every row's digest at the end
}

// peak is the most memory that any sample saw.
func (r serverReport) peak() uint64 {
	var top uint64
	for _, m := range r.Samples {
		top = max(top, m.Resident)
	}
	return top
}

// paced calls pass n times, the i-th at start + i/rate, with that time. When
// passes take longer than that, the next comes at once, and none is left out;
// more says that the next is due already.
func paced(ctx context.Context, n int, rate float64, pass func(due time.Time, more bool) error) error {
	start := time.Now()
	at := func(i int) time.Time { return start.Add(time.Duration(float64(i) / rate * float64(time.Second))) }
	t := time.NewTimer(0)
	defer t.Stop()
	for i := range n {
		due := at(i)
		if wait := time.Until(due); wait > 0 {
			t.Reset(wait)
			select {
			case <-t.C:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		} else if i%64 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := pass(due, i+1 < n && time.Until(at(i+1)) <= 0); err != nil {
			return err
		}
	}
	return nil
}
