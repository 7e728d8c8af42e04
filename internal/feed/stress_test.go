package feed_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/filter"
	"github.com/tycostream/tycostream/internal/relation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wire is an encoder that is cheap to write and to read, for tests with very
// many events. encodes counts the events that it wrote.
type wire struct {
	name    string
	frames  bool
	encodes *atomic.Int64
}

func (e wire) ID() string   { return fmt.Sprint("wire ", e.name, e.frames) }
func (e wire) Frames() bool { return e.frames }

func (e wire) Encode(dst []byte, ends []int, f *feed.Frame) ([]byte, []int) {
	if e.encodes != nil {
		e.encodes.Add(int64(len(f.Events)))
	}
	head := func(events int) {
		last := byte(0)
		if f.Last {
			last = 1
		}
		dst = append(dst, byte(f.Kind), last, byte(f.State))
		dst = binary.AppendUvarint(dst, f.Time)
		dst = binary.AppendUvarint(dst, uint64(events))
	}
	if e.frames {
		head(len(f.Events))
	}
	for i := range f.Events {
		if !e.frames {
			head(1)
		}
		dst = append(dst, byte(f.Events[i].Op))
		dst = binary.AppendUvarint(dst, uint64(len(f.Events[i].Row)))
		dst = append(dst, f.Events[i].Row...)
		if !e.frames {
			ends = append(ends, len(dst))
		}
	}
	if e.frames {
		ends = append(ends, len(dst))
	}
	return dst, ends
}

func unwire(b []byte) frame {
	f := frame{Kind: feed.FrameKind(b[0]).String(), Last: b[1] == 1, State: feed.State(b[2]).String()}
	b = b[3:]
	number := func() uint64 {
		v, n := binary.Uvarint(b)
		b = b[n:]
		return v
	}
	f.Time = number()
	for range number() {
		op := feed.Op(b[0])
		b = b[1:]
		n := number()
		f.Events = append(f.Events, event{Op: op.String(), Row: relation.Row(b[:n])})
		b = b[n:]
	}
	return f
}

// follower is a client that keeps what it is told and checks that it makes
// sense: no insert of a row that it holds, no update of one that it does not.
type follower struct {
	name   string
	where  *filter.Predicate
	enc    wire
	max    int
	wake   chan struct{}
	cursor *feed.Cursor
	rows   state
	fresh  bool
	reset  bool
	resets int
	events int
	seen   []frame // without their events
	keep   bool    // seen is wanted
	lasts  func(f frame) error
}

func newFollower(name string, where *filter.Predicate, frames bool) *follower {
	return &follower{name: name, where: where, enc: wire{frames: frames}, max: 100, wake: make(chan struct{}, 1)}
}

func (c *follower) open(f *feed.Feed) {
	c.rows, c.fresh, c.reset = state{}, true, false
	c.cursor = f.Subscribe(feed.Options{Where: c.where, Encoder: c.enc, MaxRows: c.max}, func() {
		select {
		case c.wake <- struct{}{}:
		default:
		}
	})
}

// pull pulls once. A one-row reader that is compacted opens again.
func (c *follower) pull(f *feed.Feed, limit int) (more bool, err error) {
	more, err = c.cursor.Pull(limit, func(b []byte) {
		if err == nil {
			err = c.take(unwire(b))
		}
	})
	if fe := (*feed.Error)(nil); errors.As(err, &fe) && fe.Code == feed.CodeResync && !c.enc.frames {
		c.resets++
		c.cursor.Close()
		c.open(f)
		return true, nil
	}
	return more, err
}

// drain pulls until there is nothing more.
func (c *follower) drain(t *testing.T, f *feed.Feed) {
	t.Helper()
	for more := true; more; {
		var err error
		if more, err = c.pull(f, 1<<20); err != nil {
			t.Fatal(err)
		}
	}
}

