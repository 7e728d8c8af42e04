package table_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/table"
)

func undoSchema() *relation.Schema {
	return &relation.Schema{
		Columns: []relation.Column{
			{Name: "id", Field: "id", Kind: relation.Integer},
			{Name: "a", Field: "a", Kind: relation.Integer, Nullable: true},
			{Name: "b", Field: "b", Kind: relation.Integer, Nullable: true},
		},
		Key: []int{0},
	}
}

// world is a table with an undo log beside it, and every state it was in.
type world struct {
	t      *testing.T
	rng    *rand.Rand
	schema *relation.Schema
	table  *table.Table
	undo   *table.UndoLog
	rows   map[string]relation.Row
	states map[uint64]map[string]relation.Row // by time
	time   uint64
}

func newWorld(t *testing.T, seed uint64, maxBytes int, maxAge int64) *world {
	t.Helper()
	s := undoSchema()
	w := &world{
		t: t, rng: rand.New(rand.NewPCG(seed, 9)), schema: s, table: table.New(s), undo: table.NewUndoLog(maxBytes, maxAge),
		rows: map[string]relation.Row{}, states: map[uint64]map[string]relation.Row{0: {}},
	}
	w.undo.Begin(relation.Frontier{})
	return w
}

// step applies one time of random changes; its clock is the time.
func (w *world) step() {
	w.time += 1 + uint64(w.rng.IntN(3))
	b := relation.Batch{Time: w.time, Wall: int64(w.time)}
	for range w.rng.IntN(5) {
		key := strconv.Itoa(w.rng.IntN(6))
		if old, ok := w.rows[key]; ok && w.rng.IntN(3) == 0 {
			b.Changes = append(b.Changes, relation.Change{Op: relation.Remove, Old: old})
			delete(w.rows, key)
			continue
		}
		w.rows[key] = relation.Texts(key, strconv.Itoa(w.rng.IntN(3)), strconv.Itoa(w.rng.IntN(3)))
		b.Changes = append(b.Changes, relation.Change{Op: relation.Put, New: w.rows[key]})
	}
	touches, err := w.table.Apply(b)
	if err != nil {
		w.t.Fatal(err)
	}
	w.undo.Add(w.table.Head().Frontier, touches, int64(w.time))
	w.states[w.time] = maps.Clone(w.rows)
	if w.rng.IntN(4) == 0 { // slots that are used again by other keys
		w.table.Purge(w.table.Head().Seq)
	}
}

// history returns the states from time t on, in order.
func (w *world) history(t uint64) []map[string]relation.Row {
	times := slices.Sorted(maps.Keys(w.states))
	i, _ := slices.BinarySearch(times, t+1)
	var out []map[string]relation.Row
	for _, at := range times[i-1:] {
		out = append(out, w.states[at])
	}
	return out
}

// naive is what became of one key, by looking at every state.
func (w *world) naive(history []map[string]relation.Row, key string, match func(relation.Row) bool) (o table.Outcome, seen bool) {
	set := relation.NewColumnSet(len(w.schema.Columns))
	var last relation.Row
	for i, state := range history {
		row, in := state[key]
		in = in && match(row)
		seen = seen || in
		o.Left = o.Left || !in
		if i == 0 && in {
			o.Base = row
		}
		o.Now = ""
		if in {
			if o.Last != "" {
				set = relation.Diff(last, row, set)
			}
			o.Now, o.Last, last = row, row, row
		}
	}
	o.Changed = set
	return o, seen
}

func (w *world) check(t uint64, name string, match func(relation.Row) bool) {
	w.t.Helper()
	history := w.history(t)
	got := map[string]table.Outcome{}
	for _, o := range table.Outcomes(w.schema, w.undo.After(t), match) {
		key := o.Last.Text(0)
		if _, twice := got[key]; twice {
			w.t.Fatalf("%s since %d: key %s is told twice", name, t, key)
		}
		got[key] = o
	}
	for i := range 6 {
		key := strconv.Itoa(i)
		want, seen := w.naive(history, key, match)
		o, told := got[key]
		same := seen && want.Base == want.Now && !want.Left && want.Changed.Empty()
		switch {
		case !seen || same:
			if told && !same {
				w.t.Fatalf("%s since %d: key %s is told and was never in the view: %+v", name, t, key, o)
			}
		case !told:
			w.t.Fatalf("%s since %d: key %s is not told, want %+v", name, t, key, want)
		case o.Base != want.Base || o.Now != want.Now || o.Last != want.Last || o.Left != want.Left:
			w.t.Fatalf("%s since %d: key %s\n got  %+v\n want %+v", name, t, key, o, want)
		case !o.Left && !slices.Equal(o.Changed, want.Changed):
			w.t.Fatalf("%s since %d: key %s changed %v, want %v", name, t, key, o.Changed, want.Changed)
		}
	}
}

