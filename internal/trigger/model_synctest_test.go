package trigger

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tycostream/tycostream/internal/codec"
	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/trigger/machine"
	"github.com/tycostream/tycostream/internal/trigger/machine/machinetest"
	"github.com/tycostream/tycostream/internal/trigger/spec"
	"github.com/tycostream/tycostream/internal/webhook"
)

func testSchema() *relation.Schema {
	return &relation.Schema{
		Columns: []relation.Column{
			{Name: "id", Field: "id", Kind: relation.Integer},
			{Name: "v", Field: "value", Kind: relation.Integer, Nullable: true},
			{Name: "s", Field: "side", Kind: relation.String, Nullable: true},
		},
		Key: []int{0},
	}
}

func testShape() codec.Shape {
	return codec.Shape{Schema: testSchema(), Types: codec.Types{Row: "Row"}}
}

// plainRow is a row as the model sees it. value -1 is null.
type plainRow struct {
	value int
	side  string
}

func (r plainRow) pack(id string) relation.Row {
	v := strconv.Itoa(r.value)
	if r.value < 0 {
		return relation.Cells(&id, nil, &r.side)
	}
	return relation.Cells(&id, &v, &r.side)
}

// plan is a trigger of the model: its input, and the same conditions written
// out by hand.
type plan struct {
	in  spec.Input
	see func(r plainRow, ok bool) machine.Seen
}

func plans() []plan {
	big := map[string]any{"value": map[string]any{"_gt": 10}}
	simple := func(r plainRow, ok bool) machine.Seen {
		if ok && r.value > 10 {
			return machine.Hit
		}
		return machine.Over
	}
	hysteresis := func(r plainRow, ok bool) machine.Seen {
		switch {
		case ok && r.value > 10:
			return machine.Hit
		case !ok || r.value >= 0 && r.value < 5:
			return machine.Over
		}
		return machine.Hold // a null too: clear is unknown
	}
	compound := func(r plainRow, ok bool) machine.Seen {
		switch {
		case ok && r.value > 6 && r.side == "buy":
			return machine.Hit
		case !ok || r.value < 0 || r.value < 4 && r.side == "sell":
			return machine.Over
		}
		return machine.Hold
	}
	lt5 := map[string]any{"value": map[string]any{"_lt": 5}}
	return []plan{
		{spec.Input{Name: "simple", Fire: big}, simple},
		{spec.Input{Name: "hysteresis", Fire: big, Clear: lt5}, hysteresis},
		{spec.Input{Name: "snapshot", Fire: big, Clear: lt5, Snapshot: true}, hysteresis},
		{spec.Input{Name: "for", Fire: big, For: 5 * time.Microsecond}, simple},
		{spec.Input{Name: "cooldown", Fire: big, Clear: lt5, Cooldown: 7 * time.Microsecond}, hysteresis},
		{spec.Input{Name: "both", Fire: big, For: 3 * time.Microsecond, Cooldown: 9 * time.Microsecond, Snapshot: true}, simple},
		{spec.Input{
			Name: "compound",
			Fire: map[string]any{"value": map[string]any{"_gt": 6}, "side": map[string]any{"_eq": "buy"}},
			Clear: map[string]any{"_or": []any{
				map[string]any{"value": map[string]any{"_is_null": true}},
				map[string]any{"value": map[string]any{"_lt": 4}, "side": map[string]any{"_eq": "sell"}},
			}},
			For: 2 * time.Microsecond,
		}, compound},
	}
}

const worldRows = 5

// world is a feed and an engine that goes and comes, beside oracles that look at
// every row at every time.
type world struct {
	t       *testing.T
	rng     *rand.Rand
	store   *memory
	feed    *feed.Feed
	engine  *Engine
	rows    map[string]plainRow
	now     int64
	paused  map[string]bool
	oracles map[string]*[worldRows]machinetest.Oracle // by trigger
	refused map[string]bool                           // trigger id and key of the transitions that a crash swallowed
	ids     map[string]bool
}

