package feed

import (
	"cmp"
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tycostream/tycostream/internal/filter"
	"github.com/tycostream/tycostream/internal/histogram"
	"github.com/tycostream/tycostream/internal/predindex"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/table"
)

// Config holds a feed's limits. The zero value means the defaults.
type Config struct {
	RingBytes    int           // encoded-size estimate of a view's ring: 4 MiB
	RingTotal    int           // RingBytes of all views together, but for 32 KiB each: 256 MiB
	RingChunks   int           // upstream times in a view's ring: 1024
	MaxGraves    int           // tombstones kept for readers that are behind: 100,000, or the rows if more
	FrameRows    int           // rows per frame when the reader does not say: 1000
	MaxFrameRows int           // and at most: 10,000
	Heartbeat    time.Duration // an empty frame after this long without one: 5 s
	QueryWait    time.Duration // how long a query waits for the first snapshot: 5 s
	Linger       time.Duration // how long a view without readers is kept: 10 s
	UndoBytes    int           // of the undo log, from which readers resume: 64 MiB
	UndoAge      time.Duration // and how far back it reaches at most: 5 min
	ResumeWait   time.Duration // how long to wait for a position ahead of this feed: 5 s
	SharedBytes  int           // encoded snapshots kept for readers that join together: 64 MiB
}

func (c Config) withDefaults() Config {
	return Config{
		RingBytes:    cmp.Or(c.RingBytes, 4<<20),
		RingTotal:    cmp.Or(c.RingTotal, 256<<20),
		RingChunks:   cmp.Or(c.RingChunks, 1024),
		MaxGraves:    cmp.Or(c.MaxGraves, 100_000),
		FrameRows:    cmp.Or(c.FrameRows, 1000),
		MaxFrameRows: cmp.Or(c.MaxFrameRows, 10_000),
		Heartbeat:    cmp.Or(c.Heartbeat, 5*time.Second),
		QueryWait:    cmp.Or(c.QueryWait, 5*time.Second),
		Linger:       cmp.Or(c.Linger, 10*time.Second),
		UndoBytes:    cmp.Or(c.UndoBytes, 64<<20),
		UndoAge:      cmp.Or(c.UndoAge, 5*time.Minute),
		ResumeWait:   cmp.Or(c.ResumeWait, 5*time.Second),
		SharedBytes:  cmp.Or(c.SharedBytes, 64<<20),
	}
}

// minRing is what each view's ring may hold, however many views there are.
const minRing = 32 << 10

// ringBytes returns what each view's ring may hold now. It holds mu.
func (f *Feed) ringBytes() int {
	return min(f.cfg.RingBytes, max(minRing, f.cfg.RingTotal/max(1, len(f.views))))
}

// Error ends a subscription or refuses a query. Code is the GraphQL error's
// extensions.code; Text says what happened and what to do.
type Error struct{ Code, Text string }

func (e *Error) Error() string { return e.Text }

// The codes of Error.
const (
	CodeNotReady = "SOURCE_NOT_READY" // no snapshot yet
	CodeResync   = "RESYNC_REQUIRED"  // history that the reader needs is gone
	CodeClosed   = "SOURCE_CLOSED"    // the gateway is shutting down, or the source was taken away
)

// Feed serves one source's rows. See the package for its concurrency.
type Feed struct {
	schema *relation.Schema
	cfg    Config
	staged []relation.Row // by Load, for Commit; the writer's own

	mu        sync.RWMutex // guards all below; held for reading by cursors that scan
	table     *table.Table
	undo      *table.UndoLog
	views     map[string]*view        // by canonical filter
	byTurn    [turns]map[string]*view // the same, in parts that tick looks at in turn
	turn      int
	created   int                     // views so far
	every     *view                   // that of all rows; nil: there is none
	index     *predindex.Index[*view] // of the others
	waiting   []*view                 // new views that no pass fills yet
	building  bool                    // the goroutine that makes passes runs
	present   *table.Touch            // what visit is called about
	touched   []*view                 // by the time being applied
	dirty     []*view                 // by the times being applied: views with pending chunks
	received  int64                   // when they came, of Now's clock
	purges    purges
	committed bool
	state     State
	reason    string
	epoch     uint64        // of cursors
	nextEpoch uint64        // from the next Commit on
	ready     bool          // committed, and not STARTING again
	readyCh   chan struct{} // closed when ready turns true, replaced when it turns false

	demand    demand
	futures   futures
	followers followers

	counts          [len(opNames)]atomic.Uint64 // row changes by Op; 0 unused
	sent            [len(opNames)]atomic.Uint64 // those handed to readers
	newest          atomic.Int64                // wall clock of the newest change, Unix microseconds
	readers         atomic.Int64                // open cursors
	conflated       atomic.Uint64
	resumes, resets atomic.Uint64
	evaluations     atomic.Uint64 // of predicates, for new views
	sharedBytes     atomic.Int64  // of encoded sets that are kept
	snapshots       histogram.Histogram

	stop chan struct{}
	wg   sync.WaitGroup
	once sync.Once
}

