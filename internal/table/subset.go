package table

import (
	"github.com/tycostream/tycostream/internal/relation"
)

// Subset follows the rows of a table that belong to a view, with a log of its
// own: leaving the view is a tombstone there, whatever becomes of the row.
// Members have ids of their own, so that a view of ten rows costs ten rows.
type Subset struct {
	log   Log // over member ids
	ids   map[uint32]uint32
	slots []uint32
	last  map[uint32]relation.Row // by member id of a tombstone: the row as the view last held it
	free  []uint32
}

// NewSubset returns an empty subset.
func NewSubset() *Subset {
	return &Subset{ids: make(map[uint32]uint32), last: make(map[uint32]relation.Row)}
}

// Log returns the log over member ids.
func (s *Subset) Log() *Log { return &s.log }

// Has reports whether the row in slot is a member now.
func (s *Subset) Has(slot uint32) bool {
	id, ok := s.ids[slot]
	return ok && s.log.IsAlive(id)
}

// Slot returns the slot of a member id.
func (s *Subset) Slot(id uint32) uint32 { return s.slots[id] }

// Last returns the row as the view last held it, of a tombstone.
func (s *Subset) Last(id uint32) relation.Row { return s.last[id] }

// Put records that the row in slot is a member and changed at seq.
func (s *Subset) Put(slot uint32, seq uint64) {
	id, ok := s.ids[slot]
	if !ok {
		if n := len(s.free); n > 0 {
			id, s.free = s.free[n-1], s.free[:n-1]
			s.slots[id] = slot
		} else {
			id = uint32(len(s.slots)) //nolint:gosec // at most the slots
			s.slots = append(s.slots, slot)
		}
		s.ids[slot] = id
	}
	delete(s.last, id)
	s.log.Put(id, seq)
}

// Delete records that the row in slot, a member, left at seq; last is the row
// as the view held it.
func (s *Subset) Delete(slot uint32, seq uint64, last relation.Row) {
	id := s.ids[slot]
	s.last[id] = last
	s.log.Delete(id, seq)
}

// Purge forgets tombstones at or before horizon. It must be called before the
// table's own Purge with the same horizon, which frees slots for other keys.
func (s *Subset) Purge(horizon uint64) {
	for _, id := range s.log.Purge(horizon) {
		delete(s.ids, s.slots[id])
		delete(s.last, id)
		s.free = append(s.free, id)
	}
}
