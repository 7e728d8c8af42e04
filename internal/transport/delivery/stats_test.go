package delivery_test

import (
	"io"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/histogram"
	"github.com/tycostream/tycostream/internal/transport/delivery"
	"github.com/tycostream/tycostream/internal/transport/wsframe"
)

// hand is a clock that a test sets.
type hand struct{ atomic.Int64 }

func (h *hand) set(d time.Duration) { h.Store(int64(d)) }

func count(c histogram.Counts) uint64 { return c.Count() }

func TestPassesAreTimed(t *testing.T) {
	for _, l := range layers {
		t.Run(string(l), func(t *testing.T) {
			server, nc := pair(t, l)
			clock := &hand{}
			clock.set(10 * time.Second)
			p := newPool(t, delivery.Config{Clock: clock.Load})
			c := p.NewConn(server, new(delivery.Counters))
			defer c.Abort()
			quiet, live := &numbers{}, &numbers{live: int64(7 * time.Second)}
			attach(c, quiet, "q", nil)
			attach(c, live, "l", nil)
			r := newClient(nc)

			quiet.advance(1)
			r.want(t, "q1")
			eventually(t, "timed", func() bool { return count(p.Stats().Write) == 1 })
			if s := p.Stats(); count(s.ChangeLatency) != 0 || s.Write.Sum != 0 {
				t.Errorf("nothing was live: %+v", s)
			}
			live.advance(1)
			r.want(t, "l1")
			eventually(t, "timed", func() bool { return count(p.Stats().Write) == 2 })
			if s := p.Stats(); count(s.ChangeLatency) != 1 || s.ChangeLatency.Sum != 3*time.Second || s.Queued != 0 {
				t.Errorf("one was live: %+v", s)
			}
		})
	}
}

// A pass that blocks is timed when its last byte is taken, and its bytes wait
// until then.
func TestBlockedPassIsTimedAtItsEnd(t *testing.T) {
	for _, l := range layers {
		t.Run(string(l), func(t *testing.T) {
			server, nc := pair(t, l)
			clock := &hand{}
			clock.set(time.Second)
			p := newPool(t, delivery.Config{Clock: clock.Load})
			c := p.NewConn(server, new(delivery.Counters))
			defer c.Abort()
			const size = 32 << 20
			src := &numbers{pad: strings.Repeat(".", size), live: int64(time.Second) / 2}
			attach(c, src, "", nil)
			src.advance(1)
			eventually(t, "blocked", c.Blocked)
			if err := c.Send(wsframe.Append(nil, wsframe.Ping, make([]byte, 98))); err != nil {
				t.Fatal(err)
			}
			s := p.Stats()
			if s.Blocked != 1 || s.Queued < size/4 || s.Queued > 2*size || count(s.Write) != 0 {
				t.Fatalf("blocked %d, %d bytes wait, %d timed", s.Blocked, s.Queued, count(s.Write))
			}
			clock.set(5 * time.Second)
			newClient(nc).want(t, "1"+src.pad)
			go func() { _, _ = io.Copy(io.Discard, nc) }()
			eventually(t, "both timed", func() bool { return count(p.Stats().Write) == 2 })
			s = p.Stats()
			if s.Blocked != 0 || s.Queued != 0 || s.Write.Sum != 4*time.Second || s.ChangeLatency.Sum != 4500*time.Millisecond {
				t.Errorf("%+v", s)
			}
		})
	}
}

// What waits is not counted any more when its connection ends.
func TestQueuedEndsWithTheConnection(t *testing.T) {
	for _, l := range layers {
		t.Run(string(l), func(t *testing.T) {
			p := newPool(t, delivery.Config{})
			for i := range 3 {
				server, _ := pair(t, l)
				c := p.NewConn(server, new(delivery.Counters))
				src := &numbers{pad: strings.Repeat(".", 16<<20)}
				attach(c, src, strconv.Itoa(i), nil)
				src.advance(1)
				eventually(t, "blocked", c.Blocked)
				if c.Send(make([]byte, 1000)) != nil || p.Stats().Queued < 1000 {
					t.Fatal("nothing is queued")
				}
				c.Abort()
			}
			eventually(t, "nothing waits", func() bool { s := p.Stats(); return s.Queued == 0 && s.Blocked == 0 })
			if n := count(p.Stats().Write); n != 0 {
				t.Errorf("%d passes timed that did not end well", n)
			}
		})
	}
}
