package table

import (
	"slices"
	"sort"

	"github.com/tycostream/tycostream/internal/relation"
)

// UndoLog keeps the newest changes of a table's rows with the rows they
// replaced, so that the difference since an upstream time can be told for any
// filter, also one that nobody had then. It is bounded by bytes and by age.
//
// Like all of this package it does not lock; but what After returns stays as it
// is while later changes are added, and may be read outside the lock.
type UndoLog struct {
	maxBytes int
	maxAge   int64
	begun    bool
	since    uint64 // every change of a time after it is in the log
	wall     int64  // wall clock of since, Unix microseconds
	segments []*segment
	bytes    int
	changes  int
}

// Undo is one change of one row.
type Undo struct {
	Time     uint64
	Wall     int64        // wall clock of Time, microseconds since the Unix epoch
	Old, New relation.Row // "": the row was not there, is gone
}

// segment is a run of changes that is dropped as a whole.
type segment struct {
	undos []Undo
	bytes int
	begun int64 // when the oldest was added
	added int64 // when the newest was
}

const (
	segmentUndos = 512
	undoOverhead = 72 // an Undo and what allocating a row costs beside its bytes
)

// NewUndoLog returns a log that has not begun: it covers nothing. Old rows and
// what keeps them take at most about maxBytes; changes are dropped maxAge after
// they were added, in the unit of the clock that Add is given.
func NewUndoLog(maxBytes int, maxAge int64) *UndoLog {
	return &UndoLog{maxBytes: maxBytes, maxAge: maxAge}
}

// Begin forgets everything: the log covers what comes after f.
func (u *UndoLog) Begin(f relation.Frontier) {
	*u = UndoLog{maxBytes: u.maxBytes, maxAge: u.maxAge, begun: true, since: f.Time, wall: f.Wall}
}

// Add adds the changes of one upstream time at clock now. Times do not
// decrease.
func (u *UndoLog) Add(f relation.Frontier, touches []Touch, now int64) {
	for i := range touches {
		to := &touches[i]
		s := u.last(now)
		s.undos = append(s.undos, Undo{f.Time, f.Wall, to.Old, to.New})
		size := undoOverhead + len(to.Old)
		s.bytes += size
		s.added = now
		u.bytes += size
	}
	u.changes += len(touches)
	u.Expire(now)
}

// last returns the segment to add to at clock now. None spans more than a
// sixteenth of the age, because it is dropped as a whole.
func (u *UndoLog) last(now int64) *segment {
	if n := len(u.segments); n > 0 {
		if s := u.segments[n-1]; len(s.undos) < segmentUndos && now-s.begun <= u.maxAge/16 {
			return s
		}
	}
	s := &segment{begun: now}
	u.segments = append(u.segments, s)
	return s
}

// Expire drops what is too much or, at clock now, too old.
func (u *UndoLog) Expire(now int64) {
	n := 0
	for ; n < len(u.segments); n++ {
		s := u.segments[n]
		if u.bytes <= u.maxBytes && now-s.added <= u.maxAge {
			break
		}
		newest := &s.undos[len(s.undos)-1]
		u.since, u.wall = newest.Time, newest.Wall
		u.bytes -= s.bytes
		u.changes -= len(s.undos)
	}
	u.segments = slices.Delete(u.segments, 0, n)
}

// Covers reports whether everything that changed after time t is in the log.
func (u *UndoLog) Covers(t uint64) bool { return u.begun && t >= u.since }

// After returns the changes of times after t, oldest first, in runs that stay
// as they are. The log must cover t.
func (u *UndoLog) After(t uint64) [][]Undo {
	n := sort.Search(len(u.segments), func(i int) bool {
		undos := u.segments[i].undos
		return undos[len(undos)-1].Time > t
	})
	runs := make([][]Undo, 0, len(u.segments)-n)
	for i, s := range u.segments[n:] {
		undos := s.undos
		if i == 0 {
			undos = undos[sort.Search(len(undos), func(j int) bool { return undos[j].Time > t }):]
		}
		runs = append(runs, slices.Clip(undos))
	}
	return runs
}

// Changes returns how many changes the log holds, Bytes what they take, and
// Wall the wall clock, in Unix microseconds, of the oldest time it covers, 0 if
// there is none.
func (u *UndoLog) Changes() int { return u.changes }

// Bytes returns about how many bytes the log takes.
func (u *UndoLog) Bytes() int { return u.bytes }

// Wall returns the wall clock of the oldest time that is covered, in
// microseconds since the Unix epoch; 0: there is none.
func (u *UndoLog) Wall() int64 { return u.wall }

// Outcome is what became of one row between a position and now, as a view saw
// it.
type Outcome struct {
	Base, Now relation.Row // "": the view did not hold it then, does not hold it now
	Last      relation.Row // the newest row that the view held
	Left      bool         // it was out of the view at some time in between

	// Changed holds the columns that changed at any time in between, those that
	// changed back included, if the row did not leave.
	Changed relation.ColumnSet
}

// Outcomes folds changes, oldest first, into what became of each row that
// match held at any time from the first of them on.
//
//  1. A change that match holds neither before nor after is none of the view.
//  2. The first change of a row says whether the view held it at the start.
//  3. Each further one moves what the view holds now.
func Outcomes(schema *relation.Schema, runs [][]Undo, match func(relation.Row) bool) []Outcome {
	var out []Outcome
	var keys index
	for _, run := range runs {
		for i := range run {
			un := &run[i]
			was, is := un.Old != "" && match(un.Old), un.New != "" && match(un.New)
			if !was && !is {
				continue
			}
			key := un.Old
			if key == "" {
				key = un.New
			}
			hash := schema.HashKey(key)
			at, ok := keys.find(hash, func(i uint32) bool { return schema.KeyEqual(out[i].Last, key) })
			if !ok {
				at = uint32(len(out)) //nolint:gosec // at most the log's changes
				keys.add(hash, at)
				o := Outcome{Left: !was}
				if was {
					o.Base, o.Last = un.Old, un.Old
				}
				out = append(out, o)
			}
			out[at].add(un, was, is, len(schema.Columns))
		}
	}
	return out
}

func (o *Outcome) add(un *Undo, was, is bool, columns int) {
	if was && is && !o.Left {
		if o.Changed == nil {
			o.Changed = relation.NewColumnSet(columns)
		}
		o.Changed = relation.Diff(un.Old, un.New, o.Changed)
	}
	o.Now = ""
	if is {
		o.Now, o.Last = un.New, un.New
		return
	}
	o.Last, o.Left = un.Old, true
}
