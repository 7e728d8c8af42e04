package feed_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/filter"
	"github.com/tycostream/tycostream/internal/relation"
)

func schema() *relation.Schema {
	return &relation.Schema{
		Columns: []relation.Column{
			{Name: "id", Field: "id", Kind: relation.Integer},
			{Name: "a", Field: "a", Kind: relation.String, Nullable: true},
			{Name: "b", Field: "b", Kind: relation.Integer, Nullable: true},
		},
		Key: []int{0},
	}
}

// event and frame are the wire form of the tests' encoder.
type event struct {
	Op     string
	Row    relation.Row
	Fields []int
}

type frame struct {
	Kind   string
	Events []event
	Last   bool
	Time   uint64
	State  string
	Cursor string
}

// encoder writes frames as JSON: one message per event, or one per frame.
type encoder struct{ frames bool }

func (e encoder) ID() string   { return fmt.Sprintf("test %v", e.frames) }
func (e encoder) Frames() bool { return e.frames }

func (e encoder) Encode(dst []byte, ends []int, f *feed.Frame) ([]byte, []int) {
	out := frame{Kind: f.Kind.String(), Last: f.Last, Time: f.Time, State: f.State.String(), Cursor: f.Cursor}
	put := func() {
		b, err := json.Marshal(out)
		if err != nil {
			panic(err)
		}
		dst = append(dst, b...)
		ends = append(ends, len(dst))
	}
	for _, ev := range f.Events {
		set := ev.Changed
		if ev.Op == feed.Update && ev.Old != "" {
			set = relation.Diff(ev.Old, ev.Row, relation.NewColumnSet(3))
		}
		x := event{Op: ev.Op.String(), Row: ev.Row}
		for i := range 3 {
			if set.Has(i) {
				x.Fields = append(x.Fields, i)
			}
		}
		if e.frames {
			out.Events = append(out.Events, x)
			continue
		}
		out.Events = []event{x}
		put()
	}
	if e.frames {
		put()
	}
	return dst, ends
}

