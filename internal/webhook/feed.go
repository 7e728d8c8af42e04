package webhook

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Result is the outcome of one attempt. Those of a row come in its order, each
// shortly before the outbox has noted it.
type Result struct {
	N        uint64 // counts the results of this process, from 1
	Delivery        // Body is nil; Attempts are those after this one
	Status   Status // Pending: it will be tried again
	Took     time.Duration
}

// results is the live feed: a ring of the newest results. Writing never waits
// for a reader; one that is too slow is told how many it missed.
type results struct {
	mu    sync.Mutex
	ring  []Result
	last  uint64        // N of the newest
	grown chan struct{} // closed and replaced by each result
	ended bool
}

func newResults(size int) *results {
	return &results{ring: make([]Result, size), grown: make(chan struct{})}
}

func (f *results) add(r Result) Result {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last++
	r.N = f.last
	f.ring[r.N%uint64(len(f.ring))] = r
	close(f.grown)
	f.grown = make(chan struct{})
	return r
}

func (f *results) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.ended {
		f.ended = true
		close(f.grown)
		f.grown = make(chan struct{})
	}
}

// first returns the N of the oldest result in the ring.
func (f *results) firstLocked() uint64 {
	if n := uint64(len(f.ring)); f.last > n {
		return f.last - n + 1
	}
	return 1
}

// Follower reads the results of one trigger, or of all, as they come. It is
// for one goroutine.
type Follower struct {
	feed    *results
	trigger string
	after   uint64
}

// Next waits for results and returns all there are. missed counts those, of
// any trigger, that were overwritten before this reader came: it was too slow.
// At the end of the deliverer the error is [ErrClosed].
func (f *Follower) Next(ctx context.Context) (list []Result, missed uint64, err error) {
	for {
		list, missed, grown, ended := f.take()
		if len(list) > 0 || missed > 0 {
			return list, missed, nil
		}
		if ended {
			return nil, 0, ErrClosed
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}
}

func (f *Follower) take() (list []Result, missed uint64, grown <-chan struct{}, ended bool) {
	f.feed.mu.Lock()
	defer f.feed.mu.Unlock()
	if first := f.feed.firstLocked(); f.after+1 < first {
		missed = first - f.after - 1
		f.after = first - 1
	}
	for f.after < f.feed.last {
		f.after++
		if r := f.feed.ring[f.after%uint64(len(f.feed.ring))]; f.trigger == "" || r.Trigger == f.trigger {
			list = append(list, r)
		}
	}
	return list, missed, f.feed.grown, f.feed.ended
}

// Follow returns a reader of the results to come; "" follows all triggers.
func (d *Deliverer) Follow(trigger string) *Follower {
	d.feed.mu.Lock()
	defer d.feed.mu.Unlock()
	return &Follower{feed: d.feed, trigger: trigger, after: d.feed.last}
}

// Recent returns the newest results of a trigger that are still remembered,
// oldest first, at most limit; "" is all triggers.
func (d *Deliverer) Recent(trigger string, limit int) []Result {
	f := Follower{feed: d.feed, trigger: trigger}
	list, _, _, _ := f.take()
	return slices.Clone(list[max(0, len(list)-limit):])
}