// New returns a feed without rows, in state STARTING. Close it.
func New(schema *relation.Schema, cfg Config) *Feed {
	cfg = cfg.withDefaults()
	f := &Feed{
		schema:  schema,
		cfg:     cfg,
		table:   table.New(schema),
		undo:    table.NewUndoLog(cfg.UndoBytes, int64(cfg.UndoAge)),
		views:   make(map[string]*view),
		index:   predindex.New[*view](schema),
		readyCh: make(chan struct{}),
		stop:    make(chan struct{}),
	}
	for i := range f.byTurn {
		f.byTurn[i] = make(map[string]*view)
	}
	f.demand.changed = make(chan struct{})
	f.wg.Go(f.tick)
	return f
}

// Schema returns the shape of the rows.
func (f *Feed) Schema() *relation.Schema { return f.schema }

// Close ends every subscription with CodeClosed and the feed's goroutines.
func (f *Feed) Close() {
	f.once.Do(func() {
		f.mu.Lock() // no view begins to build behind the Wait
		defer f.mu.Unlock()
		close(f.stop)
	})
	f.wg.Wait()
	f.followers.wake()
	f.mu.RLock()
	defer f.mu.RUnlock()
	for _, v := range f.views {
		v.wake(true)
	}
}

func (f *Feed) closed() bool {
	select {
	case <-f.stop:
		return true
	default:
		return false
	}
}

// Load stages rows of a new snapshot, and keeps the slice. They stay invisible
// until Commit.
func (f *Feed) Load(rows []relation.Row) error {
	if f.staged == nil {
		f.staged = rows
	} else {
		f.staged = append(f.staged, rows...)
	}
	return nil
}

// Staged returns how many rows Load has staged.
func (f *Feed) Staged() int { return len(f.staged) }

// Abort drops the staged rows.
func (f *Feed) Abort() { f.staged = nil }

// Commit makes the staged rows the source's whole content at fr. Readers get
// only what differs from before. A key that is staged twice gives a
// *table.ClaimError and changes nothing.
func (f *Feed) Commit(fr relation.Frontier) error {
	rows := f.staged
	f.staged = nil
	// Nobody else writes to the table, so that comparing a million rows, most
	// of a second, needs no lock and keeps no reader waiting.
	difference, err := f.table.Compare(rows)
	if err != nil {
		return err
	}
	f.mu.Lock()
	before := f.table.Head()
	touches, err := f.table.Settle(difference, fr)
	if err != nil {
		f.mu.Unlock()
		return err
	}
	f.received = Now()
	f.remember(fr, before, touches)
	f.committed, f.epoch = true, f.nextEpoch
	for _, v := range f.views {
		v.sets.sweep(true)
		v.missed.sweep(true)
	}
	f.spread(touches, before.Seq)
	f.finish()
	return nil
}

// remember begins the undo log anew with a snapshot, unless that changed nothing
// at the time that the rows stand at: what happened between the last time and
// the snapshot's only other gateways know, and a reader may hold any of it. A
// time that names other rows than before is of another epoch. It holds mu.
func (f *Feed) remember(fr relation.Frontier, before table.Border, touches []table.Touch) {
	if f.committed && f.epoch == f.nextEpoch && fr.Time == before.Time {
		if len(touches) == 0 {
			return
		}
		f.nextEpoch = rand.Uint64() //nolint:gosec // unique, not secret
	}
	f.undo.Begin(fr)
}

