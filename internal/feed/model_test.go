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
	"time"

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
	From   string
}

// encoder writes frames as JSON: one message per event, or one per frame.
type encoder struct{ frames bool }

func (e encoder) ID() string   { return fmt.Sprintf("test %v", e.frames) }
func (e encoder) Frames() bool { return e.frames }

func (e encoder) Encode(dst []byte, ends []int, f *feed.Frame) ([]byte, []int) {
	out := frame{Kind: f.Kind.String(), Last: f.Last, Time: f.Time, State: f.State.String(), Cursor: f.Cursor, From: f.From}
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
	resume bool // inside a RESUMED set
	unsure bool // it was resumed: it may hold rows that are newer than the feed, and is told of all that are gone, or came back
	asked  string
	marks  []string // cursors since the rows were new, oldest first
	on     int      // which feed
	paced  bool     // asked for a rate: it may have to wait for the rest
	idle   bool     // the last Pull returned false
	rows   state
	time   uint64
	synced bool // has its snapshot
	fresh  bool // no message yet
	seen   []frame
}

// model drives two feeds over the same upstream. The first is told at once; the
// second later, and of other snapshots.
type model struct {
	t       *testing.T
	rng     *rand.Rand
	feed    *feed.Feed
	twin    *feed.Feed
	rows    state
	behind  state              // the twin's
	late    []func(*feed.Feed) // what the twin has yet to hear
	history map[uint64]state
	time    uint64
	resyncs int
	resets  int
	resumes int
}

func (m *model) open(c *client) {
	c.asked, c.on = "", 0
	if c.frames && !c.eager && len(c.marks) > 0 && !c.reset && !c.resume && m.rng.IntN(4) > 0 {
		c.asked = c.marks[m.rng.IntN(len(c.marks))] // the rows may be of any later time
		c.on = m.rng.IntN(2)
	} else {
		c.rows, c.marks = state{}, nil
	}
	c.time, c.synced, c.fresh, c.idle, c.seen = 0, false, true, false, nil
	c.reset, c.resume, c.unsure = false, false, false
	c.woken.Store(false)
	o := feed.Options{Where: c.where, Encoder: encoder{c.frames}, MaxRows: 1 + m.rng.IntN(5)}
	if c.paced = !c.eager && m.rng.IntN(3) == 0; c.paced {
		o.MaxRate = 1e6
	}
	f := m.feed
	if c.on == 1 {
		f = m.twin
	}
	if c.asked != "" {
		var err error
		if o.Resume, err = feed.ParseCursor(c.asked, c.where); err != nil {
			m.t.Fatal(err)
		}
		m.poll(c, f, o.Resume)
	}
	c.cursor = f.Subscribe(o, func() {
		c.woken.Store(true)
		select {
		case c.wake <- struct{}{}:
		default:
		}
	})
	<-c.wake // a new cursor is woken at once
}

// poll lays one complete frame over the client's rows.
func (m *model) poll(c *client, f *feed.Feed, at feed.Position) {
	if f == m.twin {
		m.catchUp(len(m.late)) // or it would wait for the time
	}
	fr, err := f.Frame(m.t.Context(), c.where, at)
	if err != nil {
		m.t.Fatal(err)
	}
	rows := maps.Clone(c.rows)
	switch fr.Kind {
	case feed.Reset:
		clear(rows)
	case feed.Resumed:
		if fr.From != c.asked {
			m.t.Fatalf("%s: a frame from %q, not %q", c.name, fr.From, c.asked)
		}
	case feed.Snapshot, feed.LiveFrame:
		m.t.Fatalf("%s: %v for a reader with a cursor", c.name, fr.Kind)
	}
	for _, ev := range fr.Events {
		if ev.Op == feed.Delete {
			delete(rows, ev.Row.Text(0))
		} else {
			rows[ev.Row.Text(0)] = ev.Row
		}
	}
	if want := m.visible(c, m.history[fr.Time]); !fr.Last || !maps.Equal(rows, want) {
		m.t.Fatalf("%s: the %v frame of time %d\n gives %q\n want  %q", c.name, fr.Kind, fr.Time, rows, want)
	}
}

