package table

// index maps keys to slots by open addressing with linear probing. An entry
// holds 32 bits of the key's hash above the slot number plus one, so that
// growing needs no key and a probe seldom touches a row that is not the one.
type index struct {
	entries []uint64 // a power of two; 0: free
	used    int
}

const minIndex = 16

func entry(hash uint64, slot uint32) uint64 { return hash<<32 | uint64(slot) + 1 }

// find returns the slot whose hash matches and for which equal says yes.
func (x *index) find(hash uint64, equal func(slot uint32) bool) (uint32, bool) {
	if len(x.entries) == 0 {
		return 0, false
	}
	mask := uint64(len(x.entries) - 1) //nolint:gosec // never empty here
	for i := hash & 0xffffffff & mask; ; i = (i + 1) & mask {
		e := x.entries[i]
		if e == 0 {
			return 0, false
		}
		if e>>32 == hash&0xffffffff && equal(uint32(e-1)) { //nolint:gosec // the lower half is slot+1
			return uint32(e - 1), true //nolint:gosec // see above
		}
	}
}

// add enters slot, whose key must not be in the index.
func (x *index) add(hash uint64, slot uint32) {
	if 4*(x.used+1) > 3*len(x.entries) {
		x.grow()
	}
	x.place(entry(hash, slot))
	x.used++
}

func (x *index) place(e uint64) {
	mask := uint64(len(x.entries) - 1) //nolint:gosec // never empty here
	i := e >> 32 & mask
	for x.entries[i] != 0 {
		i = (i + 1) & mask
	}
	x.entries[i] = e
}

func (x *index) grow() {
	old := x.entries
	x.entries = make([]uint64, max(minIndex, 2*len(old)))
	for _, e := range old {
		if e != 0 {
			x.place(e)
		}
	}
}

// remove takes slot out and closes the gap by moving later entries of the same
// run back, so that no deletion marks pile up.
func (x *index) remove(hash uint64, slot uint32) {
	mask := uint64(len(x.entries) - 1) //nolint:gosec // never empty here
	i := hash & 0xffffffff & mask
	for want := entry(hash, slot); x.entries[i] != want; i = (i + 1) & mask {
		if x.entries[i] == 0 {
			return
		}
	}
	x.used--
	for j := i; ; {
		j = (j + 1) & mask
		e := x.entries[j]
		if e == 0 {
			break
		}
		// e may move to i unless its home lies in (i, j].
		if home := e >> 32 & mask; (j-home)&mask >= (j-i)&mask {
			x.entries[i] = e
			i = j
		}
	}
	x.entries[i] = 0
}