// Apply makes whole upstream times, in ascending order, visible together; fr
// is at or after the last of them. When a change's claim does not hold, the
// times before it are applied and a *table.ClaimError is returned.
func (f *Feed) Apply(batches []relation.Batch, fr relation.Frontier) error {
	f.mu.Lock()
	f.received = Now()
	for _, b := range batches {
		from := f.table.Head().Seq
		touches, err := f.table.Apply(b)
		if err != nil {
			f.finish()
			return err
		}
		f.undo.Add(f.table.Head().Frontier, touches, f.received)
		f.spread(touches, from)
	}
	f.table.Advance(fr)
	f.finish()
	return nil
}

// spread tells the views that are concerned of one time's touches. It holds mu.
func (f *Feed) spread(touches []table.Touch, from uint64) {
	if len(touches) == 0 {
		return
	}
	for i := range touches {
		to := &touches[i]
		f.counts[opOf(to.Old, to.New)].Add(1)
		f.present = to
		if f.every != nil {
			f.visit(f.every, to.Old != "", to.New != "")
		}
		f.index.Visit(to.Old, to.New, f.visit)
	}
	f.present = nil
	f.newest.Store(f.table.Head().Wall)
	for _, v := range f.touched {
		if len(v.pending) == 0 {
			f.dirty = append(f.dirty, v)
		}
		v.seal(from)
	}
	clear(f.touched)
	f.touched = f.touched[:0]
}

func (f *Feed) visit(v *view, was, is bool) {
	if v.touch(f.present, was, is) {
		f.touched = append(f.touched, v)
	}
}

// frame is a live frame at the head. It holds mu.
func (f *Feed) frame(events []Event) Frame {
	head := f.table.Head()
	return Frame{
		Kind: LiveFrame, Events: events, Last: true, Time: head.Time, Wall: head.Wall, State: f.state, epoch: f.epoch,
	}
}

func opOf(before, after relation.Row) Op {
	switch {
	case before == "":
		return Insert
	case after == "":
		return Delete
	}
	return Update
}

// finish publishes what spread collected, forgets tombstones that nobody
// needs, releases mu and wakes the readers.
func (f *Feed) finish() {
	for _, v := range f.dirty {
		v.publish()
	}
	f.purge()
	woken := f.dirty
	if f.refreshReady() {
		woken = slices.Collect(maps.Values(f.views))
	}
	now := f.table.Head().Time
	f.mu.Unlock()
	f.futures.come(now)
	f.followers.wake()
	for _, v := range woken {
		v.wake(false)
	}
	clear(f.dirty) // the writer's own; only spread and finish use it
	f.dirty = f.dirty[:0]
}

// purge forgets deaths that every reader of the table has been told of.
func (f *Feed) purge() {
	log := f.table.Log()
	if !f.purges.due(log, f.cfg.MaxGraves) {
		return
	}
	oldest := f.table.Head().Seq
	for _, v := range f.views {
		oldest = v.oldest(oldest)
	}
	if horizon := f.purges.horizon(log, oldest); horizon > log.Horizon() {
		for _, v := range f.views {
			if v.subset != nil {
				v.subset.Purge(horizon)
			}
		}
		f.table.Purge(horizon)
	}
	f.purges.done(log)
}

// purges decides when a log's deaths are worth a purge, and up to where. A
// purge looks at every reader, so one that brings little, because a slow
// reader needs nearly everything, is not tried again before there are a good
// deal more deaths.
type purges struct {
	limit int // deaths that are kept for slow readers
	again int // deaths below which to wait after the last purge
}

func (p *purges) due(log *table.Log, maxGraves int) bool {
	graves, alive := log.Graves(), log.Alive()
	p.limit = max(maxGraves, alive)
	return graves >= p.limit || graves >= max(256, alive/8, p.again)
}

// horizon returns up to where to purge. At the limit it goes past the oldest
// reader, who is then told that it is compacted.
func (p *purges) horizon(log *table.Log, oldest uint64) uint64 {
	if graves := log.Graves(); graves >= p.limit {
		return max(oldest, log.GraveAt(graves-1-p.limit/2))
	}
	return oldest
}

func (p *purges) done(log *table.Log) {
	p.again = log.Graves() + max(256, log.Graves()/4)
}

// SetState says how the source is doing; reason says why when it is not LIVE.
// Frame readers are told at once.
func (f *Feed) SetState(s State, reason string) {
	f.mu.Lock()
	if f.state == s && f.reason == reason {
		f.mu.Unlock()
		return
	}
	changed := f.state != s
	f.state, f.reason = s, reason
	f.refreshReady()
	var views []*view
	for _, v := range f.views {
		if changed {
			v.beat()
		}
		views = append(views, v)
	}
	f.mu.Unlock()
	f.followers.wake()
	for _, v := range views {
		v.wake(true)
	}
}

