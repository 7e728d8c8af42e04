package feed

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/table"
)

// shareFor is how long readers may begin with a set that was made for another
// reader. They hear of what came after it from the ring, whose bytes are shared
// too: a thousand readers that come within a second are told of one snapshot.
const shareFor = time.Second

// shareMissedFor is the same for what readers have missed that are behind, or
// wait for their rate: those of one rate come together.
const shareMissedFor = 50 * time.Millisecond

// set is a list of events at one border that is told in portions, ahead of what
// comes after: a snapshot, a resumed difference, or what a reader that fell
// behind has missed. Readers that begin at the same time share it, and those
// with the same plan its bytes.
type set struct {
	f      *Feed
	kind   FrameKind
	from   string // RESUMED: the cursor it continues
	border table.Border
	epoch  uint64 // of border
	at     *chunk // the view's newest at border: readers go on behind it
	made   time.Time

	rows   []relation.Row // INSERTs of these
	events []Event        // or, when there are no rows, these
	fill   func() []Event // makes events; called once, outside the feed's lock
	apart  bool           // that takes long: not by a reader's goroutine
	filled sync.Once
	loaded atomic.Bool

	mu    sync.Mutex // guards all below
	open  bool       // others may come to it: bytes are kept
	parts map[*plan]*parts
	kept  int  // bytes in parts
	used  bool // since the last sweep
}

// parts are a set's portions under one plan, as far as they are kept.
type parts struct {
	mu       sync.Mutex // guards messages; held while one is encoded
	messages []*messages
	oldest   int  // below it nothing is kept
	swept    bool // not the set's any more; guarded by set.mu
}

// newSet returns a set at the head. f.mu is held.
func (v *view) newSet(kind FrameKind) *set {
	f := v.f
	return &set{f: f, kind: kind, border: f.table.Head(), epoch: f.epoch, at: v.tail, made: time.Now()}
}

// load makes the events if they are not made yet.
func (s *set) load() {
	s.filled.Do(func() {
		if s.fill != nil {
			s.events, s.fill = s.fill(), nil
		}
		s.loaded.Store(true)
	})
}

// ready reports whether the events are made, and makes them if that is soon
// done. Ask before all below.
func (s *set) ready() bool {
	if !s.apart {
		s.load()
	}
	return s.loaded.Load()
}

func (s *set) size() int {
	if s.rows != nil {
		return len(s.rows)
	}
	return len(s.events)
}

// usable reports whether a reader that was told of time least may begin with s
// now; deaths behind horizon are forgotten. A small snapshot is not worth being
// older than it must, and a resumed difference must not be: the reader may hold
// rows that came behind it. f.mu is held.
func (s *set) usable(head table.Border, horizon, least uint64) bool {
	if s.border.Seq == head.Seq && s.border.Time >= least {
		return s.kind == Resumed || s.border.Time == head.Time
	}
	most := shareFor
	switch {
	case s.kind == Resumed, s.kind != LiveFrame && len(s.rows) <= portion:
		return false
	case s.kind == LiveFrame:
		most = shareMissedFor
	}
	return s.border.Time >= least && s.border.Seq >= horizon && time.Since(s.made) < most && !s.at.evicted.Load()
}

// portions returns into how many portions the set falls under p: one at least.
func (s *set) portions(p *plan) int { return max(1, (s.size()+p.rows-1)/p.rows) }

// encode encodes portion i.
func (s *set) encode(p *plan, i int) *messages {
	from := i * p.rows
	to := min(from+p.rows, s.size())
	f := Frame{
		Kind: s.kind, Last: to == s.size(), From: s.from,
		Time: s.border.Time, Wall: s.border.Wall, State: s.f.stateNow(), epoch: s.epoch,
	}
	if s.rows != nil {
		f.Events = inserts(s.rows[from:to])
	} else {
		f.Events = s.events[from:to]
	}
	return p.encode(&f)
}

