package store

import (
	"errors"
	"iter"
	"math"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/tycostream/tycostream/internal/relation"
)

// MaxTime is the time of constant data, 18446744073709551615.
const MaxTime = math.MaxUint64

// indexHistory is what an index keeps, whatever its collection retains.
const indexHistory = time.Second

// Errors of reads.
var (
	ErrDropped   = errors.New("collection was dropped")
	ErrCompacted = errors.New("history was compacted")
)

// PoisonError is the evaluation error of a poisoned collection.
type PoisonError struct{ Text string }

func (e *PoisonError) Error() string { return "Evaluation error: " + e.Text }

// Update is one change of the number of times that a row stands in a collection.
type Update struct {
	Row  relation.Row
	Time uint64
	Diff int64
}

// Collection is a table or view. Its identity is stable; read it through the
// Store, whose lock guards every field.
type Collection struct {
	id       string
	name     Name
	cols     []Column
	opts     Options
	hydrated bool
	dropped  bool
	poison   string

	born   uint64                 // first time at which it can be read
	since  uint64                 // forced by Compact; the policy may be further
	folded uint64                 // base stands at this time
	base   map[relation.Row]int64 // consolidated updates up to folded
	log    []Update               // later updates, by time
	holds  map[*Hold]struct{}
}

// Name returns the collection's name.
func (c *Collection) Name() Name { return c.name }

// ID returns the collection's catalog id.
func (c *Collection) ID() string { return c.id }

// Columns returns the columns. Do not change them.
func (c *Collection) Columns() []Column { return c.cols }

// Constant reports whether the collection never changes.
func (c *Collection) Constant() bool { return c.opts.Constant }

// Type returns the catalog's object type.
func (c *Collection) Type() string { return c.opts.Type }

// Store holds all collections.
type Store struct {
	now func() time.Time

	mu      sync.Mutex
	byName  map[Name]*Collection
	objs    []*Collection
	nextID  int
	upper   uint64 // every write so far is below
	shown   uint64 // what readers see of upper
	held    int    // number of Holds on shown
	changed chan struct{}
}

// New returns an empty store whose times follow now; nil means time.Now.
func New(now func() time.Time) *Store {
	if now == nil {
		now = time.Now
	}
	s := &Store{now: now, byName: make(map[Name]*Collection), nextID: 1, changed: make(chan struct{})}
	s.upper = s.clock()
	s.shown = s.upper
	return s
}

// clock is the wall clock as a time of the store.
func (s *Store) clock() uint64 { return uint64(max(s.now().UnixMilli(), 1)) }

func (s *Store) signalLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Store) showLocked() {
	if s.held == 0 {
		s.shown = s.upper
	}
	for _, c := range s.objs {
		c.foldLocked(s)
	}
	s.signalLocked()
}

// Changed returns a channel that closes at the next change of anything. Fetch
// it before looking.
func (s *Store) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// Upper returns the shown upper: readers can see everything below it.
func (s *Store) Upper() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown
}

// Tick moves the upper to the wall clock, or by one if it is there already:
// every collection is then complete up to it.
func (s *Store) Tick() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.upper = max(s.upper+1, s.clock())
	s.showLocked()
	return s.upper
}

// Advance moves the upper to ts, if it is not there yet.
func (s *Store) Advance(ts uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.upper = max(s.upper, ts)
	s.showLocked()
}

// HoldUpper keeps the shown upper where it is until release is called: what is
// written meanwhile becomes visible at once then, several times in one batch.
func (s *Store) HoldUpper() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held++
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.held--
		s.showLocked()
	})
}

// Write applies tx at one new time, which is complete afterwards, and returns
// that time.
func (s *Store) Write(tx *Tx) (uint64, error) { return s.WriteAt(0, tx) }

// WriteAt is Write at a given time, or at the next possible one if that has
// passed.
func (s *Store) WriteAt(ts uint64, tx *Tx) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ts == 0 {
		ts = s.clock()
	}
	ts = max(ts, s.upper)
	net, err := tx.resolve(s)
	if err != nil {
		return 0, err
	}
	for c, rows := range net {
		for r, d := range rows {
			if d != 0 {
				c.log = append(c.log, Update{Row: r, Time: ts, Diff: d})
			}
		}
	}
	s.upper = ts + 1
	s.showLocked()
	return ts, nil
}

// sinceLocked is the earliest time at which c can be read: what Compact forced,
// or the upper less the retained history, rounded down to whole seconds.
func (c *Collection) sinceLocked(s *Store) uint64 {
	retain := c.opts.Retain
	if c.opts.Indexed {
		retain = min(retain, indexHistory)
	}
	policy := uint64(0)
	if back := uint64(retain.Milliseconds()); s.shown > back { //nolint:gosec // a positive duration
		policy = (s.shown - back) / 1000 * 1000
	}
	return max(c.since, c.born, min(policy, s.shown-1))
}

// foldLocked moves what nobody can ask for any more from the log to the base.
func (c *Collection) foldLocked(s *Store) {
	to := c.sinceLocked(s)
	for h := range c.holds {
		to = min(to, h.at)
	}
	if to <= c.folded {
		return
	}
	n := sort.Search(len(c.log), func(i int) bool { return c.log[i].Time > to })
	for _, u := range c.log[:n] {
		if d := c.base[u.Row] + u.Diff; d != 0 {
			c.base[u.Row] = d
		} else {
			delete(c.base, u.Row)
		}
	}
	c.folded = to
	if n > 0 {
		c.log = slices.Clone(c.log[n:])
	}
}

// atLocked walks the consolidated rows at time ts.
func (c *Collection) atLocked(ts uint64) iter.Seq2[relation.Row, int64] {
	return func(yield func(relation.Row, int64) bool) {
		delta := make(map[relation.Row]int64)
		for _, u := range c.log {
			if u.Time > ts {
				break
			}
			delta[u.Row] += u.Diff
		}
		for r, n := range c.base {
			if d, ok := delta[r]; ok {
				n += d
				delete(delta, r)
			}
			if n != 0 && !yield(r, n) {
				return
			}
		}
		for r, n := range delta {
			if n != 0 && !yield(r, n) {
				return
			}
		}
	}
}
