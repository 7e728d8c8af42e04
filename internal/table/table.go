package table

import (
	"fmt"

	"github.com/tycostream/tycostream/internal/relation"
)

// Border is a moment between two upstream times, where everything is whole.
type Border struct {
	Seq uint64 // newest sequence number at or before the border
	relation.Frontier
}

// Touch is the net effect of one upstream time on one row. Old is empty for a
// row that came to life, New for one that died.
type Touch struct {
	Slot     uint32
	Seq      uint64
	Old, New relation.Row
}

// ClaimError says that a change claimed something about a row that is not so,
// which proves that the declared primary key does not identify rows.
type ClaimError struct {
	Key  string // the key's text
	Text string // what is wrong: "inserted twice"
}

func (e *ClaimError) Error() string {
	return fmt.Sprintf("primary key %q is not unique: %s", e.Key, e.Text)
}

// Table holds the rows of one source. See the package for its concurrency.
type Table struct {
	schema *relation.Schema
	width  int
	index  index
	rows   []relation.Row // by slot: the row, or of a tombstone the last one; "" is free
	log    Log            // over slots
	free   []uint32
	head   Border

	// changed holds, for slot s and column c at s*width+c, the sequence number
	// minus rebase at which the cell last changed. uint32, because it is the
	// widest array of all: 4 bytes a cell.
	changed []uint32
	rebase  uint64

	// mark holds slot s's position in touches plus one while a time is being
	// applied, and zero otherwise.
	mark    []uint32
	touches []Touch
}

// New returns an empty table.
func New(schema *relation.Schema) *Table {
	return &Table{schema: schema, width: len(schema.Columns)}
}

// Head returns the newest border.
func (t *Table) Head() Border { return t.head }

// Log returns the log over all slots, for readers of the whole table.
func (t *Table) Log() *Log { return &t.log }

// Rows returns the number of live rows.
func (t *Table) Rows() int { return t.log.Alive() }

// Slots returns the number of slots in use or free: slots are below it.
func (t *Table) Slots() int { return len(t.rows) }

// Row returns the row in slot, of a tombstone the last one, and whether it is
// alive.
func (t *Table) Row(slot uint32) (relation.Row, bool) {
	return t.rows[slot], t.log.IsAlive(slot)
}

// Find returns the live row with key's key cells.
func (t *Table) Find(key relation.Row) (relation.Row, bool) {
	slot, ok := t.find(key, t.schema.HashKey(key))
	if !ok || !t.log.IsAlive(slot) {
		return "", false
	}
	return t.rows[slot], true
}

func (t *Table) find(key relation.Row, hash uint64) (uint32, bool) {
	return t.index.find(hash, func(slot uint32) bool { return t.schema.KeyEqual(t.rows[slot], key) })
}

// Changed adds to set the columns of slot that changed after position since,
// and returns it.
func (t *Table) Changed(slot uint32, since uint64, set relation.ColumnSet) relation.ColumnSet {
	cells := t.changed[int(slot)*t.width:][:t.width]
	for c, seq := range cells {
		if uint64(seq)+t.rebase > since || since < t.rebase {
			set.Add(c)
		}
	}
	return set
}

// Apply applies everything of one upstream time, whole or, with an error, not
// at all. Several changes of one key count as their net effect; a change that
// nets to nothing spends no sequence number. The touches are valid until the
// next call. A *ClaimError tells that the key is not unique.
func (t *Table) Apply(b relation.Batch) ([]Touch, error) {
	t.forget()
	for i := range b.Changes {
		if err := t.stage(&b.Changes[i]); err != nil {
			t.unstage()
			return nil, err
		}
	}
	return t.commit(relation.Frontier{Time: b.Time, Wall: b.Wall}), nil
}

// Advance moves the head to f without a change: upstream has come this far. The
// touches of the last time are not valid any more.
func (t *Table) Advance(f relation.Frontier) {
	t.forget()
	if f.Time >= t.head.Time {
		t.head.Frontier = f
	}
}

