package histogram_test

import (
	"sync"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/histogram"
)

func TestBuckets(t *testing.T) {
	var h histogram.Histogram
	for _, d := range []time.Duration{
		-time.Second, 0, 50 * time.Microsecond, 50*time.Microsecond + 1, time.Millisecond, 10 * time.Second, time.Hour,
	} {
		h.Observe(d)
	}
	c := h.Counts()
	want := map[int]uint64{0: 3, 1: 1, 3: 1, len(histogram.Bounds) - 1: 1, len(histogram.Bounds): 1}
	for i, n := range c.Buckets {
		if n != want[i] {
			t.Errorf("bucket %d holds %d, want %d", i, n, want[i])
		}
	}
	if c.Count() != 7 {
		t.Errorf("Count() = %d, want 7", c.Count())
	}
	if want := 100*time.Microsecond + 1 + time.Millisecond + 10*time.Second + time.Hour; c.Sum != want {
		t.Errorf("Sum = %v, want %v", c.Sum, want)
	}
}

func TestConcurrent(t *testing.T) {
	var h histogram.Histogram
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				h.Observe(time.Millisecond)
			}
		})
	}
	wg.Wait()
	var all histogram.Counts
	all.Add(h.Counts())
	all.Add(h.Counts())
	if all.Count() != 16_000 || all.Sum != 16*time.Second {
		t.Errorf("%d in %v, want 16000 in 16s", all.Count(), all.Sum)
	}
}

func BenchmarkObserve(b *testing.B) {
	var h histogram.Histogram
	for b.Loop() {
		h.Observe(3 * time.Millisecond)
	}
}
