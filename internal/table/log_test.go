package table_test

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/table"
)

// moment is one entry of an id's whole history, which the reference keeps.
type moment struct {
	seq   uint64
	alive bool
}

// reference is a log that forgets nothing and searches everything.
type reference struct {
	t       *testing.T
	log     *table.Log
	history map[uint32][]moment // nothing: the id is not in the log
	seq     uint64
	horizon uint64
}

func (r *reference) aliveAt(id uint32, seq uint64) bool {
	alive := false
	for _, m := range r.history[id] {
		if m.seq <= seq {
			alive = m.alive
		}
	}
	return alive
}

func (r *reference) check(rng *rand.Rand) {
	r.t.Helper()
	alive := 0
	for id := range uint32(20) {
		if got, want := r.log.IsAlive(id), r.aliveAt(id, r.seq); got != want {
			r.t.Fatalf("id %d alive: %v, want %v", id, got, want)
		} else if want {
			alive++
		}
		if at := r.horizon + rng.Uint64N(r.seq-r.horizon+1); r.log.AliveAt(id, at) != r.aliveAt(id, at) {
			r.t.Fatalf("id %d alive at %d: %v; horizon %d, history %v", id, at, r.log.AliveAt(id, at), r.horizon, r.history[id])
		}
	}
	if r.log.Alive() != alive {
		r.t.Fatalf("%d alive, want %d", r.log.Alive(), alive)
	}
	after := rng.Uint64N(r.seq + 1)
	var want []uint32
	for id, h := range r.history {
		if h[len(h)-1].seq > after {
			want = append(want, id)
		}
	}
	var got []uint32
	last := after
	for seq, id := range r.log.After(after) {
		if h := r.history[id]; len(h) == 0 || h[len(h)-1].seq != seq || seq < last {
			r.t.Fatalf("id %d at %d, behind %d; history %v", id, seq, last, h)
		}
		last = seq
		got = append(got, id)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		r.t.Fatalf("after %d: %v, want %v", after, got, want)
	}
}

func (r *reference) purge(horizon uint64) {
	r.t.Helper()
	r.horizon = max(r.horizon, horizon)
	var want []uint32
	for id, h := range r.history {
		if last := h[len(h)-1]; !last.alive && last.seq <= horizon {
			want = append(want, id)
			delete(r.history, id)
		}
	}
	got := r.log.Purge(horizon)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		r.t.Fatalf("purge up to %d freed %v, want %v", horizon, got, want)
	}
	for i := range r.log.Graves() {
		if r.log.GraveAt(i) <= horizon {
			r.t.Fatalf("a death at %d is remembered after a purge up to %d", r.log.GraveAt(i), horizon)
		}
	}
}

func runLog(t *testing.T, seed uint64, steps int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 4))
	r := &reference{t: t, log: new(table.Log), history: map[uint32][]moment{}}
	for range steps {
		id := rng.Uint32N(20)
		if rng.IntN(8) > 0 { // several ids may have one sequence number: build does that
			r.seq++
		} else if h := r.history[id]; len(h) > 0 && h[len(h)-1].seq == r.seq {
			continue
		}
		if r.seq == 0 {
			continue
		}
		if r.log.IsAlive(id) && rng.IntN(2) == 0 {
			r.log.Delete(id, r.seq)
			r.history[id] = append(r.history[id], moment{r.seq, false})
		} else {
			r.log.Put(id, r.seq)
			r.history[id] = append(r.history[id], moment{r.seq, true})
		}
		if rng.IntN(20) == 0 {
			r.purge(rng.Uint64N(r.seq + 1)) // before the horizon too
		}
		r.check(rng)
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		runLog(t, seed, 300)
	}
}

func FuzzLog(f *testing.F) {
	f.Add(uint64(1), uint16(300))
	f.Fuzz(func(t *testing.T, seed uint64, steps uint16) { runLog(t, seed, int(steps%3000)) })
}

