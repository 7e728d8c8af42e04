package feed

import (
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tycostream/tycostream/internal/filter"
	"github.com/tycostream/tycostream/internal/predindex"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/table"
)

// view is the rows that match a filter, shared by all readers with that
// filter.
type view struct {
	f     *Feed
	where *filter.Predicate
	hash  uint64

	turn  int                     // in Feed.byTurn
	entry *predindex.Entry[*view] // in the feed's index; nil: every row

	// Guarded by f.mu: written while it is held for writing, but for subset,
	// which a pass writes holding it for reading until ready.
	subset *table.Subset // nil: every row of the table
	pass   *pass         // that fills subset; nil: it waits for one
	first  *chunk        // oldest chunk of the ring
	tail   *chunk        // newest; a cursor at the head stands on it
	bytes  int
	chunks int
	total  uint64    // row changes that the view has seen
	beaten time.Time // when the last frame was published

	present      collected // of the time being applied
	pending      []*chunk  // of the times being applied
	pendingBytes int
	purges       purges // of the subset

	ready    atomic.Bool // the subset is complete
	beats    atomic.Uint64
	snapshot atomic.Pointer[snapshot] // the rows, as long as they have not changed
	sets     sets                     // snapshots and resumed differences
	missed   sets                     // what readers that are behind are told
	readers  atomic.Int64             // open cursors
	frames   atomic.Int64             // those that want empty frames

	mu      sync.Mutex // guards all below
	cursors map[*Cursor]struct{}
	plans   map[string]*plan
	idle    time.Time // since when there has been no cursor; zero: there is one
}

// collected is what one upstream time does to a view.
type collected struct {
	changes int
	events  []Event
	size    int
	lost    bool // nobody reads the view, or the events are too many for the ring
}

// snapshot is a view's rows.
type snapshot struct {
	rows []relation.Row
	used atomic.Bool // since the last tick
}

func newView(f *Feed, where *filter.Predicate, key string) *view {
	v := &view{
		f:       f,
		where:   where,
		hash:    hashText(key),
		cursors: make(map[*Cursor]struct{}),
		plans:   make(map[string]*plan),
		beaten:  time.Now(),
	}
	v.first = &chunk{}
	v.tail = v.first
	if where.IsAll() {
		v.ready.Store(true)
	} else {
		v.subset = table.NewSubset()
	}
	return v
}

func (v *view) log() *table.Log {
	if v.subset != nil {
		return v.subset.Log()
	}
	return v.f.table.Log()
}

// touch brings the view up to date with what one time does to one row: was and
// is say whether the row matched before, and matches now. It reports whether
// it is the first of that time. It holds f.mu.
func (v *view) touch(to *table.Touch, was, is bool) (first bool) {
	if v.subset != nil {
		if v.pass == nil || int(to.Slot) >= v.pass.built {
			return false
		}
		if is {
			v.subset.Put(to.Slot, to.Seq)
		} else {
			v.subset.Delete(to.Slot, to.Seq, to.Old)
		}
	}
	p := &v.present
	if p.changes++; p.changes == 1 {
		p.lost = v.readers.Load() == 0
	}
	if !p.lost {
		ev := changeEvent(to, was, is)
		p.events = append(p.events, ev)
		if p.size += eventOverhead + len(ev.Row) + len(ev.Old); p.size > v.f.ringBytes() {
			p.lost, p.events = true, nil
		}
	}
	return p.changes == 1
}

func changeEvent(to *table.Touch, was, is bool) Event {
	switch {
	case !was:
		return Event{Op: Insert, Row: to.New}
	case !is:
		return Event{Op: Delete, Row: to.Old}
	}
	return Event{Op: Update, Row: to.New, Old: to.Old}
}

// seal makes a chunk of what the time did, which was the first one behind from.
// It holds f.mu.
func (v *view) seal(from uint64) {
	p := v.present
	v.present = collected{}
	v.snapshot.Store(nil)
	v.total += uint64(p.changes) //nolint:gosec // not negative
	ch := newChunk(from, v.f.frame(p.events))
	ch.size, ch.received, ch.total = p.size, v.f.received, v.total
	if p.lost {
		ch.lose()
	}
	v.pend(ch)
}

// pend keeps ch until the times being applied are whole. Chunks that would push
// each other out of the ring are not kept: by then every reader is outside and
// takes what they say from the log. It holds f.mu.
func (v *view) pend(ch *chunk) {
	v.pendingBytes += ch.size
	if ch.lost || v.pendingBytes > v.f.ringBytes() || len(v.pending) >= v.f.cfg.RingChunks {
		if len(v.pending) > 0 {
			ch.from = v.pending[0].from
		}
		ch.lose()
		clear(v.pending)
		v.pending, v.pendingBytes = v.pending[:0], 0
	}
	v.pending = append(v.pending, ch)
}

// publish links the pending chunks into the ring, and drops the oldest that no
// longer fit. It holds f.mu.
func (v *view) publish() {
	for _, ch := range v.pending {
		v.link(ch)
	}
	clear(v.pending)
	v.pending, v.pendingBytes = v.pending[:0], 0
	if v.subset == nil {
		return // the table's own log: Feed.purge
	}
	log := v.subset.Log()
	if v.purges.due(log, v.f.cfg.MaxGraves) {
		v.subset.Purge(v.purges.horizon(log, v.oldest(v.f.table.Head().Seq)))
		v.purges.done(log)
	}
}

func (v *view) link(ch *chunk) {
	v.tail.until = ch.from
	if ch.lost { // readers take it from the log, in portions
		for v.first != v.tail {
			v.evict()
		}
		v.tail.evict()
		v.first, v.bytes, v.chunks = ch, 0, 0
	} else {
		v.tail.next.Store(ch)
		v.bytes += ch.size
		v.chunks++
	}
	v.tail = ch
	v.trim()
	if v.f.ready && v.ready.Load() { // otherwise all wait, and read no chunks
		v.beaten = time.Now()
	}
}