func (c *follower) take(f frame) error {
	c.events += len(f.Events)
	if c.enc.frames {
		if c.fresh && f.Kind != "SNAPSHOT" {
			return fmt.Errorf("%s: first frame is %s", c.name, f.Kind)
		}
		if len(f.Events) > c.max {
			return fmt.Errorf("%s: %d rows in a frame", c.name, len(f.Events))
		}
		if f.Kind == "RESET" && !c.reset {
			c.rows, c.reset = state{}, true
			c.resets++
		}
	}
	c.fresh = false
	for _, ev := range f.Events {
		key := ev.Row.Text(0)
		if _, ok := c.rows[key]; ok != (ev.Op != "INSERT") {
			return fmt.Errorf("%s: %s of key %s, which it holds: %v", c.name, ev.Op, key, ok)
		}
		if !c.where.Match(ev.Row) {
			return fmt.Errorf("%s: %s of %q, which is not in the view", c.name, ev.Op, ev.Row)
		}
		if ev.Op == "DELETE" {
			delete(c.rows, key)
		} else {
			c.rows[key] = ev.Row
		}
	}
	if c.keep {
		f.Events = nil
		c.seen = append(c.seen, f)
	}
	if f.Last && c.enc.frames {
		c.reset = false
		if c.lasts != nil {
			return c.lasts(f)
		}
	}
	return nil
}

func (c *follower) want(rows state) state {
	out := maps.Clone(rows)
	maps.DeleteFunc(out, func(_ string, r relation.Row) bool { return !c.where.Match(r) })
	return out
}

// converge pulls until the follower has come to rest with exactly rows. It
// pulls only when it was woken, so that a lost wake-up fails.
func (c *follower) converge(f *feed.Feed, rows state) error {
	want := c.want(rows)
	for {
		more, err := c.pull(f, 1<<30)
		if err != nil {
			return err
		}
		if more {
			continue
		}
		if c.cursor.Joined() && maps.Equal(c.rows, want) {
			return nil
		}
		select {
		case <-c.wake:
		case <-time.After(time.Minute):
			return fmt.Errorf("%s: rests with %d rows, want %d, and is not woken", c.name, len(c.rows), len(want))
		}
	}
}

// world writes random times into a feed and remembers every state.
type world struct {
	rng     *rand.Rand
	feed    *feed.Feed
	keys    int
	rows    state
	time    uint64
	history sync.Map // time -> state
	pulled  chan struct{}
}

func newWorld(seed uint64, keys int, cfg feed.Config) *world {
	return &world{
		rng: rand.New(rand.NewPCG(seed, 9)), feed: feed.New(schema(), cfg), keys: keys, rows: state{},
		pulled: make(chan struct{}, 1),
	}
}

func (w *world) row(key string) relation.Row {
	return relation.Texts(key, strconv.Itoa(w.rng.IntN(3)), strconv.Itoa(w.rng.IntN(40)))
}

// batch makes one upstream time of n changes.
func (w *world) batch(n int) relation.Batch {
	w.time++
	b := relation.Batch{Time: w.time}
	for range n {
		key := strconv.Itoa(w.rng.IntN(w.keys))
		old, live := w.rows[key]
		row := w.row(key)
		switch {
		case live && w.rng.IntN(4) == 0:
			b.Changes = append(b.Changes, relation.Change{Op: relation.Delete, Old: old})
			delete(w.rows, key)
			continue
		case live:
			b.Changes = append(b.Changes, relation.Change{Op: relation.Update, Old: old, New: row})
		default:
			b.Changes = append(b.Changes, relation.Change{Op: relation.Insert, New: row})
		}
		w.rows[key] = row
	}
	w.history.Store(w.time, maps.Clone(w.rows))
	return b
}

func (w *world) apply(batches ...relation.Batch) error {
	return w.feed.Apply(batches, relation.Frontier{Time: w.time})
}

// snapshot commits the rows as they are, after some changes, as a snapshot.
func (w *world) snapshot(changes int) error {
	w.batch(changes)
	for _, r := range w.rows {
		if err := w.feed.Load([]relation.Row{r}); err != nil {
			return err
		}
	}
	return w.feed.Commit(relation.Frontier{Time: w.time})
}