// runSubset compares a subset with a map while slots come, go and are given to
// other rows.
func runSubset(t *testing.T, seed uint64, steps int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 5))
	s := table.NewSubset()
	members := map[uint32]uint64{}    // slot -> newest seq
	left := map[uint32]relation.Row{} // slot -> the row as it left
	died := map[uint32]uint64{}
	seq := uint64(0)
	for range steps {
		seq++
		slot := rng.Uint32N(30)
		if _, in := members[slot]; in && rng.IntN(2) == 0 {
			row := relation.Texts(strconv.Itoa(int(slot)), "", strconv.FormatUint(seq, 10))
			s.Delete(slot, seq, row)
			delete(members, slot)
			left[slot], died[slot] = row, seq
		} else {
			s.Put(slot, seq)
			members[slot] = seq
			delete(left, slot)
			delete(died, slot)
		}
		if rng.IntN(10) == 0 {
			horizon := rng.Uint64N(seq + 1)
			s.Purge(horizon)
			for slot, at := range died {
				if at <= horizon {
					delete(left, slot)
					delete(died, slot)
				}
			}
		}
		seen := map[uint32]bool{}
		for at, id := range s.Log().After(0) {
			slot := s.Slot(id)
			if seen[slot] {
				t.Fatalf("slot %d has two members", slot)
			}
			seen[slot] = true
			if s.Has(slot) != s.Log().IsAlive(id) {
				t.Fatalf("slot %d: has %v, alive %v", slot, s.Has(slot), s.Log().IsAlive(id))
			}
			if s.Log().IsAlive(id) {
				if members[slot] != at {
					t.Fatalf("slot %d is a member since %d, want %d", slot, at, members[slot])
				}
			} else if died[slot] != at || s.Last(id) != left[slot] {
				t.Fatalf("slot %d left at %d as %q, want %d as %q", slot, at, s.Last(id), died[slot], left[slot])
			}
		}
		if len(seen) != len(members)+len(left) {
			t.Fatalf("%d members and tombstones, want %d and %d", len(seen), len(members), len(left))
		}
	}
}

func TestSubset(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		runSubset(t, seed, 300)
	}
}

func FuzzSubset(f *testing.F) {
	f.Add(uint64(1), uint16(300))
	f.Fuzz(func(t *testing.T, seed uint64, steps uint16) { runSubset(t, seed, int(steps%2000)) })
}

// One row that comes and goes 200,000 times between two purges must not make
// the purge, which holds up ingest, or a reader slow: both were quadratic in
// the lives of a row and took minutes.
func TestRowOfManyLives(t *testing.T) {
	t.Parallel()
	const lives = 200_000
	var log table.Log
	for i := range uint64(lives) {
		log.Put(7, 2*i+1)
		log.Delete(7, 2*i+2)
	}
	log.Put(7, 2*lives+1)
	began := time.Now()
	for at := range uint64(lives) {
		if log.AliveAt(7, at) != (at%2 == 1) {
			t.Fatalf("alive at %d: %v", at, log.AliveAt(7, at))
		}
		if time.Since(began) > 10*time.Second {
			t.Fatal("looking up is slow")
		}
	}
	began = time.Now()
	if freed := log.Purge(lives); len(freed) != 0 {
		t.Errorf("freed %v, which is alive", freed)
	}
	if d := time.Since(began); d > time.Second {
		t.Errorf("purge of half the lives took %v", d)
	}
	if !log.AliveAt(7, lives+1) || log.AliveAt(7, lives+2) || !log.IsAlive(7) {
		t.Error("wrong after the purge")
	}
	if log.Graves() != lives/2 {
		t.Errorf("%d deaths remembered", log.Graves())
	}
}

// A reader that stops between two ids of one sequence number is told both.
func TestReaderStopsBetweenEqualNumbers(t *testing.T) {
	t.Parallel()
	var log table.Log
	for id := range uint32(5) {
		log.Put(id, 1)
	}
	log.Put(5, 2)
	var r table.Reader
	told := map[uint32]bool{}
	for range 7 {
		done, err := r.Scan(&log, 2, 1, func(it table.Item) { told[it.ID] = true })
		if err != nil {
			t.Fatal(err)
		}
		if done {
			break
		}
	}
	if len(told) != 6 {
		t.Errorf("told of %v", told)
	}
}

// A view that is being built gets members at the number at which another has
// just left. The id that was freed must not stand in the log twice.
func TestFreedIDAtTheSameNumber(t *testing.T) {
	t.Parallel()
	s := table.NewSubset()
	s.Put(1, 1)
	s.Put(2, 2)
	s.Delete(1, 3, "left")
	s.Purge(3)
	s.Put(7, 3)
	var slots []uint32
	for _, id := range s.Log().After(0) {
		slots = append(slots, s.Slot(id))
	}
	if !slices.Equal(slots, []uint32{2, 7}) {
		t.Errorf("slots %v in the log", slots)
	}
}