// trim drops the oldest chunks that do not fit. It holds f.mu.
func (v *view) trim() {
	for v.first != v.tail && (v.bytes > v.f.ringBytes() || v.chunks > v.f.cfg.RingChunks) {
		v.evict()
	}
}

// evict drops the oldest chunk. A cursor on it finds itself outside the ring.
func (v *view) evict() {
	old := v.first
	v.first = old.next.Load()
	// The bytes counted are those ahead of first: a cursor stands on first,
	// having read it, and nobody comes from old any more.
	v.bytes -= v.first.size
	v.chunks--
	old.evict()
	v.first.content.Store(nil)
}

// beat publishes an empty frame: a proof of life, or a change of state. It
// holds f.mu.
func (v *view) beat() {
	v.beats.Add(1)
	v.beaten = time.Now()
	if v.frames.Load() == 0 {
		return
	}
	head := v.f.table.Head()
	ch := newChunk(head.Seq, v.f.frame(nil))
	ch.total = v.total
	v.link(ch)
}

// collect returns the view's rows at the head, shared until one of them changes.
// It holds f.mu for reading.
func (v *view) collect() []relation.Row {
	if s := v.snapshot.Load(); s != nil {
		s.used.Store(true)
		return s.rows
	}
	rows := make([]relation.Row, 0, v.log().Alive())
	for _, id := range v.log().After(0) {
		slot := id
		if v.subset != nil {
			if !v.subset.Log().IsAlive(id) {
				continue
			}
			slot = v.subset.Slot(id)
		}
		if row, alive := v.f.table.Row(slot); alive {
			rows = append(rows, row)
		}
	}
	v.snapshot.Store(&snapshot{rows: rows})
	return rows
}

// snapshotSet is the set of the view's rows. f.mu is held for reading.
func (v *view) snapshotSet(kind FrameKind, least uint64) *set {
	name := ""
	if kind == Reset {
		name = "reset"
	}
	return v.sets.get(name, v, least, func() *set {
		s := v.newSet(kind)
		s.rows = v.collect()
		return s
	})
}

// differenceSet is the set of what a reader that was at p must be told. f.mu is
// held for reading.
func (v *view) differenceSet(p Position, least uint64) *set {
	return v.sets.get(p.text, v, least, func() *set {
		s := v.newSet(Resumed)
		var changes int
		s.from = p.text
		s.fill, changes = v.f.difference(v.where, p)
		if s.apart = changes > foldRows && !v.f.closed(); s.apart {
			v.f.wg.Go(func() {
				s.load()
				v.wake(true)
			})
		}
		return s
	})
}

// missedSet is the set of what a reader has missed; the log has it. f.mu is held
// for reading.
func (v *view) missedSet(r table.Reader, least uint64) *set {
	name := strconv.FormatUint(r.Base(), 10)
	if r.Unsure {
		name += " unsure"
	}
	return v.missed.get(name, v, least, func() *set {
		s := v.newSet(LiveFrame)
		s.events, _ = v.scan(&r, math.MaxInt)
		return s
	})
}

// scan collects what a reader must be told, and reports whether that is all.
// The log goes back to its base. f.mu is held for reading.
func (v *view) scan(r *table.Reader, limit int) (events []Event, done bool) {
	done, _ = r.Scan(v.log(), v.f.table.Head().Seq, limit, func(it table.Item) {
		if ev, ok := v.event(it); ok {
			events = append(events, ev)
		}
	})
	return events, done
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

// tidy forgets what was kept for readers that come together. It holds f.mu.
func (v *view) tidy() {
	v.trim()
	v.sets.sweep(false)
	v.missed.sweep(false)
	if s := v.snapshot.Load(); s != nil && !s.used.Swap(false) {
		v.snapshot.CompareAndSwap(s, nil)
	}
}

// oldest returns the oldest position that a reader of the view still needs, at
// most head. It holds f.mu.
func (v *view) oldest(head uint64) uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	for c := range v.cursors {
		head = min(head, c.base(head))
	}
	return head
}

// wake tells the view's cursors that there may be something to pull; beat says
// that it is news for those too that wait for their rate.
func (v *view) wake(beat bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for c := range v.cursors {
		c.signal(beat)
	}
}

func (v *view) add(c *Cursor) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.cursors[c] = struct{}{}
	v.idle = time.Time{}
	if c.opts.Encoder.Frames() {
		v.frames.Add(1)
	}
}

func (v *view) remove(c *Cursor) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.cursors, c)
	if c.opts.Encoder.Frames() {
		v.frames.Add(-1)
	}
	if c.plan.readers.Add(-1) == 0 {
		delete(v.plans, planKey(c.opts.Encoder, c.plan.rows))
	}
	if v.readers.Add(-1) == 0 {
		v.idle = time.Now()
	}
}

func (v *view) unusedSince(now time.Time, linger time.Duration) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.readers.Load() == 0 && !v.idle.IsZero() && now.Sub(v.idle) >= linger
}

// plan returns the view's shared form of an encoder for one more cursor, so
// that equal encoders share their bytes.
func (v *view) plan(e Encoder, frameRows int) *plan {
	v.mu.Lock()
	defer v.mu.Unlock()
	key := planKey(e, frameRows)
	p, ok := v.plans[key]
	if !ok {
		p = &plan{enc: e, frames: e.Frames(), rows: frameRows, hash: v.hash}
		v.plans[key] = p
	}
	p.readers.Add(1)
	return p
}
