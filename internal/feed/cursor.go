package feed

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/tycostream/tycostream/internal/filter"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/table"
)

var errClosed = &Error{CodeClosed, "the source was closed: subscribe again"}

// portion is how many rows a reader that is not live encodes at a time when
// each is a message of its own: about 64 KiB.
const portion = 256

// Options say what a cursor reads.
type Options struct {
	Where        *filter.Predicate // nil: every row
	Encoder      Encoder
	SkipSnapshot bool // changes from now on only
	MaxRows      int  // rows per frame, up to the feed's bound; 0: its default

	// MaxRate is how many times a second the reader wants to be told, each time
	// the whole difference; 0: as changes come.
	MaxRate float64

	// Resume is where the reader was. It is told RESUMED and the difference, or
	// RESET and the rows anew; with SkipSnapshot the error CodeResync instead.
	Resume Position
}

// Cursor is a reader's position in a view. See the package for its
// concurrency.
type Cursor struct {
	opts   Options
	view   *view
	plan   *plan
	wakeFn func()
	armed  atomic.Bool // Pull found nothing; the next signal wakes
	closed atomic.Bool

	at atomic.Pointer[chunk] // the newest chunk read, once joined

	mu   sync.Mutex // guards all below; held by Pull
	mode mode
	out  *messages // being handed out
	next int       // the next of them
	beat uint64    // the view's beat that a waiting frame reader was told of

	rows   []relation.Row // snapshot: those still to send
	border table.Border   // where they stand
	epoch  uint64         // of border
	kind   FrameKind      // of the snapshot's frames

	// lagging and reader change only while the feed's lock is held for
	// reading, so that purge, which holds it for writing, may look at them.
	lagging bool
	reader  table.Reader
}

// mode is what a cursor does next.
type mode uint8

const (
	waiting  mode = iota // for the source's first snapshot, or the view's rows
	snapping             // sends a snapshot
	live                 // follows the ring, or catches up from the log when lagging
)

// Subscribe opens a cursor. wake is called, possibly with locks held, when a
// Pull that returned false may find something again; it is called at once for
// a new cursor. Close the cursor.
func (f *Feed) Subscribe(o Options, wake func()) *Cursor {
	if o.Where == nil {
		o.Where = filter.All()
	}
	if o.MaxRows <= 0 {
		o.MaxRows = f.cfg.FrameRows
	}
	o.MaxRows = min(o.MaxRows, f.cfg.MaxFrameRows)
	v := f.view(o.Where)
	c := &Cursor{opts: o, view: v, plan: v.plan(o.Encoder, o.MaxRows), wakeFn: wake, kind: Snapshot}
	c.beat = v.beats.Load() - 1
	c.armed.Store(true)
	v.add(c)
	f.demand.add(1)
	c.signal()
	return c
}

// Close ends the cursor; Pull returns nothing from then on.
func (c *Cursor) Close() {
	if !c.closed.Swap(true) {
		c.view.remove(c)
		c.view.f.demand.add(-1)
	}
}

// Received returns when the newest change that Pull handed out came from
// upstream, in nanoseconds of Now's clock, and 0 if the last Pull handed out
// none that is live. It belongs to the goroutine that pulls.
func (c *Cursor) Received() int64 { return 0 }

func (c *Cursor) signal() {
	if c.armed.CompareAndSwap(true, false) {
		c.wakeFn()
	}
}

// base returns the position behind which the cursor needs the log. The feed's
// lock is held for writing.
func (c *Cursor) base(head uint64) uint64 {
	if c.lagging {
		return c.reader.Base()
	}
	at := c.at.Load()
	if at == nil || at.next.Load() == nil && !at.evicted.Load() {
		return head
	}
	return at.until
}

// Pull hands whole messages to emit until limit bytes are passed or nothing is
// left, and reports whether there may be more. After false, wake is called
// when there is. Messages are immutable and may be kept. An error, an *Error,
// ends the subscription.
func (c *Cursor) Pull(limit int, emit func(message []byte)) (more bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for sent := 0; ; {
		if c.closed.Load() {
			return false, nil
		}
		for c.out != nil && c.next < len(c.out.ends) {
			if sent >= limit {
				return true, nil
			}
			m := c.out.message(c.next)
			c.next++
			sent += len(m)
			emit(m)
		}
		c.out = nil
		if sent >= limit {
			return true, nil // without a portion ahead, which would grow old
		}
		found, err := c.refill()
		if err != nil {
			return false, c.unlessClosed(err)
		}
		if found {
			continue
		}
		// Arm first and look again, or a change in between wakes nobody.
		c.armed.Store(true)
		if found, err = c.refill(); err != nil {
			return false, c.unlessClosed(err)
		}
		if !found {
			return false, nil
		}
		c.armed.Store(false)
	}
}

