package delivery

import (
	"testing"
	"time"
)

// BenchmarkTiming is what timing adds to a pass: the clock twice, and two
// histograms. Compare with a write, as BenchmarkBareWrite/1000x1 has it.
func BenchmarkTiming(b *testing.B) {
	p := NewPool(Config{Workers: 1})
	defer p.Close()
	clock, t := p.cfg.Clock, new(timing)
	for b.Loop() {
		m := moment{began: clock(), received: 1}
		t.taken(m, clock())
	}
	if n := t.change.Counts(); n.Count() == 0 || n.Sum > time.Duration(b.N)*time.Minute {
		b.Fatal(n)
	}
}
