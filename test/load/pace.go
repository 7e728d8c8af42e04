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
	Rate     float64       // passes per second
	Duration time.Duration // of the measured part
	Filters  int           // subscriptions per connection, each with a filter of its own; 0: one without
	Bytes    int           // of a bare writer's event
	Profile  string        // file for a CPU profile of the gateway's measured part; empty: none
}

// warmUp is the part of a round before the measured one.
const warmUp = 500 * time.Millisecond

func (s spec) passes(d time.Duration) int { return max(1, int(s.Rate*d.Seconds())) }

// serverReport is what a server did between the first event and the last byte.
type serverReport struct {
	CPU      cpu
	Elapsed  time.Duration
	Passes   int
	Events   int
	Writes   uint64
	Messages uint64
	Last     int // number of the last event ever
	Memory   memory
	GCs      uint32
}

// paced calls pass n times, the i-th at start + i/rate. When passes take
// longer than that, the next comes at once, and none is left out.
func paced(ctx context.Context, n int, rate float64, pass func() error) error {
	start := time.Now()
	t := time.NewTimer(0)
	defer t.Stop()
	for i := range n {
		due := start.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		if wait := time.Until(due); wait > 0 {
			t.Reset(wait)
			select {
			case <-t.C:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		if err := pass(); err != nil {
			return err
		}
	}
	return nil
}
