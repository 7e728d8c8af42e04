package table

// Reader is a reader's position in a log: everything up to base has been told
// exactly. While it catches up in several scans, pos runs ahead of base, and
// two bits per id say what it was told on the way: a row alive at pos may
// never have been told of when its newest change lies behind pos.
//
// The zero Reader has been told nothing.
type Reader struct {
	base, pos uint64
	began     uint64 // the head when catching up began
	touched   []uint64
	known     []uint64

	// Unsure is set for a reader that may hold rows newer than its base, and not
	// hold rows that it held then: it is told of every death, known or not, and a
	// row that came back since is not known.
	Unsure bool
}

// Item is one thing a reader must be told.
type Item struct {
	ID    uint32
	Alive bool   // the row is there now; otherwise it is gone
	Known bool   // the reader holds it, as far as it was told
	Since uint64 // Alive and Known: it may not know cells that changed behind this position
}

// NewReader returns a reader that has been told everything up to at.
func NewReader(at uint64) Reader { return Reader{base: at, pos: at} }

// Base returns the last exact point.
func (r *Reader) Base() uint64 { return r.base }

// Behind reports whether the log has something for the reader.
func (r *Reader) Behind(l *Log) bool { return r.pos < l.Last() }

// Entries returns an upper bound for the entries that Scan has to visit.
func (r *Reader) Entries(l *Log) int { return l.entriesAfter(r.pos) }

// Scan visits at most limit entries behind the reader's position, or more to
// finish those of one sequence number, and tells what the reader must be told
// about them. It reports whether it came to the head, the newest border, where
// the reader is exact again. A reader older than the log's horizon gets
// ErrCompacted.
//
//  1. An entry is skipped when the reader neither holds the row nor has to.
//  2. Known is what it was told in this catch-up, otherwise whether the row
//     was alive at base.
//  3. When the head is not reached, touched and known are kept for the rows
//     told about; they change again behind pos, or not at all.
func (r *Reader) Scan(l *Log, head uint64, limit int, tell func(Item)) (done bool, err error) {
	if r.base < l.horizon {
		return false, ErrCompacted
	}
	if r.pos == r.base {
		r.began = head
	}
	// Most scans reach the head at once and need no bits.
	whole := r.touched == nil && l.entriesAfter(r.pos) <= limit
	n := 0
	for seq, id := range l.After(r.pos) {
		if n >= limit && seq != r.pos {
			return false, nil
		}
		n++
		it := Item{ID: id, Alive: !l.dead[id], Since: r.base}
		if bit(r.touched, id) {
			it.Known, it.Since = bit(r.known, id), r.began
		} else {
			it.Known = l.AliveAt(id, r.base) && (!r.Unsure || l.dead[id] || l.born[id] <= r.base)
		}
		if it.Alive || it.Known || r.Unsure {
			tell(it)
		}
		if !whole {
			r.remember(l, id, it.Alive)
		}
		r.pos = seq
	}
	*r = NewReader(head)
	return true, nil
}

func (r *Reader) remember(l *Log, id uint32, known bool) {
	if n := (len(l.seq) + 63) / 64; len(r.touched) < n {
		r.touched = append(r.touched, make([]uint64, n-len(r.touched))...)
		r.known = append(r.known, make([]uint64, n-len(r.known))...)
	}
	r.touched[id/64] |= 1 << (id % 64)
	if known {
		r.known[id/64] |= 1 << (id % 64)
	} else {
		r.known[id/64] &^= 1 << (id % 64)
	}
}

func bit(set []uint64, id uint32) bool {
	return int(id/64) < len(set) && set[id/64]&(1<<(id%64)) != 0
}
