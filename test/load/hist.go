package main

import (
	"math/bits"
	"time"
)

// histogram counts durations with an error of at most 1/32.
type histogram struct {
	counts [64 * 32]uint64
	n      uint64
	top    time.Duration
}

func bucket(us uint64) int {
	if us < 32 {
		return int(us)
	}
	shift := bits.Len64(us) - 6
	return shift*32 + int(us>>shift) //nolint:gosec // us>>shift is below 64
}

// lowest is the smallest duration of a bucket, in microseconds.
func lowest(b int) uint64 {
	if b < 64 {
		return uint64(b) //nolint:gosec // not negative
	}
	shift := b/32 - 1
	return uint64(b-shift*32) << shift //nolint:gosec // not negative
}

func (h *histogram) add(d time.Duration) {
	d = max(d, 0)
	h.counts[min(bucket(uint64(d.Microseconds())), len(h.counts)-1)]++ //nolint:gosec // not negative
	h.n++
	h.top = max(h.top, d)
}

// quantile returns the duration that the share q of all is at or below.
func (h *histogram) quantile(q float64) time.Duration {
	rank := uint64(q * float64(h.n))
	var sum uint64
	for b, c := range h.counts {
		if sum += c; sum > rank {
			return time.Duration(lowest(b)) * time.Microsecond //nolint:gosec // small
		}
	}
	return h.top
}

// spread is a histogram in four numbers.
type spread struct{ P50, P90, P99, Max time.Duration }

func (h *histogram) spread() spread {
	if h.n == 0 {
		return spread{}
	}
	return spread{h.quantile(0.5), h.quantile(0.9), h.quantile(0.99), h.top}
}
