package table

import (
	"errors"
	"iter"
	"slices"
	"sort"
)

// ErrCompacted says that a reader's position is older than the oldest
// tombstone the log still has: it must start again from a snapshot.
var ErrCompacted = errors.New("position is older than the kept history")

// Log is a by-sequence log over small dense ids: each id stands in it once, at
// the newest sequence number at which it changed. A dead id keeps its place as
// a tombstone until Purge.
//
// Sequence numbers given to Put and Delete must not decrease.
type Log struct {
	seq  []uint64 // by id: newest sequence number; 0: not in the log
	born []uint64 // by id: where its present, or last, life began
	dead []bool   // by id

	// earlier holds the lives of ids that died and came back, oldest first,
	// so that AliveAt can answer for positions before the present life.
	earlier map[uint32][]life

	// seqs and ids are the log itself, append-only; entry i is current if
	// seq[ids[i]] == seqs[i]. Compacted when longer than twice the ids.
	seqs []uint64
	ids  []uint32

	// graves lists deaths in order, those of ids that came back included.
	graves  []grave
	horizon uint64 // deaths at or before it are forgotten
	alive   int
	members int // ids in the log, tombstones included
}

type life struct{ born, died uint64 }

type grave struct {
	died uint64
	id   uint32
}

// Alive returns the number of ids that are alive.
func (l *Log) Alive() int { return l.alive }

// Graves returns how many deaths are remembered.
func (l *Log) Graves() int { return len(l.graves) }

// Last returns the newest sequence number in the log.
func (l *Log) Last() uint64 {
	if len(l.seqs) == 0 {
		return 0
	}
	return l.seqs[len(l.seqs)-1]
}

// Horizon returns the position before which deaths are forgotten.
func (l *Log) Horizon() uint64 { return l.horizon }

// grow makes room for id.
func (l *Log) grow(id uint32) {
	for int(id) >= len(l.seq) {
		l.seq = append(l.seq, 0)
		l.born = append(l.born, 0)
		l.dead = append(l.dead, false)
	}
}

// IsAlive reports whether id is in the log and not dead.
func (l *Log) IsAlive(id uint32) bool {
	return int(id) < len(l.seq) && l.seq[id] != 0 && !l.dead[id]
}

// Put records that id changed, or came to life, at seq.
func (l *Log) Put(id uint32, seq uint64) {
	l.grow(id)
	switch {
	case l.seq[id] == 0:
		l.members++
		l.alive++
		l.born[id] = seq
	case l.dead[id]:
		if l.earlier == nil {
			l.earlier = make(map[uint32][]life)
		}
		l.earlier[id] = append(l.earlier[id], life{l.born[id], l.seq[id]})
		l.alive++
		l.dead[id] = false
		l.born[id] = seq
	}
	l.append(id, seq)
}

// Delete records that id, which must be alive, died at seq.
func (l *Log) Delete(id uint32, seq uint64) {
	l.dead[id] = true
	l.alive--
	l.graves = append(l.graves, grave{seq, id})
	l.append(id, seq)
}

func (l *Log) append(id uint32, seq uint64) {
	l.seq[id] = seq
	if len(l.seqs) >= 2*l.members+64 {
		l.compact()
	}
	l.seqs = append(l.seqs, seq)
	l.ids = append(l.ids, id)
}

// compact drops the entries that newer ones have replaced. The entry being
// appended is not in the log yet, so its id's old entry goes.
func (l *Log) compact() {
	n := 0
	for i, id := range l.ids {
		if l.seq[id] == l.seqs[i] {
			l.seqs[n], l.ids[n] = l.seqs[i], id
			n++
		}
	}
	l.seqs, l.ids = l.seqs[:n], l.ids[:n]
}

// search returns the index of the first entry behind position seq.
func (l *Log) search(seq uint64) int {
	return sort.Search(len(l.seqs), func(i int) bool { return l.seqs[i] > seq })
}

// entriesAfter returns an upper bound for the current entries behind seq.
func (l *Log) entriesAfter(seq uint64) int { return len(l.seqs) - l.search(seq) }

// After iterates the current entries behind position seq, in order.
func (l *Log) After(seq uint64) iter.Seq2[uint64, uint32] {
	start := l.search(seq)
	return func(yield func(uint64, uint32) bool) {
		for i := start; i < len(l.seqs); i++ {
			if id := l.ids[i]; l.seq[id] == l.seqs[i] && !yield(l.seqs[i], id) {
				return
			}
		}
	}
}

// AliveAt reports whether id was alive at position seq, which must not be
// before the horizon.
func (l *Log) AliveAt(id uint32, seq uint64) bool {
	if int(id) >= len(l.seq) || l.seq[id] == 0 {
		return false
	}
	if l.born[id] <= seq {
		return !l.dead[id] || seq < l.seq[id]
	}
	// The first of the earlier lives that had not ended at seq: a row that
	// comes and goes may have very many.
	lives := l.earlier[id]
	i := sort.Search(len(lives), func(i int) bool { return seq < lives[i].died })
	return i < len(lives) && lives[i].born <= seq
}

// Purge forgets deaths at or before horizon and returns the ids that are now
// free. Readers whose base is before horizon are compacted from here on.
func (l *Log) Purge(horizon uint64) (freed []uint32) {
	l.horizon = max(l.horizon, horizon)
	n := 0
	for n < len(l.graves) && l.graves[n].died <= horizon {
		g := l.graves[n]
		n++
		if l.dead[g.id] && l.seq[g.id] == g.died {
			l.seq[g.id], l.dead[g.id], l.born[g.id] = 0, false, 0
			delete(l.earlier, g.id)
			l.members--
			freed = append(freed, g.id)
			continue
		}
		l.forgetLife(g)
	}
	l.graves = slices.Delete(l.graves, 0, n)
	l.dropNewest()
	return freed
}

// dropNewest drops the replaced entries at the newest sequence number: they
// would look current again when a freed id is put at the same number, which
// the building of a subset does.
func (l *Log) dropNewest() {
	newest := l.Last()
	first := len(l.seqs)
	for first > 0 && l.seqs[first-1] == newest {
		first--
	}
	n := first
	for _, id := range l.ids[first:] {
		if l.seq[id] == newest {
			l.seqs[n], l.ids[n] = newest, id
			n++
		}
	}
	l.seqs, l.ids = l.seqs[:n], l.ids[:n]
}

// forgetLife drops the life that ended in g. Graves are purged in order, so it
// is the oldest of its id.
func (l *Log) forgetLife(g grave) {
	if lives := l.earlier[g.id]; len(lives) > 1 {
		l.earlier[g.id] = lives[1:]
	} else {
		delete(l.earlier, g.id)
	}
}

// GraveAt returns the sequence number of the i-th oldest death remembered.
func (l *Log) GraveAt(i int) uint64 { return l.graves[i].died }
