package feed

import (
	"sync"
	"sync/atomic"
	"time"

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
	armed  atomic.Uint32 // what wakes it: asleep, news or beats
	closed atomic.Bool
	opened int64 // Now's clock

	at atomic.Pointer[chunk] // the newest chunk read, once joined

	mu       sync.Mutex // guards all below; held by Pull
	mode     mode
	out      *messages         // being handed out
	next     int               // the next of them
	beat     uint64            // the view's beat that a waiting frame reader was told of
	hello    uint64            // its value before the reader was told anything
	set      *set              // snapping: what is told
	part     int               // its next portion
	resume   Position          // waiting: where the reader was
	resumed  time.Time         // when the reader was told RESUMED; zero: it was not
	deadline time.Time         // until when to wait for the time of resume; zero: not set
	border   relation.Frontier // up to where it was told
	epoch    uint64            // of border
	caught   int               // events told since it fell behind
	seen     uint64            // row changes of the view up to where it was told
	received int64
	tally    tally
	pace     pace

	// lagging and reader change only while the feed's lock is held for
	// reading, so that purge, which holds it for writing, may look at them.
	lagging bool
	reader  table.Reader
}

// What wakes a cursor.
const (
	awake uint32 = iota // nothing: Pull goes on by itself
	news                // anything
	beats               // proofs of life and changes of state; news wait for the rate
)

// mode is what a cursor does next.
type mode uint8

const (
	waiting  mode = iota // for the source's first snapshot, the view's rows, or the time it resumes from
	snapping             // tells a set
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
	rows := o.MaxRows
	if !o.Encoder.Frames() {
		rows = portion
	}
	v := f.view(o.Where)
	o.Where = v.where // one for all readers, 230 bytes each at least
	c := &Cursor{opts: o, view: v, plan: v.plan(o.Encoder, rows), wakeFn: wake, resume: o.Resume, opened: Now()}
	c.pace.period = period(o.MaxRate)
	c.hello = v.beats.Load() - 1
	c.beat = c.hello
	c.armed.Store(news)
	v.add(c)
	f.readers.Add(1)
	f.demand.add(1)
	c.signal(false)
	return c
}

// Close ends the cursor; Pull returns nothing from then on.
func (c *Cursor) Close() {
	if c.closed.Swap(true) {
		return
	}
	c.view.remove(c)
	c.view.f.readers.Add(-1)
	c.view.f.futures.drop(c)
	c.pace.stop()
	c.view.f.demand.add(-1)
}

// Received returns when the newest change that the last Pull handed out came
// from upstream, in nanoseconds of Now's clock, and 0 if it handed out none that
// is live. It belongs to the goroutine that pulls.
func (c *Cursor) Received() int64 { return c.received }

func (c *Cursor) signal(beat bool) {
	if c.armed.CompareAndSwap(news, awake) || beat && c.armed.CompareAndSwap(beats, awake) {
		c.wakeFn()
	}
}

