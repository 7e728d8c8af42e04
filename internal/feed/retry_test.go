package feed_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/filter"
	"github.com/tycostream/tycostream/internal/relation"
)

// retrier is a client that comes back with one of its cursors, also an old
// one, and lays what it is told over the rows that it has.
type retrier struct {
	name                   string
	rng                    *rand.Rand
	world                  *world
	where                  *filter.Predicate
	cursor                 *feed.Cursor
	wake                   chan struct{}
	rows                   state
	marks                  []string
	asked                  string
	first                  bool
	reset                  bool
	time                   uint64
	broken                 error
	resumes, resets, skips int
}

func (c *retrier) open(t *testing.T) {
	t.Helper()
	o := feed.Options{Encoder: encoder{frames: true}, MaxRows: 1 + c.rng.IntN(40)}
	if c.rng.IntN(3) == 0 {
		o.MaxRate = []float64{100, 1000, 1e6}[c.rng.IntN(3)]
	}
	c.asked = ""
	switch n := len(c.marks); {
	case n > 0 && !c.reset && c.rng.IntN(5) > 0:
		c.asked = c.marks[[]int{0, n - 1, c.rng.IntN(n)}[c.rng.IntN(3)]]
		o.Resume = position(t, c.asked, c.where)
		o.SkipSnapshot = c.rng.IntN(3) == 0
	default:
		c.rows, c.marks = state{}, nil
		if c.where = filter.All(); c.rng.IntN(3) > 0 {
			c.where = where(t, c.rng.IntN(30))
		}
	}
	o.Where = c.where
	c.first, c.reset, c.time = true, false, 0
	c.cursor = c.world.feed.Subscribe(o, func() {
		select {
		case c.wake <- struct{}{}:
		default:
		}
	})
}

func (c *retrier) take(f frame) error {
	if c.first && (f.Kind == "LIVE" || (f.Kind == "SNAPSHOT") != (c.asked == "")) {
		return fmt.Errorf("%s: the first frame is %s, asked %q", c.name, f.Kind, c.asked)
	}
	c.first = false
	if f.Time < c.time {
		return fmt.Errorf("%s: time went back from %d to %d", c.name, c.time, f.Time)
	}
	c.time = f.Time
	if f.Kind == "RESET" && !c.reset {
		c.rows, c.marks, c.reset = state{}, nil, true
		c.resets++
	}
	for _, ev := range f.Events {
		if ev.Op == "DELETE" {
			delete(c.rows, ev.Row.Text(0))
		} else {
			c.rows[ev.Row.Text(0)] = ev.Row
		}
	}
	if !f.Last {
		return nil
	}
	if f.Kind == "RESUMED" {
		c.resumes++
	}
	c.reset = false
	c.marks = append(c.marks, f.Cursor)
	rows, ok := c.world.history.Load(f.Time)
	if !ok {
		return fmt.Errorf("%s: a frame of time %d, which never was", c.name, f.Time)
	}
	want := maps.Clone(rows.(state))
	maps.DeleteFunc(want, func(_ string, r relation.Row) bool { return !c.where.Match(r) })
	if !maps.Equal(c.rows, want) {
		return fmt.Errorf("%s: after %s of time %d it holds %d rows and should hold %d", c.name, f.Kind, f.Time, len(c.rows), len(want))
	}
	return nil
}

func (c *retrier) pull(t *testing.T, limit int) (bool, error) {
	t.Helper()
	more, err := c.cursor.Pull(limit, func(b []byte) {
		if c.broken == nil {
			c.broken = c.take(decode(t, b))
		}
	})
	if fe := (*feed.Error)(nil); errors.As(err, &fe) && fe.Code == feed.CodeResync && c.asked != "" {
		c.skips++
		c.cursor.Close()
		c.marks = nil
		c.open(t)
		return true, nil
	}
	return more, errors.Join(err, c.broken)
}

func (c *retrier) run(t *testing.T, stop <-chan struct{}) error {
	t.Helper()
	c.open(t)
	defer func() { c.cursor.Close() }()
	for {
		select {
		case <-stop:
			return c.settle(t)
		case <-c.wake:
		}
		for more := true; more; {
			var err error
			if more, err = c.pull(t, 1+c.rng.IntN(4000)); err != nil {
				return err
			}
			select {
			case c.world.pulled <- struct{}{}:
			default:
			}
			if c.rng.IntN(15) == 0 {
				if old := c.cursor; c.rng.IntN(2) == 0 {
					done := make(chan struct{})
					go func() { old.Close(); close(done) }()
					_, _ = c.pull(t, 100)
					<-done
					old.Close()
				} else {
					old.Close()
				}
				if c.broken != nil {
					return c.broken
				}
				c.cursor.Close()
				c.open(t)
			}
		}
	}
}

func (c *retrier) settle(t *testing.T) error {
	t.Helper()
	for {
		more, err := c.pull(t, 1<<30)
		if err != nil {
			return err
		}
		want := maps.Clone(c.world.rows)
		maps.DeleteFunc(want, func(_ string, r relation.Row) bool { return !c.where.Match(r) })
		if !more && c.cursor.Joined() && maps.Equal(c.rows, want) {
			return nil
		}
		if more {
			continue
		}
		select {
		case <-c.wake:
		case <-time.After(time.Minute):
			return fmt.Errorf("%s: rests with %d rows, want %d, and is not woken", c.name, len(c.rows), len(want))
		}
	}
}

const retrySeeds = 4

// Clients that come back with old cursors, with rates and without a snapshot,
// while one goroutine writes: every frame that says last is of its time.
func TestConcurrentRetries(t *testing.T) {
	t.Parallel()
	for seed := range uint64(retrySeeds) {
		w := newWorld(seed, 120, feed.Config{
			RingChunks: 8 + 40*int(seed%2), RingBytes: 20_000, MaxGraves: 40 + 1000*int(seed%3), UndoBytes: 1 << 18,
			Heartbeat: 10 * time.Millisecond, Linger: time.Millisecond,
		})
		w.history.Store(uint64(0), state{})
		stop, failures := make(chan struct{}), make(chan error, 17)
		var wg sync.WaitGroup
		var clients []*retrier
		for i := range 16 {
			c := &retrier{
				name: fmt.Sprint("seed ", seed, " client ", i), rng: rand.New(rand.NewPCG(seed, uint64(i))), world: w,
				where: filter.All(), wake: make(chan struct{}, 1),
			}
			clients = append(clients, c)
			wg.Go(func() {
				if err := c.run(t, stop); err != nil {
					failures <- err
				}
			})
		}
		err := w.snapshot(100)
		w.feed.SetState(feed.Live, "")
		if err = errors.Join(err, w.run(200)); err != nil {
			failures <- err
		}
		close(stop)
		wg.Wait()
		w.feed.Close()
		close(failures)
		for err := range failures {
			t.Error(err)
		}
		resumes, resets, skips := 0, 0, 0
		for _, c := range clients {
			resumes, resets, skips = resumes+c.resumes, resets+c.resets, skips+c.skips
		}
		t.Logf("seed %d: %d resumes, %d resets, %d refused, %d shared bytes", seed, resumes, resets, skips, w.feed.SharedBytes())
		if t.Failed() {
			return
		}
	}
}