// Replace makes rows the table's whole content at f and touches only what
// differs. A key that occurs twice in rows gives a *ClaimError and changes
// nothing. The touches are valid until the next call.
func (t *Table) Replace(rows []relation.Row, f relation.Frontier) ([]Touch, error) {
	d, err := t.Compare(rows)
	if err != nil {
		return nil, err
	}
	return t.Settle(d, f)
}

// Difference is what makes the table's content another: rows that are new or
// changed, and slots whose rows are gone.
type Difference struct {
	rows []relation.Row
	gone []uint32
}

// Compare is the longer half of Replace, which only reads: others may read at
// the same time. A key that occurs twice gives a *ClaimError here or in Settle.
func (t *Table) Compare(rows []relation.Row) (*Difference, error) {
	d := &Difference{}
	seen := make([]uint64, len(t.rows)/64+1)
	for _, r := range rows {
		slot, ok := t.find(r, t.schema.HashKey(r))
		if !ok {
			d.rows = append(d.rows, r)
			continue
		}
		if seen[slot/64]&(1<<(slot%64)) != 0 {
			return nil, t.claim(r, twice)
		}
		seen[slot/64] |= 1 << (slot % 64)
		if t.rows[slot] != r || !t.log.IsAlive(slot) {
			d.rows = append(d.rows, r)
		}
	}
	for i := range t.rows {
		slot := uint32(i)
		if seen[slot/64]&(1<<(slot%64)) == 0 && t.log.IsAlive(slot) {
			d.gone = append(d.gone, slot)
		}
	}
	return d, nil
}

const twice = "it occurs twice in the snapshot"

// Settle applies a difference from the table as it is. The touches are valid
// until the next call.
func (t *Table) Settle(d *Difference, f relation.Frontier) ([]Touch, error) {
	t.forget()
	for _, r := range d.rows {
		slot := t.slot(r)
		if t.mark[slot] != 0 {
			t.unstage()
			return nil, t.claim(r, twice)
		}
		t.touch(slot).New = r
	}
	for _, slot := range d.gone {
		t.touch(slot).New = ""
	}
	return t.commit(f), nil
}

// keptTouches is how many touches' room is kept from one time to the next,
// beside a sixteenth of the rows: a snapshot's is not.
const keptTouches = 4096

// forget drops the touches of the last time, and with them the rows that they
// replaced, which nothing else may hold.
func (t *Table) forget() {
	if cap(t.touches) > keptTouches+len(t.rows)/16 {
		t.touches = nil
		return
	}
	clear(t.touches)
	t.touches = t.touches[:0]
}

func (t *Table) claim(r relation.Row, text string) *ClaimError {
	return &ClaimError{Key: string(t.schema.AppendKey(nil, r)), Text: text}
}

// stage notes one change's effect on its row without touching the row yet.
func (t *Table) stage(c *relation.Change) error {
	key := c.New
	if c.Op == relation.Delete || c.Op == relation.Remove {
		key = c.Old
	}
	to := t.touch(t.slot(key))
	switch c.Op {
	case relation.Insert:
		if to.New != "" {
			return t.claim(key, "a row was inserted while another with this key is there")
		}
	case relation.Update:
		if to.New != c.Old {
			return t.claim(key, "the row that an update replaced is not the one that was there")
		}
	case relation.Delete:
		if to.New != c.Old {
			return t.claim(key, "the row that was deleted is not the one that was there")
		}
		to.New = ""
		return nil
	case relation.Remove:
		to.New = ""
		return nil
	case relation.Put:
	}
	to.New = c.New
	return nil
}