// due wakes the cursor because its time has come.
func (c *Cursor) due() {
	if !c.closed.Load() {
		c.signal(true)
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
	defer c.tally.flush(c.view.f)
	c.received = 0
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
		c.armed.Store(c.pace.wakes)
		if found, err = c.refill(); err != nil {
			return false, c.unlessClosed(err)
		}
		if !found {
			return false, nil
		}
		c.armed.Store(awake)
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
	c.pace.wakes = news
	if c.view.f.closed() {
		return false, errClosed
	}
	switch c.mode {
	case waiting:
		return c.join()
	case snapping:
		return c.snap(), nil
	case live:
	}
	if c.lagging {
		return true, c.catchUp()
	}
	beat := c.view.beats.Load() // before the chunk, which may be told of it
	at := c.at.Load()
	ch := at.next.Load()
	if ch == nil && !at.evicted.Load() {
		return false, nil
	}
	if c.pace.period > 0 {
		if ch != nil && ch.received != 0 && ch.next.Load() != nil {
			ch = nil // several times: what is told is their difference
		}
		if !c.paced(ch) {
			return c.alive(beat), nil
		}
		c.beat = beat
	}
	if ch != nil {
		if m := ch.messages(c.plan); m != nil {
			c.follow(ch, m)
			return true, nil
		}
		// ch was emptied meanwhile, and at evicted before it.
	}
	return true, c.catchUp()
}

// follow goes on to the ring's next chunk.
func (c *Cursor) follow(ch *chunk, m *messages) {
	c.at.Store(ch)
	c.border, c.epoch, c.seen = ch.border, ch.epoch, ch.total
	c.received = max(c.received, ch.received)
	c.send(m)
}

// send hands messages out next.
func (c *Cursor) send(m *messages) {
	c.out, c.next = m, 0
	c.tally.add(m)
}

// join puts the cursor at the head of the view once there is one, with the
// events to tell first. Until then a frame reader is told the state.
func (c *Cursor) join() (bool, error) {
	f, v := c.view.f, c.view
	f.mu.RLock()
	defer f.mu.RUnlock()
	if !f.ready || !v.ready.Load() || c.early() {
		return c.await(), nil
	}
	kind := Snapshot
	if !c.resume.IsZero() {
		kind = Reset
		if f.reach(c.resume) == within {
			kind = Resumed
		} else if c.opts.SkipSnapshot {
			f.countResume(false, nil)
			return false, &Error{CodeResync, "the history behind this cursor is gone: subscribe again without it, and with a snapshot"}
		}
		f.countResume(kind == Resumed, nil)
		f.futures.drop(c)
	}
	switch {
	case kind == Resumed:
		c.resumed = time.Now()
		c.begin(v.differenceSet(c.resume, c.border.Time))
	case c.opts.SkipSnapshot:
		c.begin(v.newSet(kind))
	default:
		c.begin(v.snapshotSet(kind, c.border.Time))
	}
	return true, nil
}

// early reports whether the position to resume from is ahead of the feed, and
// worth waiting for. The feed's lock is held.
func (c *Cursor) early() bool {
	f := c.view.f
	if c.resume.IsZero() || f.reach(c.resume) != ahead {
		return false
	}
	now := time.Now()
	if c.deadline.IsZero() {
		c.deadline = now.Add(f.cfg.ResumeWait)
		c.pace.wake(f.cfg.ResumeWait, c.due)
	}
	if !now.Before(c.deadline) {
		return false
	}
	f.futures.put(c, c.resume.token.time, c.due)
	if c.closed.Load() { // Close may have dropped it before
		f.futures.drop(c)
	}
	return true
}

// await tells a waiting frame reader the state, if it has not heard of it. One
// that waits for its view alone, or for its time, hears of it with the first
// rows, or of the next beat. The feed's lock is held.
func (c *Cursor) await() bool {
	f := c.view.f
	beat := c.view.beats.Load()
	if !c.plan.frames || beat == c.beat {
		return false
	}
	fresh := c.beat == c.hello
	c.beat = beat
	if f.ready && fresh {
		return false
	}
	kind := Snapshot
	if !c.resume.IsZero() {
		kind = Resumed // it says nothing yet; RESET may follow
	}
	head := f.table.Head()
	c.border = head.Frontier
	c.send(c.plan.encode(&Frame{Kind: kind, From: c.resume.text, Time: head.Time, Wall: head.Wall, State: f.state}))
	return true
}

// begin has the cursor tell a set and go on behind it. The feed's lock is held.
func (c *Cursor) begin(s *set) {
	c.set, c.part, c.mode = s, 0, snapping
	c.at.Store(s.at)
	c.border, c.epoch, c.seen = s.border.Frontier, s.epoch, s.at.total
	c.lagging, c.caught, c.beat = false, 0, c.view.beats.Load()
}

// snap tells the next portion of the set, once there is one.
func (c *Cursor) snap() bool {
	s := c.set
	if !s.ready() {
		return false
	}
	m := s.messages(c.plan, c.part)
	c.send(m)
	if s.kind == LiveFrame {
		c.received = max(c.received, s.at.received)
	}
	if c.part++; c.part < s.portions(c.plan) {
		return true
	}
	c.mode, c.set = live, nil
	if s.kind != LiveFrame {
		c.view.f.snapshots.Observe(time.Duration(Now() - c.opened))
	}
	return true
}

// wholeRows is up to how many entries a reader that is behind is told of as
// they stand at one time, collected in one go under the feed's lock: a
// millisecond or two. Beyond that rows are told as they stand when their turn
// comes, and are of one time again when the reader has come to the head.
const wholeRows = 16 * scanRows

// catchUp goes on with the conflated difference between the cursor's position and
// the head, or tells the next portion of it.
func (c *Cursor) catchUp() error {
	fr, err := c.collect()
	if fr != nil {
		c.send(c.plan.encode(fr)) // outside the feed's lock
	}
	return err
}

// collect finds what the cursor has missed: a set to begin with, or a frame to
// tell now; nil: none.
func (c *Cursor) collect() (*Frame, error) {
	f, v := c.view.f, c.view
	f.mu.RLock()
	defer f.mu.RUnlock()
	if !c.lagging {
		c.reader = table.NewReader(c.at.Load().until)
		// Another gateway was ahead, perhaps.
		c.reader.Unsure = !c.resumed.IsZero() && time.Since(c.resumed) < f.cfg.ResumeWait
		c.lagging = true
	}
	log := v.log()
	switch {
	case c.reader.Base() < log.Horizon():
		if !c.plan.frames || c.opts.SkipSnapshot {
			return nil, &Error{CodeResync, "this reader was too slow and the history it needs is gone: subscribe again"}
		}
		c.begin(v.snapshotSet(Reset, c.border.Time))
	case c.caught == 0 && c.reader.Entries(log) <= wholeRows:
		c.catchUpWith(v.missedSet(c.reader, c.border.Time))
	default:
		return c.catchUpSome(), nil
	}
	return nil, nil //nolint:nilnil // the set is told next
}

// catchUpWith goes on with a set of all that the cursor has missed. The feed's
// lock is held.
func (c *Cursor) catchUpWith(s *set) {
	c.caught += len(s.events)
	if missed := s.at.total - c.seen; missed > uint64(c.caught) { //nolint:gosec // not negative
		c.tally.conflated += missed - uint64(c.caught) //nolint:gosec // see above
	}
	// It is told as a set also when it is empty: what was lost with the ring may
	// have been a change of state.
	c.begin(s)
	if len(s.events) == 0 && !c.plan.frames {
		c.mode, c.set = live, nil
	}
}

// catchUpSome collects the next portion of what the cursor has missed, as it
// stands now, and returns it unless a set is the better way. The feed's lock is
// held.
func (c *Cursor) catchUpSome() *Frame {
	f, v := c.view.f, c.view
	events, done := v.scan(&c.reader, min(c.plan.rows, scanRows))
	if done {
		s := v.newSet(LiveFrame)
		s.events = events
		c.catchUpWith(s)
		return nil
	}
	c.caught += len(events)
	c.border = f.table.Head().Frontier
	if len(events) == 0 {
		return nil
	}
	fr := f.frame(events)
	fr.Last = false
	return &fr
}