func decode(t *testing.T, b []byte) frame {
	t.Helper()
	var f frame
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

type state map[string]relation.Row

// client holds the rows that one subscription has been told of.
type client struct {
	m      *model
	name   string
	where  *filter.Predicate
	frames bool
	eager  bool // pulls after every step, everything: must see every change
	cursor *feed.Cursor
	woken  atomic.Bool
	wake   chan struct{}
	reset  bool // inside a RESET set
	idle   bool // the last Pull returned false
	rows   state
	time   uint64
	synced bool // has its snapshot
	fresh  bool // no message yet
	seen   []frame
}

type model struct {
	t       *testing.T
	rng     *rand.Rand
	feed    *feed.Feed
	rows    state
	history map[uint64]state
	time    uint64
	resyncs int
	resets  int
}

func (m *model) open(c *client) {
	c.rows, c.time, c.synced, c.fresh, c.idle, c.seen = state{}, 0, false, true, false, nil
	c.reset = false
	c.woken.Store(false)
	c.cursor = m.feed.Subscribe(feed.Options{
		Where: c.where, Encoder: encoder{c.frames}, MaxRows: 1 + m.rng.IntN(5),
	}, func() {
		c.woken.Store(true)
		select {
		case c.wake <- struct{}{}:
		default:
		}
	})
	<-c.wake // a new cursor is woken at once
}

func (m *model) visible(c *client, rows state) state {
	out := maps.Clone(rows)
	maps.DeleteFunc(out, func(_ string, r relation.Row) bool { return !c.where.Match(r) })
	return out
}

func (m *model) pull(c *client, limit int) {
	c.woken.Store(false)
	more, err := c.cursor.Pull(limit, func(b []byte) { m.take(c, decode(m.t, b)) })
	if err != nil {
		var fe *feed.Error
		if !errors.As(err, &fe) || fe.Code != feed.CodeResync || c.frames {
			m.t.Fatalf("%s: %v", c.name, err)
		}
		if c.eager {
			m.t.Fatalf("%s keeps up and was told to resync", c.name)
		}
		m.resyncs++
		c.cursor.Close()
		m.open(c)
		return
	}
	c.idle = !more
	if !more && c.cursor.Joined() {
		if want := m.visible(c, m.rows); !maps.Equal(c.rows, want) {
			m.t.Fatalf("%s at the head:\n has  %q\n want %q", c.name, c.rows, want)
		}
		c.synced = true
	}
}

func (m *model) take(c *client, f frame) {
	if f.Time < c.time {
		m.t.Fatalf("%s: time went back from %d to %d", c.name, c.time, f.Time)
	}
	c.time = f.Time
	if c.frames {
		m.takeFrame(c, f)
	}
	for _, ev := range f.Events {
		m.takeEvent(c, ev)
	}
	if c.frames && f.Last {
		if f.Cursor == "" {
			m.t.Fatalf("%s: a last frame without cursor", c.name)
		}
		if want := m.visible(c, m.history[f.Time]); !maps.Equal(c.rows, want) {
			m.t.Fatalf("%s: after the frame of time %d\n has  %q\n want %q", c.name, f.Time, c.rows, want)
		}
	}
	c.fresh = false
	if c.synced {
		c.seen = append(c.seen, f)
	}
}

func (m *model) takeFrame(c *client, f frame) {
	switch {
	case c.fresh && f.Kind != "SNAPSHOT":
		m.t.Fatalf("%s: first frame is %s", c.name, f.Kind)
	case f.Kind == "RESET" && !c.reset:
		m.resets++
		c.rows, c.reset = state{}, true
	}
	if f.Last {
		c.reset = false
	}
	if len(f.Events) > 5 {
		m.t.Fatalf("%s: %d rows in a frame", c.name, len(f.Events))
	}
}

func (m *model) takeEvent(c *client, ev event) {
	key := ev.Row.Text(0)
	held, ok := c.rows[key]
	if want := ev.Op != "INSERT"; ok != want {
		m.t.Fatalf("%s: %s of key %s, which it holds: %v", c.name, ev.Op, key, ok)
	}
	if ev.Op == "DELETE" {
		if !c.where.Match(ev.Row) {
			m.t.Fatalf("%s: deleted row %q was never in the view", c.name, ev.Row)
		}
		delete(c.rows, key)
		return
	}
	if ev.Op == "UPDATE" {
		diff := relation.Diff(held, ev.Row, relation.NewColumnSet(3))
		for i := range 3 {
			if diff.Has(i) && !slices.Contains(ev.Fields, i) {
				m.t.Fatalf("%s: column %d of key %s changed and is not in %v", c.name, i, key, ev.Fields)
			}
			if c.eager && slices.Contains(ev.Fields, i) && !diff.Has(i) {
				m.t.Fatalf("%s: column %d of key %s did not change and is in %v", c.name, i, key, ev.Fields)
			}
		}
	}
	c.rows[key] = ev.Row
}

func (m *model) batch() relation.Batch {
	m.time++
	b := relation.Batch{Time: m.time}
	for range m.rng.IntN(6) {
		key := strconv.Itoa(m.rng.IntN(10))
		old, live := m.rows[key]
		row := relation.Texts(key, strconv.Itoa(m.rng.IntN(3)), strconv.Itoa(m.rng.IntN(6)))
		switch {
		case live && m.rng.IntN(3) == 0:
			b.Changes = append(b.Changes, relation.Change{Op: relation.Delete, Old: old})
			delete(m.rows, key)
			continue
		case live:
			b.Changes = append(b.Changes, relation.Change{Op: relation.Update, Old: old, New: row})
		default:
			b.Changes = append(b.Changes, relation.Change{Op: relation.Insert, New: row})
		}
		m.rows[key] = row
	}
	m.history[m.time] = maps.Clone(m.rows)
	return b
}

func (m *model) step(check func(want []state)) {
	before := maps.Clone(m.rows)
	states := []state{before}
	if m.rng.IntN(15) == 0 { // upstream came back with a new snapshot
		m.batch()
		m.feed.Abort()
		for _, r := range m.rows {
			_ = m.feed.Load([]relation.Row{r})
		}
		if err := m.feed.Commit(relation.Frontier{Time: m.time}); err != nil {
			m.t.Fatal(err)
		}
		check(append(states, maps.Clone(m.rows)))
		return
	}
	var batches []relation.Batch
	for range 1 + m.rng.IntN(3) {
		batches = append(batches, m.batch())
		states = append(states, maps.Clone(m.rows))
	}
	fr := relation.Frontier{Time: m.time + uint64(m.rng.IntN(2))}
	m.time = fr.Time
	m.history[m.time] = maps.Clone(m.rows)
	if err := m.feed.Apply(batches, fr); err != nil {
		m.t.Fatal(err)
	}
	check(states)
}

// everyChange checks that a client that keeps up saw each time's difference.
func (m *model) everyChange(c *client, states []state) {
	want := 0
	for i := 1; i < len(states); i++ {
		a, b := m.visible(c, states[i-1]), m.visible(c, states[i])
		for key := range b {
			if a[key] != b[key] {
				want++
			}
		}
		for key := range a {
			if _, ok := b[key]; !ok {
				want++
			}
		}
	}
	got := 0
	for _, f := range c.seen {
		got += len(f.Events)
	}
	if got != want {
		m.t.Fatalf("%s saw %d changes, want %d", c.name, got, want)
	}
}

func where(t *testing.T, n int) *filter.Predicate {
	t.Helper()
	p, err := filter.Compile(schema(), map[string]any{"b": map[string]any{"_gte": json.Number(strconv.Itoa(n))}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func run(t *testing.T, seed uint64, steps int) (resyncs, resets int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 2))
	m := &model{
		t: t, rng: rng, rows: state{}, history: map[uint64]state{0: {}},
		feed: feed.New(schema(), feed.Config{RingChunks: 4, RingBytes: 6000, MaxGraves: 12}),
	}
	defer m.feed.Close()
	var clients []*client
	for i := range 8 {
		c := &client{m: m, wake: make(chan struct{}, 1), name: fmt.Sprintf("seed %d client %d", seed, i), frames: i%2 == 0, where: filter.All()}
		if i >= 4 {
			c.where = where(t, i-2)
		}
		clients = append(clients, c)
	}
	if err := m.feed.Commit(relation.Frontier{}); err != nil {
		t.Fatal(err)
	}
	m.feed.SetState(feed.Live, "")
	for _, c := range clients {
		m.open(c)
	}
	eager := []*client{clients[0], clients[1]}
	for _, c := range eager {
		c.eager = true
	}
	for range steps {
		for _, c := range eager {
			m.pull(c, 1<<30)
			c.seen = nil
		}
		m.step(func(states []state) {
			for _, c := range eager {
				if want := m.visible(c, m.rows); !maps.Equal(c.rows, want) && !c.woken.Load() {
					t.Fatalf("%s has something to pull and was not woken", c.name)
				}
				m.pull(c, 1<<30)
				m.everyChange(c, states)
			}
		})
		for _, c := range clients[2:] {
			switch rng.IntN(12) {
			case 0, 1, 2:
				m.pull(c, 1+rng.IntN(300))
			case 3:
				m.pull(c, 1<<30)
			case 4:
				if rng.IntN(3) == 0 {
					c.cursor.Close()
					m.open(c)
				}
			}
		}
	}
	for _, c := range clients {
		for m.pull(c, 1<<30); !c.cursor.Joined(); m.pull(c, 1<<30) {
			if !c.woken.Load() { // otherwise it was opened again by pull
				<-c.wake
			}
		}
		m.pull(c, 1<<30)
		c.cursor.Close()
	}
	if n, _ := m.feed.Demand(); n != 0 {
		t.Fatalf("demand %d after every cursor is closed", n)
	}
	return m.resyncs, m.resets
}

// TestModel drives the feed with random times, snapshots and readers of every
// speed, and compares what each was told with a plain map: states, operations,
// changed fields, time borders.
func TestModel(t *testing.T) {
	t.Parallel()
	resyncs, resets := 0, 0
	for seed := range uint64(modelSeeds) {
		a, b := run(t, seed, 150)
		resyncs, resets = resyncs+a, resets+b
	}
	if resyncs == 0 || resets == 0 {
		t.Fatalf("the runs never met a compacted reader: %d resyncs, %d resets", resyncs, resets)
	}
}

func FuzzModel(f *testing.F) {
	f.Add(uint64(7), uint16(50))
	f.Fuzz(func(t *testing.T, seed uint64, steps uint16) { run(t, seed, int(steps%1000)) })
}