// TestOutcomes compares the fold with a look at every state, for several views
// and every time that is covered.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	for seed := range uint64(150) {
		runOutcomes(t, seed, 25)
	}
}

func FuzzOutcomes(f *testing.F) {
	f.Add(uint64(1), uint8(9))
	f.Fuzz(func(t *testing.T, seed uint64, steps uint8) { runOutcomes(t, seed, int(steps)) })
}

func runOutcomes(t *testing.T, seed uint64, steps int) {
	t.Helper()
	w := newWorld(t, seed, 1<<20, 1<<40)
	for range steps {
		w.step()
		for at := range w.states {
			w.check(at, "every row", func(relation.Row) bool { return true })
			w.check(at, "a=1", func(r relation.Row) bool { return r.Text(1) == "1" })
			w.check(at, "b<2", func(r relation.Row) bool { return r.Text(2) < "2" })
		}
	}
}

// TestUndoLogBounds checks that the log covers exactly what it can still tell,
// within its bytes and its age.
func TestUndoLogBounds(t *testing.T) {
	t.Parallel()
	const maxBytes, maxAge = 100_000, 3000
	w := newWorld(t, 3, maxBytes, maxAge)
	for range 4000 {
		w.step()
		if n := w.undo.Bytes(); n > maxBytes {
			t.Fatalf("%d bytes, want at most %d", n, maxBytes)
		}
	}
	covered := 0
	for at := range w.states {
		if !w.undo.Covers(at) {
			continue
		}
		covered++
		if int64(w.time-at) > maxAge+1100 { // a segment goes as a whole
			t.Fatalf("time %d is covered at %d", at, w.time)
		}
	}
	if covered < 100 || covered == len(w.states) {
		t.Fatalf("%d of %d times are covered", covered, len(w.states))
	}
	for at := range w.states {
		if w.undo.Covers(at) && at%7 == 0 {
			w.check(at, "every row", func(relation.Row) bool { return true })
		}
	}
	if w.undo.Wall() == 0 || w.undo.Changes() == 0 {
		t.Errorf("oldest %d, %d changes", w.undo.Wall(), w.undo.Changes())
	}
	w.undo.Expire(int64(w.time) + 2*maxAge)
	if w.undo.Changes() != 0 || w.undo.Bytes() != 0 {
		t.Errorf("%d changes of %d bytes are left when all are too old", w.undo.Changes(), w.undo.Bytes())
	}
	if !w.undo.Covers(w.time) || w.undo.Covers(w.time-10) {
		t.Error("an empty log covers its last time and none before")
	}
}

// What After returned stays as it is while the log goes on.
func TestUndoLogRunsStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 5, 20_000, 1<<40)
	for range 50 {
		w.step()
	}
	runs := w.undo.After(0)
	var before []table.Undo
	for _, r := range runs {
		before = append(before, r...)
	}
	for range 2000 {
		w.step()
	}
	var after []table.Undo
	for _, r := range runs {
		after = append(after, r...)
	}
	if len(before) == 0 || !slices.Equal(before, after) {
		t.Errorf("%d changes were handed out and are others now", len(before))
	}
}

func TestUndoLogBegins(t *testing.T) {
	t.Parallel()
	u := table.NewUndoLog(1<<20, 1<<40)
	if u.Covers(0) {
		t.Error("a log that has not begun covers something")
	}
	u.Begin(relation.Frontier{Time: 10})
	for _, at := range []uint64{11, 20, 21} {
		u.Add(relation.Frontier{Time: at}, []table.Touch{{New: relation.Texts("1", "1", "1")}}, int64(at))
	}
	for at, want := range map[uint64]bool{9: false, 10: true, 11: true, 12: true, 21: true, 22: true} {
		if got := u.Covers(at); got != want {
			t.Errorf("Covers(%d) = %v, want %v", at, got, want)
		}
	}
	for at, want := range map[uint64]int{10: 3, 11: 2, 12: 2, 20: 1, 21: 0} {
		n := 0
		for _, r := range u.After(at) {
			n += len(r)
		}
		if n != want {
			t.Errorf("%d changes after %d, want %d", n, at, want)
		}
	}
	u.Begin(relation.Frontier{Time: 30})
	if u.Covers(21) || !u.Covers(30) || u.Changes() != 0 {
		t.Error("a log that begins anew keeps what was before")
	}
}