// catchUp tells the twin n of the things that it has yet to hear.
func (m *model) catchUp(n int) {
	for _, tell := range m.late[:n] {
		tell(m.twin)
	}
	m.late = m.late[n:]
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
		now := m.rows
		if c.on == 1 {
			now = m.behind
		}
		if want := m.visible(c, now); !c.paced && !maps.Equal(c.rows, want) {
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
	if f.Last {
		c.reset, c.resume = false, false
	}
	if c.frames && f.Last {
		if f.Cursor == "" {
			m.t.Fatalf("%s: a last frame without cursor", c.name)
		}
		if want := m.visible(c, m.history[f.Time]); !maps.Equal(c.rows, want) {
			m.t.Fatalf("%s: after the %s frame of time %d\n has  %q\n want %q", c.name, f.Kind, f.Time, c.rows, want)
		}
		c.marks = append(c.marks, f.Cursor)
	}
	c.fresh = false
	if c.synced {
		c.seen = append(c.seen, f)
	}
}

func (m *model) takeFrame(c *client, f frame) {
	switch {
	case c.fresh && c.asked == "" && f.Kind != "SNAPSHOT",
		c.fresh && c.asked != "" && f.Kind != "RESUMED" && f.Kind != "RESET",
		!c.fresh && f.Kind == "RESUMED" && !c.resume,
		f.Kind == "RESUMED" && f.From != c.asked:
		m.t.Fatalf("%s: a frame %s from %q", c.name, f.Kind, f.From)
	case f.Kind == "RESET" && !c.reset:
		m.resets++
		c.rows, c.reset, c.resume, c.marks = state{}, true, false, nil
	case f.Kind == "RESUMED" && !c.resume:
		m.resumes++
		c.resume, c.unsure = true, true
	}
	if len(f.Events) > 5 {
		m.t.Fatalf("%s: %d rows in a frame", c.name, len(f.Events))
	}
}

func (m *model) takeEvent(c *client, ev event) {
	key := ev.Row.Text(0)
	held, ok := c.rows[key]
	// A difference may be laid over any state since: it tells all of rows that
	// came or went, and what changed of those that were there all the time.
	if want := ev.Op != "INSERT"; ok != want && (!c.resume || ev.Op == "UPDATE") && (!c.unsure || ev.Op == "UPDATE") {
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
	var batches []relation.Batch
	for range 1 + m.rng.IntN(3) {
		batches = append(batches, m.batch())
		states = append(states, maps.Clone(m.rows))
	}
	fr := relation.Frontier{Time: m.time + uint64(m.rng.IntN(2))}
	m.time = fr.Time
	now := maps.Clone(m.rows)
	m.history[m.time] = now
	// Upstream may come back with a snapshot, to either feed: what happened since
	// the one before, that feed does not know.
	tell := func(f *feed.Feed, snapshot bool) {
		var err error
		if snapshot {
			f.Abort()
			for _, r := range now {
				_ = f.Load([]relation.Row{r})
			}
			err = f.Commit(fr)
		} else {
			err = f.Apply(batches, fr)
		}
		if err != nil {
			m.t.Fatal(err)
		}
	}
	snapshot := m.rng.IntN(15) == 0
	tell(m.feed, snapshot)
	anew := m.rng.IntN(15) == 0
	m.late = append(m.late, func(f *feed.Feed) {
		tell(f, anew)
		m.behind = now
	})
	m.catchUp(m.rng.IntN(len(m.late) + 1))
	if snapshot {
		states = []state{before, now}
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

func run(t *testing.T, seed uint64, steps int) *model {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 2))
	cfg := feed.Config{RingChunks: 4, RingBytes: 6000, MaxGraves: 12, UndoBytes: 10_000, ResumeWait: time.Hour}
	m := &model{
		t: t, rng: rng, rows: state{}, behind: state{}, history: map[uint64]state{0: {}},
		feed: feed.New(schema(), cfg), twin: feed.New(schema(), cfg),
	}
	defer m.feed.Close()
	defer m.twin.Close()
	var clients []*client
	for i := range 8 {
		c := &client{m: m, wake: make(chan struct{}, 1), name: fmt.Sprintf("seed %d client %d", seed, i), frames: i%2 == 0, where: filter.All()}
		if i >= 4 {
			c.where = where(t, i-2)
		}
		clients = append(clients, c)
	}
	for _, f := range []*feed.Feed{m.feed, m.twin} {
		if err := f.Commit(relation.Frontier{}); err != nil {
			t.Fatal(err)
		}
		f.SetState(feed.Live, "")
	}
	eager := []*client{clients[0], clients[1]}
	for _, c := range eager {
		c.eager = true
	}
	for _, c := range clients {
		m.open(c)
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
	m.catchUp(len(m.late))
	for _, c := range clients {
		done := func() bool { return c.idle && c.cursor.Joined() && maps.Equal(c.rows, m.visible(c, m.rows)) }
		for m.pull(c, 1<<30); !done(); m.pull(c, 1<<30) {
			if !c.woken.Load() { // otherwise it was opened again by pull
				<-c.wake
			}
		}
		c.cursor.Close()
	}
	for _, f := range []*feed.Feed{m.feed, m.twin} {
		if n, _ := f.Demand(); n != 0 {
			t.Fatalf("demand %d after every cursor is closed", n)
		}
	}
	return m
}

// TestModel drives the feed with random times, snapshots and readers of every
// speed, and compares what each was told with a plain map: states, operations,
// changed fields, time borders.
func TestModel(t *testing.T) {
	t.Parallel()
	resyncs, resets, resumes := 0, 0, 0
	for seed := range uint64(modelSeeds) {
		m := run(t, seed, 150)
		resyncs, resets, resumes = resyncs+m.resyncs, resets+m.resets, resumes+m.resumes
	}
	if resyncs == 0 || resets == 0 || resumes == 0 {
		t.Fatalf("the runs met too little: %d resyncs, %d resets, %d resumes", resyncs, resets, resumes)
	}
	t.Logf("%d resyncs, %d resets, %d resumes", resyncs, resets, resumes)
}

func FuzzModel(f *testing.F) {
	f.Add(uint64(7), uint16(50))
	f.Fuzz(func(t *testing.T, seed uint64, steps uint16) { run(t, seed, int(steps%1000)) })
}
