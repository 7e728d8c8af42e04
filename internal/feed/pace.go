package feed

import (
	"math"
	"sync/atomic"
	"time"
)

// pace holds a cursor back to the rate that its reader asked for. The first
// news after a quiet while go out at once; the next ones wait for the period to
// pass and go out as one difference.
type pace struct {
	period time.Duration // 0: no rate
	next   time.Time     // when the next pass may begin
	wakes  uint32        // what may wake the cursor if there is nothing to send
	timer  atomic.Pointer[time.Timer]
}

// period returns the time between two passes at rate per second.
func period(rate float64) time.Duration {
	if !(rate > 0) || math.IsInf(rate, 1) {
		return 0
	}
	return time.Duration(min(float64(time.Second)/rate, float64(time.Hour)))
}

// wake calls due after d; what was set before is forgotten.
func (p *pace) wake(d time.Duration, due func()) {
	if t := p.timer.Load(); t != nil {
		t.Reset(d)
		return
	}
	p.timer.Store(time.AfterFunc(d, due))
}

// stop may be called from any goroutine.
func (p *pace) stop() {
	if t := p.timer.Load(); t != nil {
		t.Stop()
	}
}

// after returns when the pass after one at now may begin. One that was due is
// followed by the next a period later; one at once, after a quiet while, a
// little later than that, at the next of the moments that all readers with the
// period share: those who begin together are told the same differences, in the
// same bytes.
func (p *pace) after(now time.Time) time.Time {
	step := min(max(p.period/8, 1), shareMissedFor)
	if late := now.Sub(p.next); late >= 0 && late < step {
		return p.next.Add(p.period)
	}
	next := now.Add(p.period + step - 1)
	return next.Add(-time.Duration(next.UnixNano() % int64(step)))
}

// paced reports whether a pass may begin now, and begins it. Otherwise the
// cursor is woken when it may. ch is the ring's next chunk, nil if it is lost.
func (c *Cursor) paced(ch *chunk) bool {
	now := time.Now()
	if now.Before(c.pace.next) {
		c.pace.wakes = beats
		c.pace.wake(c.pace.next.Sub(now), c.due)
		return false
	}
	if ch == nil || ch.received != 0 { // a proof of life is no pass
		c.pace.next = c.pace.after(now)
	}
	return true
}

// alive tells a frame reader that waits for its rate what cannot wait: the
// proof of life, and a change of state. It reports whether there was any.
func (c *Cursor) alive(beat uint64) bool {
	if !c.plan.frames || beat == c.beat {
		return false
	}
	c.beat = beat
	f := c.view.f
	f.mu.RLock()
	fr := Frame{Kind: LiveFrame, Last: true, Time: c.border.Time, Wall: c.border.Wall, State: f.state, epoch: c.epoch}
	f.mu.RUnlock()
	c.send(c.plan.encode(&fr))
	return true
}

// tally counts what a cursor hands out between two flushes.
type tally struct {
	ops       [len(opNames)]int
	conflated uint64
}

func (t *tally) add(m *messages) {
	for op, n := range m.ops {
		t.ops[op] += n
	}
}

func (t *tally) flush(f *Feed) {
	for op, n := range t.ops {
		if n > 0 {
			f.sent[op].Add(uint64(n))
		}
	}
	if t.conflated > 0 {
		f.conflated.Add(t.conflated)
	}
	*t = tally{}
}