// messages returns portion i under p, encoded once for all readers that come to
// it within a short time.
func (s *set) messages(p *plan, i int) *messages {
	ps := s.sharedParts(p)
	if ps == nil {
		return s.encode(p, i)
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if m := ps.messages[i]; m != nil {
		return m
	}
	m := s.encode(p, i)
	if s.reserve(ps, len(m.buf)) {
		ps.messages[i] = m
		ps.oldest = min(ps.oldest, i)
	}
	return m
}

// sharedParts returns what is kept for p, nil if nothing is.
func (s *set) sharedParts(p *plan) *parts {
	if p.readers.Load() == 1 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.open {
		return nil
	}
	s.used = true
	ps := s.parts[p]
	if ps == nil {
		ps = &parts{messages: make([]*messages, s.portions(p))}
		if s.parts == nil {
			s.parts = make(map[*plan]*parts)
		}
		s.parts[p] = ps
	}
	return ps
}

// reserve makes room for n more bytes of encoded portions, and reports whether
// there is. Those that most readers have passed go first. ps.mu is held.
func (s *set) reserve(ps *parts, n int) bool {
	for !s.account(ps, n) {
		for ps.oldest < len(ps.messages) && ps.messages[ps.oldest] == nil {
			ps.oldest++
		}
		if ps.oldest == len(ps.messages) {
			return false
		}
		s.account(ps, -len(ps.messages[ps.oldest].buf))
		ps.messages[ps.oldest] = nil
	}
	return true
}

// account counts n more bytes of ps, unless they are too many.
func (s *set) account(ps *parts, n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ps.swept {
		return false
	}
	if n > 0 && (!s.open || s.f.sharedBytes.Load()+int64(n) > int64(s.f.cfg.SharedBytes)) {
		return false
	}
	s.f.sharedBytes.Add(int64(n))
	s.kept += n
	return true
}

// sweep drops the encoded portions if nobody asked for one since the last
// sweep: a reader that stopped in its snapshot holds rows, no bytes. It closes
// a set that is of no more use to readers to come, and says so.
func (s *set) sweep() (over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used {
		s.used = false
		return false
	}
	s.dropLocked()
	s.open = time.Since(s.made) < shareFor
	return !s.open
}

// dropLocked drops the encoded portions.
func (s *set) dropLocked() {
	for _, ps := range s.parts {
		ps.swept = true
	}
	s.f.sharedBytes.Add(-int64(s.kept))
	s.parts, s.kept = nil, 0
}

// close ends a set that has no readers.
func (s *set) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropLocked()
	s.open = false
}

// inserts makes INSERT events of rows.
func inserts(rows []relation.Row) []Event {
	events := make([]Event, len(rows))
	for i, r := range rows {
		events[i] = Event{Op: Insert, Row: r}
	}
	return events
}

// sets are those that a view's readers may begin with, by the cursor that they
// continue, "" for snapshots.
type sets struct {
	mu     sync.Mutex // guards all below; taken after f.mu
	recent map[string]*set
	swept  []*set // those with bytes that nobody can begin with any more
}

// maxRecent is how many differences are kept for others that resume from the
// same cursor: many clients of one connection that broke name few cursors.
const maxRecent = 8

// get returns the set of that name, made by build if there is none that can be
// used. f.mu is held.
func (ss *sets) get(name string, v *view, least uint64, build func() *set) *set {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	old := ss.recent[name]
	if old != nil && old.usable(v.f.table.Head(), v.log().Horizon(), least) {
		return old
	}
	s := build()
	s.open = true
	if ss.recent == nil {
		ss.recent = make(map[string]*set)
	}
	if old != nil {
		ss.swept = append(ss.swept, old)
	} else if len(ss.recent) >= maxRecent {
		ss.dropOldest()
	}
	ss.recent[name] = s
	return s
}

func (ss *sets) dropOldest() {
	var name string
	var oldest *set
	for n, s := range ss.recent {
		if oldest == nil || s.made.Before(oldest.made) {
			name, oldest = n, s
		}
	}
	delete(ss.recent, name)
	ss.swept = append(ss.swept, oldest)
}

// close ends the sets of a view without readers.
func (ss *sets) close() {
	ss.sweep(true)
	ss.mu.Lock()
	defer ss.mu.Unlock()
	for _, s := range ss.swept {
		s.close()
	}
	ss.swept = nil
}

// sweep forgets sets that nobody uses. all makes it forget those to begin with
// in any case: what they say is of another epoch.
func (ss *sets) sweep(all bool) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	for name, s := range ss.recent {
		switch {
		case all:
			ss.swept = append(ss.swept, s)
			delete(ss.recent, name)
		case s.sweep():
			delete(ss.recent, name)
		}
	}
	ss.swept = slices.DeleteFunc(ss.swept, (*set).sweep)
}