// slot returns the slot of r's key, a new one if need be.
func (t *Table) slot(r relation.Row) uint32 {
	hash := t.schema.HashKey(r)
	if slot, ok := t.find(r, hash); ok {
		return slot
	}
	var slot uint32
	if n := len(t.free); n > 0 {
		slot, t.free = t.free[n-1], t.free[:n-1]
	} else {
		slot = uint32(len(t.rows)) //nolint:gosec // 4 billion rows do not fit in memory
		t.rows = append(t.rows, "")
		t.mark = append(t.mark, 0)
		for range t.width {
			t.changed = append(t.changed, 0)
		}
	}
	t.rows[slot] = r // for the key; not alive until commit
	t.index.add(hash, slot)
	return slot
}

// touch returns the slot's touch in the time being applied. Its New is the row
// as it stands so far.
func (t *Table) touch(slot uint32) *Touch {
	if m := t.mark[slot]; m != 0 {
		return &t.touches[m-1]
	}
	to := Touch{Slot: slot}
	if t.log.IsAlive(slot) {
		to.Old = t.rows[slot]
		to.New = to.Old
	}
	t.touches = append(t.touches, to)
	t.mark[slot] = uint32(len(t.touches)) //nolint:gosec // at most the slots
	return &t.touches[len(t.touches)-1]
}

// unstage undoes stage: rows were not touched, but new slots were taken.
func (t *Table) unstage() {
	for i := range t.touches {
		slot := t.touches[i].Slot
		t.mark[slot] = 0
		t.release(slot)
	}
	t.touches = t.touches[:0]
}

// release frees a slot that the log does not know.
func (t *Table) release(slot uint32) {
	if int(slot) < len(t.log.seq) && t.log.seq[slot] != 0 {
		return
	}
	t.index.remove(t.schema.HashKey(t.rows[slot]), slot)
	t.rows[slot] = ""
	t.free = append(t.free, slot)
}

// commit makes the staged touches real and drops those that net to nothing.
func (t *Table) commit(f relation.Frontier) []Touch {
	seq := t.head.Seq
	if seq+uint64(len(t.touches))-t.rebase >= 1<<32 {
		t.moveRebase()
	}
	kept := t.touches[:0]
	for _, to := range t.touches {
		t.mark[to.Slot] = 0
		if to.Old == to.New {
			t.release(to.Slot)
			continue
		}
		seq++
		to.Seq = seq
		t.write(&to)
		kept = append(kept, to)
	}
	clear(t.touches[len(kept):])
	t.touches = kept
	t.head = Border{Seq: seq, Frontier: f}
	return kept
}

func (t *Table) write(to *Touch) {
	if to.New == "" {
		t.log.Delete(to.Slot, to.Seq)
		return
	}
	// A row that comes back while its tombstone is still there changed only
	// where it differs from the tombstone: that is what a reader who knew it
	// must be told. A new row changed everywhere.
	last := to.Old
	if last == "" && int(to.Slot) < len(t.log.seq) && t.log.seq[to.Slot] != 0 {
		last = t.rows[to.Slot]
	}
	stamp := uint32(to.Seq - t.rebase) //nolint:gosec // moveRebase keeps it in range
	cells := t.changed[int(to.Slot)*t.width:][:t.width]
	for c := range cells {
		if last != "" {
			a, aok := last.Cell(c)
			b, bok := to.New.Cell(c)
			if a == b && aok == bok {
				continue
			}
		}
		cells[c] = stamp
	}
	t.rows[to.Slot] = to.New
	t.log.Put(to.Slot, to.Seq)
}

// moveRebase shifts the base of the changed array so that the next 2^31
// changes fit. What is older than the new base counts as changed at it. That
// is exact for every reader behind the new base; one that is 2^31 changes late
// is told that all columns changed.
func (t *Table) moveRebase() {
	shift := t.head.Seq - t.rebase - 1<<31
	for i, seq := range t.changed {
		t.changed[i] = uint32(max(uint64(seq), shift) - shift) //nolint:gosec // below 2^32 minus shift
	}
	t.rebase += shift
}

// Purge forgets tombstones and earlier lives at or before horizon.
func (t *Table) Purge(horizon uint64) {
	for _, slot := range t.log.Purge(horizon) {
		t.release(slot)
	}
}