// run does n steps, now and then at the pace of the readers.
func (w *world) run(n int) error {
	for range n {
		var err error
		if w.rng.IntN(3) > 0 {
			select {
			case <-w.pulled:
			case <-time.After(time.Second): // the readers failed
			}
		}
		switch w.rng.IntN(40) {
		case 0:
			err = w.snapshot(w.rng.IntN(60))
		case 1:
			w.feed.SetState(feed.Stale, "upstream is away")
		case 2:
			w.feed.SetState(feed.Starting, "")
		default:
			var batches []relation.Batch
			for range 1 + w.rng.IntN(3) {
				batches = append(batches, w.batch(w.rng.IntN(12)))
			}
			err = w.apply(batches...)
		}
		if err != nil {
			return err
		}
		if w.rng.IntN(8) == 0 {
			w.feed.SetState(feed.Live, "")
		}
	}
	w.feed.SetState(feed.Live, "")
	return nil
}

// consistent checks a frame that says last: true against the state of its time.
func (w *world) consistent(c *follower) func(frame) error {
	return func(f frame) error {
		rows, ok := w.history.Load(f.Time)
		if !ok {
			return fmt.Errorf("%s: a frame of time %d, which never was", c.name, f.Time)
		}
		if want := c.want(rows.(state)); !maps.Equal(c.rows, want) {
			return fmt.Errorf("%s: at time %d it holds %d rows and should hold %d", c.name, f.Time, len(c.rows), len(want))
		}
		return nil
	}
}

// reader pulls with random limits, and now and then opens again with another
// filter, until the world stops; then it must converge.
func (w *world) read(t *testing.T, i int, stop <-chan struct{}) error {
	t.Helper()
	rng := rand.New(rand.NewPCG(uint64(i), 3))
	c := newFollower(fmt.Sprint("reader ", i), filter.All(), i%2 == 0)
	again := func() {
		if rng.IntN(4) > 0 {
			c.where = where(t, rng.IntN(30))
		}
		c.max = 1 + rng.IntN(40)
		c.lasts = w.consistent(c)
		c.open(w.feed)
	}
	again()
	defer func() { c.cursor.Close() }()
	for {
		select {
		case <-stop:
			return c.converge(w.feed, w.rows)
		case <-c.wake:
		}
		for more := true; more; {
			var err error
			if more, err = c.pull(w.feed, 1+rng.IntN(4000)); err != nil {
				return err
			}
			select {
			case w.pulled <- struct{}{}:
			default:
			}
			if rng.IntN(30) == 0 {
				c.cursor.Close()
				again()
			}
			if rng.IntN(20) == 0 {
				break // slow: it leaves the rest until it is woken by chance
			}
		}
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
}

// TestConcurrentReaders lets readers come and go, with views that are being
// built and dropped, while one goroutine writes. At rest all are equal to the
// reference.
func TestConcurrentReaders(t *testing.T) {
	t.Parallel()
	w := newWorld(1, 120, feed.Config{
		RingChunks: 8, RingBytes: 20_000, MaxGraves: 40,
		Heartbeat: 10 * time.Millisecond, Linger: time.Millisecond,
	})
	w.history.Store(uint64(0), state{})
	stop := make(chan struct{})
	failures := make(chan error, 17)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			if err := w.read(t, i, stop); err != nil {
				failures <- err
			}
		})
	}
	if err := w.snapshot(100); err != nil {
		t.Fatal(err)
	}
	w.feed.SetState(feed.Live, "")
	if err := w.run(300); err != nil {
		failures <- err
	}
	close(stop)
	wg.Wait()
	w.feed.Close()
	close(failures)
	for err := range failures {
		t.Error(err)
	}
	if n, _ := w.feed.Demand(); n != 0 {
		t.Errorf("demand %d after every cursor is closed", n)
	}
}