// SetEpoch sets the identity that cursors carry from the next Commit on: a
// cursor of another epoch cannot be continued.
func (f *Feed) SetEpoch(identity string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nextEpoch = hashText(identity + "\n" + shape(f.schema))
}

// refreshReady recomputes ready and reports whether it turned true. It holds mu.
func (f *Feed) refreshReady() bool {
	ready := f.committed && f.state != Starting
	if ready == f.ready {
		return false
	}
	f.ready = ready
	if ready {
		close(f.readyCh)
	} else {
		f.readyCh = make(chan struct{})
	}
	return ready
}

// looks is how many times per Heartbeat the feed looks at each view, and turns
// how many parts it takes them in, so that ten thousand do not hold the lock for
// long.
const (
	looks = 5
	turns = 8
)

// tick sends proofs of life and drops views that nobody reads.
func (f *Feed) tick() {
	t := time.NewTicker(f.cfg.Heartbeat / (looks * turns))
	defer t.Stop()
	for {
		select {
		case <-f.stop:
			return
		case now := <-t.C:
			f.beat(now)
		}
	}
}

func (f *Feed) beat(now time.Time) {
	f.mu.Lock()
	f.undo.Expire(Now())
	var views []*view
	f.turn = (f.turn + 1) % turns
	for key, v := range f.byTurn[f.turn] {
		if v.unusedSince(now, f.cfg.Linger) {
			f.drop(key, v)
			continue
		}
		v.tidy()
		// The next look would be too late for what is due before it.
		if v.frames.Load() > 0 && now.Sub(v.beaten) >= f.cfg.Heartbeat-f.cfg.Heartbeat/looks {
			v.beat()
			views = append(views, v)
		}
	}
	f.mu.Unlock()
	for _, v := range views {
		v.wake(true)
	}
}

// view returns the view of where, a new one if need be. A new view fills
// itself in the background.
func (f *Feed) view(where *filter.Predicate) *view {
	key := where.Canonical()
	f.mu.Lock()
	defer f.mu.Unlock()
	if v, ok := f.views[key]; ok {
		v.readers.Add(1) // under mu, so that the view is not dropped in between
		return v
	}
	v := newView(f, where, key)
	v.readers.Add(1)
	f.views[key] = v
	v.turn = f.created % turns
	f.created++
	f.byTurn[v.turn][key] = v
	if v.subset == nil {
		f.every = v
	} else {
		v.entry = f.index.Add(where, v)
		f.enqueue(v)
	}
	return v
}

// drop forgets a view. It holds mu.
func (f *Feed) drop(key string, v *view) {
	v.sets.close()
	v.missed.close()
	delete(f.views, key)
	delete(f.byTurn[v.turn], key)
	if v.entry != nil {
		f.index.Remove(v.entry)
	} else {
		f.every = nil
	}
}

// demand counts who needs the source, for sources that connect on demand.
type demand struct {
	mu      sync.Mutex
	n       int
	changed chan struct{}
}

func (d *demand) add(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.n += n
	close(d.changed)
	d.changed = make(chan struct{})
}

// Demand returns the number of open cursors and waiting queries, and a channel
// that is closed when it changes.
func (f *Feed) Demand() (int, <-chan struct{}) {
	f.demand.mu.Lock()
	defer f.demand.mu.Unlock()
	return f.demand.n, f.demand.changed
}

// waitReady waits for the first snapshot, at most QueryWait.
func (f *Feed) waitReady(ctx context.Context) error {
	f.mu.RLock()
	ready, ch := f.ready, f.readyCh
	f.mu.RUnlock()
	if ready {
		return nil
	}
	f.demand.add(1)
	defer f.demand.add(-1)
	t := time.NewTimer(f.cfg.QueryWait)
	defer t.Stop()
	select {
	case <-ch:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-f.stop:
		return errClosed
	case <-t.C:
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	text := "the source has no snapshot yet: try again, or subscribe and wait"
	if f.reason != "" {
		text = "the source has no snapshot yet: " + f.reason
	}
	return &Error{CodeNotReady, text}
}
