package feed

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tycostream/tycostream/internal/filter"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/table"
)

// scanRows is how many rows a scan may visit under the feed's read lock: 1,000
// rows are a few microseconds, which ingest does not notice.
const scanRows = 1000

// view is the rows that match a filter, shared by all readers with that
// filter.
type view struct {
	f     *Feed
	where *filter.Predicate
	hash  uint64

	// Guarded by f.mu: written while it is held for writing, but for subset
	// and built, which build writes holding it for reading until ready.
	subset *table.Subset // nil: every row of the table
	built  int           // slots below it are in subset
	first  *chunk        // oldest chunk of the ring
	tail   *chunk        // newest; a cursor at the head stands on it
	bytes  int
	chunks int
	beaten time.Time // when the last frame was published

	pending      []*chunk // of the times being applied
	pendingBytes int
	purges       purges // of the subset

	ready    atomic.Bool // the subset is complete
	beats    atomic.Uint64
	snapshot atomic.Pointer[snapshot] // shared by readers that join at one border
	readers  atomic.Int64             // open cursors
	frames   atomic.Int64             // those that want empty frames

	mu      sync.Mutex // guards all below
	cursors map[*Cursor]struct{}
	plans   map[string]*plan
	idle    time.Time // since when there has been no cursor; zero: there is one
}

// snapshot is a view's rows at one border.
type snapshot struct {
	seq  uint64
	rows []relation.Row
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

// build fills the subset, a few rows under the lock at a time. Apply follows
// changes of slots below built and leaves the rest to come.
func (v *view) build() {
	for done := false; !done && !v.f.closed(); {
		v.f.mu.RLock()
		t := v.f.table
		head := t.Head().Seq
		end := min(v.built+scanRows, t.Slots())
		for slot := v.built; slot < end; slot++ {
			if row, alive := t.Row(uint32(slot)); alive && v.where.Match(row) { //nolint:gosec // slots are uint32
				v.subset.Put(uint32(slot), head) //nolint:gosec // see above
			}
		}
		v.built = end
		if done = end == t.Slots(); done {
			v.built = math.MaxInt
			v.ready.Store(true)
		}
		v.f.mu.RUnlock()
	}
	v.wake()
}

func (v *view) log() *table.Log {
	if v.subset != nil {
		return v.subset.Log()
	}
	return v.f.table.Log()
}

// follow brings the view up to date with one time's touches and returns the
// chunk for its ring, nil when nothing of the view changed. It holds f.mu.
func (v *view) follow(touches []table.Touch, from uint64) *chunk {
	var events []Event
	wanted, limit := v.readers.Load() > 0, v.f.ringBytes()
	changed, size := false, 0
	for i := range touches {
		to := &touches[i]
		before, after := to.Old, to.New
		if v.subset != nil {
			if int(to.Slot) >= v.built {
				continue
			}
			if !v.subset.Has(to.Slot) {
				before = ""
			}
			if after != "" && !v.where.Match(after) {
				after = ""
			}
			switch {
			case after != "":
				v.subset.Put(to.Slot, to.Seq)
			case before != "":
				v.subset.Delete(to.Slot, to.Seq, before)
			default:
				continue
			}
		}
		changed = true
		if !wanted {
			continue
		}
		ev := event(before, after)
		events = append(events, ev)
		if size += eventOverhead + len(ev.Row) + len(ev.Old); size > limit {
			wanted, events, size = false, nil, 0
		}
	}
	if !changed {
		return nil
	}
	v.snapshot.Store(nil)
	head := v.f.table.Head()
	ch := newChunk(from, Frame{
		Kind: LiveFrame, Events: events, Last: true, Time: head.Time, Wall: head.Wall, State: v.f.state, epoch: v.f.epoch,
	})
	if ch.size = size; !wanted {
		ch.lose()
	}
	return ch
}

func event(before, after relation.Row) Event {
	switch opOf(before, after) {
	case Insert:
		return Event{Op: Insert, Row: after}
	case Delete:
		return Event{Op: Delete, Row: before}
	case Update:
	}
	return Event{Op: Update, Row: after, Old: before}
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
	head := v.f.table.Head()
	v.beats.Add(1)
	v.beaten = time.Now()
	if v.frames.Load() == 0 {
		return
	}
	v.link(newChunk(head.Seq, Frame{
		Kind: LiveFrame, Last: true, Time: head.Time, Wall: head.Wall, State: v.f.state, epoch: v.f.epoch,
	}))
}

// collect returns the view's rows at the head, shared with other readers that
// join at the same border. It holds f.mu for reading.
func (v *view) collect() []relation.Row {
	t := v.f.table
	if s := v.snapshot.Load(); s != nil {
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
		if row, alive := t.Row(slot); alive {
			rows = append(rows, row)
		}
	}
	v.snapshot.Store(&snapshot{t.Head().Seq, rows})
	return rows
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

// wake tells the view's cursors that there may be something to pull.
func (v *view) wake() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for c := range v.cursors {
		c.signal()
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
		delete(v.plans, planKey(c.opts.Encoder, c.opts.MaxRows))
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
