// Package histogram counts durations into the fixed buckets that latency
// metrics use. Observing costs a few nanoseconds: it allocates nothing, takes
// no lock, and a histogram that one goroutine alone observes into is never
// contended.
//
// # Concurrency
//
// All methods may be called from any goroutine. A snapshot taken while others
// observe may miss the newest of their values, never count one twice.
package histogram

import (
	"sync/atomic"
	"time"
)

// Bounds are the upper bounds of the buckets: those that suit latencies from
// half a millisecond to ten seconds, and two below for writes.
var Bounds = [...]time.Duration{
	50 * time.Microsecond, 200 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second,
}

// Histogram counts durations. The zero Histogram is empty and ready.
type Histogram struct {
	buckets [len(Bounds) + 1]atomic.Uint64
	sum     atomic.Int64 // nanoseconds
}

// Observe counts one duration; a negative one, of clocks that disagree, counts
// as zero.
func (h *Histogram) Observe(d time.Duration) {
	d = max(d, 0)
	i := 0
	for i < len(Bounds) && d > Bounds[i] {
		i++
	}
	h.buckets[i].Add(1)
	h.sum.Add(int64(d))
}

// Counts is what a histogram holds at a moment.
type Counts struct {
	Buckets [len(Bounds) + 1]uint64 // not cumulative; the last one is beyond all bounds
	Sum     time.Duration
}

// Count returns how many durations there are in all.
func (c *Counts) Count() uint64 {
	n := uint64(0)
	for _, b := range c.Buckets {
		n += b
	}
	return n
}

// Add adds what another histogram holds.
func (c *Counts) Add(o Counts) {
	for i, b := range o.Buckets {
		c.Buckets[i] += b
	}
	c.Sum += o.Sum
}

// Counts returns what the histogram holds.
func (h *Histogram) Counts() Counts {
	var c Counts
	for i := range h.buckets {
		c.Buckets[i] = h.buckets[i].Load()
	}
	c.Sum = time.Duration(h.sum.Load())
	return c
}