const worldStart = 1_700_000_000_000_000

// TestEngineAgainstModel runs triggers of all sorts over a few rows that change,
// become null, vanish and return, while triggers are created, paused and
// resumed, upstream is lost, and the engine is closed or killed in the middle of
// an append.
func TestEngineAgainstModel(t *testing.T) {
	events := 0
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, seed)
			defer w.end()
			for range 150 {
				events += w.tick()
			}
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if events < 5_000 {
		t.Errorf("only %d events: the model is too quiet to prove anything", events)
	}
}

func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	w := &world{
		t: t, rng: rand.New(rand.NewPCG(seed, 3)), store: newMemory(),
		feed: feed.New(testSchema(), feed.Config{}), rows: map[string]plainRow{}, paused: map[string]bool{},
		oracles: map[string]*[worldRows]machinetest.Oracle{}, ids: map[string]bool{},
	}
	w.feed.SetState(feed.Live, "")
	w.commit()
	w.open()
	return w
}

func (w *world) end() {
	w.shut()
	w.feed.Close()
}

func (w *world) open() {
	w.store.closed, w.store.refuse = false, nil
	e, err := Open(w.t.Context(), w.store, Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	w.engine = e
	e.Attach("rows", w.feed, testShape())
}

func (w *world) shut() {
	if w.engine != nil {
		w.engine.Close()
		w.engine = nil
	}
}

func (w *world) frontier() relation.Frontier {
	return relation.Frontier{Time: uint64(w.now) + 1, Wall: worldStart + w.now}
}

func (w *world) commit() {
	var rows []relation.Row
	for id, r := range w.rows {
		rows = append(rows, r.pack(id))
	}
	if err := w.feed.Load(rows); err != nil {
		w.t.Fatal(err)
	}
	if err := w.feed.Commit(w.frontier()); err != nil {
		w.t.Fatal(err)
	}
}

// mutate changes rows and brings that to the feed: as changes, or now and then
// as a new snapshot.
func (w *world) mutate() {
	var changes []relation.Change
	for i := range worldRows {
		id := strconv.Itoa(i)
		if w.rng.IntN(4) > 0 {
			continue
		}
		old, ok := w.rows[id]
		if ok && w.rng.IntN(6) == 0 {
			delete(w.rows, id)
			changes = append(changes, relation.Change{Op: relation.Remove, Old: old.pack(id)})
			continue
		}
		r := plainRow{w.rng.IntN(17) - 1, []string{"buy", "sell"}[w.rng.IntN(2)]}
		w.rows[id] = r
		changes = append(changes, relation.Change{Op: relation.Put, New: r.pack(id)})
	}
	fr := w.frontier()
	if w.rng.IntN(15) == 0 {
		w.commit()
		return
	}
	var batches []relation.Batch
	if len(changes) > 0 {
		batches = append(batches, relation.Batch{Time: fr.Time, Wall: fr.Wall, Changes: changes})
	}
	if err := w.feed.Apply(batches, fr); err != nil {
		w.t.Fatal(err)
	}
}

// tick lets one unit of time pass and compares what was told. It returns how
// many events there were.
func (w *world) tick() int {
	w.now++
	w.refused = map[string]bool{}
	killed := false
	if w.engine != nil {
		switch w.rng.IntN(14) {
		case 0:
			w.shut()
		case 1:
			killed = true
			w.store.refuse = func(ts []webhook.Transition) (int, error) {
				kept := w.rng.IntN(len(ts) + 1)
				for _, t := range ts[kept:] {
					w.refused[t.Trigger+t.Key] = true
				}
				w.store.closed = true
				return kept, webhook.ErrClosed
			}
		}
	}
	w.mutate()
	if w.engine == nil && w.rng.IntN(4) == 0 {
		w.open()
	}
	synctest.Wait()
	names := w.names() // those that are there, and watched, before anything below
	if w.engine != nil && !killed {
		names = append(names, w.create()...)
		names = append(names, w.toggle()...)
	}
	got, want := w.events(), w.expect(names)
	if killed {
		w.shut()
		w.store.closed = false
	}
	if !slices.Equal(got, want) {
		w.t.Fatalf("time %d: told\n%s\nwant\n%s", w.now, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	return len(got)
}

func (w *world) names() []string {
	var names []string
	for _, p := range plans() {
		if w.oracles[p.in.Name] != nil && w.engine != nil && !w.paused[p.in.Name] {
			names = append(names, p.in.Name)
		}
	}
	return names
}

func (w *world) create() (names []string) {
	for _, p := range plans() {
		if w.oracles[p.in.Name] != nil || w.rng.IntN(8) > 0 {
			continue
		}
		in := p.in
		in.Webhook = "https://example.com/hook"
		if _, err := w.engine.Create(w.t.Context(), "rows", in); err != nil {
			w.t.Fatal(err)
		}
		o := &[worldRows]machinetest.Oracle{}
		for i := range o {
			o[i] = machinetest.Oracle{
				Rule: machine.Rule{For: in.For.Microseconds(), Cooldown: in.Cooldown.Microseconds()}, Snapshot: in.Snapshot,
			}
			// Times before count as well: the oracle's are its places in a list.
			o[i].Known = make([]machine.Seen, w.now)
			for at := range o[i].Known {
				o[i].Known[at] = machine.Over
			}
		}
		w.oracles[in.Name] = o
		names = append(names, in.Name)
	}
	synctest.Wait()
	return names
}

func (w *world) toggle() (names []string) {
	for _, p := range plans() {
		name := p.in.Name
		if w.oracles[name] == nil || w.rng.IntN(25) > 0 {
			continue
		}
		ctx := context.Background()
		if w.paused[name] {
			if _, err := w.engine.Resume(ctx, "rows", name); err != nil {
				w.t.Fatal(err)
			}
			w.paused[name] = false
			names = append(names, name)
			continue
		}
		if _, err := w.engine.Pause(ctx, "rows", name); err != nil {
			w.t.Fatal(err)
		}
		w.paused[name] = true // from the next time on
	}
	synctest.Wait()
	return names
}

func (w *world) events() []string {
	var got []string
	for _, t := range w.store.take() {
		if w.ids[t.ID] {
			w.t.Fatalf("time %d: %s was told twice", w.now, t.ID)
		}
		w.ids[t.ID] = true
		for name := range w.oracles {
			if d := w.document(name); d.ID() == t.Trigger {
				got = append(got, fmt.Sprint(name, " ", t.Key, " ", t.Kind))
			}
		}
		if at := t.Time.UnixMicro(); at != worldStart+w.now {
			w.t.Fatalf("time %d: %s of %s is of time %d", w.now, t.Kind, t.Key, at-worldStart)
		}
	}
	slices.Sort(got)
	return got
}

func (w *world) document(name string) *spec.Definition {
	for _, doc := range w.store.docs {
		if d, err := spec.Decode(doc); err == nil && d.Name == name {
			return d
		}
	}
	w.t.Fatalf("no definition of %s", name)
	return nil
}

// expect asks the oracles: those of names look, the others do not.
func (w *world) expect(names []string) []string {
	var want []string
	for _, p := range plans() {
		os := w.oracles[p.in.Name]
		if os == nil {
			continue
		}
		id := w.document(p.in.Name).ID()
		for i := range os {
			key := strconv.Itoa(i)
			r, ok := w.rows[key]
			watched := slices.Contains(names, p.in.Name) && !w.refused[id+key]
			if o := os[i].Look(w.now, p.see(r, ok), watched); o == machine.Fire || o == machine.Clear {
				kind := webhook.Fire
				if o == machine.Clear {
					kind = webhook.Clear
				}
				want = append(want, fmt.Sprint(p.in.Name, " ", key, " ", kind))
			}
		}
	}
	slices.Sort(want)
	return want
}
