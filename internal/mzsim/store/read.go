package store

import (
	"sort"

	"github.com/tycostream/tycostream/internal/relation"
)

// Counted is a row with the number of times that it stands in a collection.
type Counted struct {
	Row relation.Row
	N   int64
}

// Hold keeps a collection's history from being folded behind its time.
type Hold struct {
	s  *Store
	c  *Collection
	at uint64
}

// Hold keeps what is needed to read c at time at and later.
func (s *Store) Hold(c *Collection, at uint64) *Hold {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := &Hold{s: s, c: c, at: at}
	c.holds[h] = struct{}{}
	return h
}

// Move lets the history before at go.
func (h *Hold) Move(at uint64) {
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	h.at = max(h.at, at)
}

// Release ends the hold.
func (h *Hold) Release() {
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	delete(h.c.holds, h)
}

// Frontier is what a reader must know before it reads: Since <= time < Upper
// can be read. Ready is false while the collection is not hydrated.
type Frontier struct {
	Since, Upper uint64
	Ready        bool
}

// Frontier returns the times at which c can be read, or why it cannot.
func (s *Store) Frontier(c *Collection) (Frontier, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case c.dropped:
		return Frontier{}, ErrDropped
	case c.poison != "":
		return Frontier{}, &PoisonError{Text: c.poison}
	case c.opts.Constant:
		return Frontier{Upper: MaxTime, Ready: c.hydrated}, nil
	}
	return Frontier{Since: c.sinceLocked(s), Upper: s.shown, Ready: c.hydrated}, nil
}

// Snapshot returns the consolidated rows of c at time at, in no order. It
// needs a hold at or before that time, or a time at or after the since.
func (s *Store) Snapshot(c *Collection, at uint64) ([]Counted, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at < c.folded && !c.opts.Constant {
		return nil, ErrCompacted
	}
	rows := make([]Counted, 0, len(c.base))
	for r, n := range c.atLocked(at) {
		rows = append(rows, Counted{Row: r, N: n})
	}
	return rows, nil
}

// Updates returns the updates with from <= time < to, by time. It needs a hold
// before from. The slice is shared: do not change it.
func (s *Store) Updates(c *Collection, from, to uint64) ([]Update, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if from <= c.folded && !c.opts.Constant && from < to {
		return nil, ErrCompacted
	}
	i := sort.Search(len(c.log), func(i int) bool { return c.log[i].Time >= from })
	j := sort.Search(len(c.log), func(i int) bool { return c.log[i].Time >= to })
	return c.log[i:max(i, j):max(i, j)], nil
}

// Rows returns the rows of the named collection as readers see them now, each
// as often as it stands there: for tests.
func (s *Store) Rows(name string) ([]relation.Row, error) {
	s.mu.Lock()
	c, err := s.findLocked(name)
	at := s.shown - 1
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	counted, err := s.Snapshot(c, at)
	if err != nil {
		return nil, err
	}
	var rows []relation.Row
	for _, r := range counted {
		for range r.N {
			rows = append(rows, r.Row)
		}
	}
	return rows, nil
}