// unlessClosed drops an error that the cursor's own end may have caused: a
// purge does not wait for closed cursors.
func (c *Cursor) unlessClosed(err error) error {
	if c.closed.Load() {
		return nil
	}
	return err
}

// refill gets the next messages and reports whether it got any, or may get
// some when called again.
func (c *Cursor) refill() (bool, error) {
	if c.view.f.closed() {
		return false, errClosed
	}
	switch c.mode {
	case waiting:
		return c.join(), nil
	case snapping:
		c.snap()
		return true, nil
	case live:
	}
	if !c.lagging {
		at := c.at.Load()
		if ch := at.next.Load(); ch != nil {
			if m := ch.messages(c.plan); m != nil {
				c.at.Store(ch)
				c.send(m)
				return true, nil
			}
			// ch was emptied meanwhile, and at evicted before it.
		}
		if !at.evicted.Load() {
			return false, nil
		}
	}
	return true, c.catchUp()
}

func (c *Cursor) send(m *messages) {
	c.out, c.next = m, 0
}

// join puts the cursor at the head of the view once there is one, with the
// rows to send first. Until then a frame reader is told the state.
func (c *Cursor) join() bool {
	f, v := c.view.f, c.view
	f.mu.RLock()
	defer f.mu.RUnlock()
	if !f.ready || !v.ready.Load() {
		beat := v.beats.Load()
		if !c.plan.frames || beat == c.beat {
			return false
		}
		c.beat = beat
		head := f.table.Head()
		c.send(c.plan.encode(&Frame{Kind: c.kind, Time: head.Time, Wall: head.Wall, State: f.state}))
		return true
	}
	if !c.opts.SkipSnapshot {
		c.rows = v.collect()
	}
	c.enter()
	c.mode = snapping
	return true
}

// enter puts the cursor at the head. The feed's lock is held.
func (c *Cursor) enter() {
	c.border, c.epoch = c.view.f.table.Head(), c.view.f.epoch
	c.at.Store(c.view.tail)
	c.lagging = false
}

// snap sends the next portion of the snapshot.
func (c *Cursor) snap() {
	n := min(len(c.rows), portion)
	if c.plan.frames {
		n = min(len(c.rows), c.opts.MaxRows)
	}
	part := c.rows[:n]
	c.rows = c.rows[n:]
	last := len(c.rows) == 0
	c.send(c.plan.encode(&Frame{
		Kind: c.kind, Events: inserts(part), Last: last,
		Time: c.border.Time, Wall: c.border.Wall, State: c.view.f.stateNow(), epoch: c.epoch,
	}))
	if last {
		c.mode, c.rows = live, nil
	}
}

// catchUp sends the next portion of the conflated difference between the
// cursor's position and the head.
func (c *Cursor) catchUp() error {
	f, v := c.view.f, c.view
	limit := portion
	if c.plan.frames {
		limit = min(c.opts.MaxRows, scanRows)
	}
	f.mu.RLock()
	if !c.lagging {
		c.lagging, c.reader = true, table.NewReader(c.at.Load().until)
	}
	var events []Event
	head := f.table.Head()
	done, err := c.reader.Scan(v.log(), head.Seq, limit, func(it table.Item) {
		if ev, ok := v.event(it); ok {
			events = append(events, ev)
		}
	})
	if errors.Is(err, table.ErrCompacted) && c.plan.frames {
		c.rows, c.kind, c.mode = v.collect(), Reset, snapping
		c.enter()
		f.mu.RUnlock()
		return nil
	}
	if done {
		c.enter()
	}
	state, epoch := f.state, f.epoch
	f.mu.RUnlock()
	if err != nil {
		return &Error{CodeResync, "this reader was too slow and the history it needs is gone: subscribe again"}
	}
	// At the head a frame goes out even when it is empty: what was lost with the
	// ring may have been a change of state.
	if len(events) > 0 || done && c.plan.frames {
		c.send(c.plan.encode(&Frame{
			Kind: LiveFrame, Events: events, Last: done, Time: head.Time, Wall: head.Wall, State: state, epoch: epoch,
		}))
	}
	return nil
}

// event says what a reader must be told of an item, false when nothing. The
// feed's lock is held.
func (v *view) event(it table.Item) (Event, bool) {
	slot := it.ID
	if v.subset != nil {
		slot = v.subset.Slot(it.ID)
	}
	if !it.Alive {
		if v.subset != nil {
			return Event{Op: Delete, Row: v.subset.Last(it.ID)}, true
		}
		row, _ := v.f.table.Row(slot)
		return Event{Op: Delete, Row: row}, true
	}
	row, _ := v.f.table.Row(slot)
	if !it.Known {
		return Event{Op: Insert, Row: row}, true
	}
	set := v.f.table.Changed(slot, it.Since, relation.NewColumnSet(len(v.f.schema.Columns)))
	return Event{Op: Update, Row: row, Changed: set}, !set.Empty()
}
