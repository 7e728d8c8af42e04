package robustness

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// sampled is how many states a sample has behind the first.
const sampled = 60

// sample makes a model of random states, 10 apart in time.
func sample(seed uint64) *model {
	l := &ledger{r: rand.New(rand.NewPCG(seed, 1)), rows: map[string]*record{}, size: 5}
	m := newModel()
	m.commit(&state{before: 5, after: 5, rows: map[string]*record{}, calm: true})
	for i := range sampled {
		t := l.draw(i % lanes)
		l.keep(t)
		at := uint64(i+1) * 10
		m.commit(&state{before: at, after: at, rows: maps.Clone(l.rows), keys: t.keys(), calm: true})
	}
	return m
}

// ideal is the history of a client that joins at a state and keeps up to the
// end.
type ideal struct {
	t     *testing.T
	m     *model
	p     *profile
	v     *view
	steps []*step
}

func newIdeal(m *model, p *profile, from int) *ideal {
	d := &ideal{m: m, p: p, v: newView(m, &p.Where)}
	d.add(&step{What: stepOpen})
	d.snapshot("SNAPSHOT", from)
	d.live(from, len(m.states)-1)
	return d
}

func (d *ideal) add(s *step) {
	s.At, s.Calm = time.Duration(len(d.steps))*100*time.Millisecond, true
	d.steps = append(d.steps, s)
}

// put adds the events of a time, as one frame or as messages.
func (d *ideal) put(kind string, state int, events []event) {
	m := message{Kind: kind, Last: true, Time: d.m.states[state].after, Cursor: fmt.Sprint("c", state), State: "LIVE", Events: events}
	if d.p.frames() {
		d.add(&step{What: stepMessage, Message: &m})
		return
	}
	for _, e := range events {
		d.add(&step{What: stepMessage, Message: &message{Time: m.Time, Events: []event{e}}})
	}
}

func (d *ideal) snapshot(kind string, state int) {
	rows := d.v.rows(d.m.states[state])
	var events []event
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		events = append(events, event{Op: "INSERT", Key: key, Row: d.p.Select.of(rows[key]), Fields: columnNames()})
	}
	d.put(kind, state, events)
}

// live adds every visible change after a state.
func (d *ideal) live(from, to int) {
	for i := from + 1; i <= to; i++ {
		if events := d.events(i-1, i); events != nil {
			d.put("LIVE", i, events)
		}
	}
	d.add(&step{What: stepQuiet, State: to})
}

func (d *ideal) events(from, to int) (events []event) {
	between := d.v.between(from, to)
	for _, key := range slices.Sorted(maps.Keys(between)) {
		w := between[key]
		fields := columnNames()
		if w.op == "UPDATE" {
			fields = changed(w.old, w.row)
		}
		events = append(events, event{Op: w.op, Key: key, Row: d.p.Select.of(w.row), Fields: fields})
	}
	return events
}

// expect checks the history and compares the first complaint.
func (d *ideal) expect(t *testing.T, want string) {
	t.Helper()
	got := check(d.m, d.p, d.steps)
	switch {
	case want == "" && len(got) > 0:
		t.Errorf("step %d: %s\n%s", got[0].Step, got[0].Text, d.steps[got[0].Step])
	case want != "" && !slices.ContainsFunc(got, func(c complaint) bool { return strings.Contains(c.Text, want) }):
		t.Errorf("no complaint about %q in %v", want, got)
	}
}

func profileOf(kind string) *profile {
	p := &profile{Name: "x", Kind: kind, Select: selection{0, 1, 3, 9}, Eager: true, Filter: "{}"}
	if kind == kindChanges {
		p.Where = where{op: "_gte", col: balance, args: []string{"0"}}
		p.Filter = p.Where.String()
	}
	return p
}

func TestRightHistoriesPass(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		m := sample(seed)
		newIdeal(m, profileOf(kindChanges), 20).expect(t, "")
		newIdeal(m, profileOf(kindRows), 20).expect(t, "")
	}
}

// find returns the n-th message of which ok holds.
func (d *ideal) find(ok func(*message) bool) int {
	d.t.Helper()
	for i, s := range d.steps {
		if s.Message != nil && i > 25 && ok(s.Message) {
			return i
		}
	}
	d.t.Fatal("the sample has no such message")
	return 0
}

func has(op string) func(*message) bool {
	return func(m *message) bool { return m.Kind != "SNAPSHOT" && m.Events[0].Op == op }
}

// corruptions are what a gateway could do wrong, and the words that the checker
// has for it.
var corruptions = []struct {
	name, kind, want string
	spoil            func(d *ideal)
}{
	{"a lost message", kindRows, "torn", func(d *ideal) {
		i := d.find(has("INSERT"))
		d.steps = slices.Delete(d.steps, i, i+1)
	}},
	{"a lost last message", kindRows, "lost: the rows are not the final ones", func(d *ideal) {
		n := len(d.steps) - 2
		d.steps = slices.Delete(d.steps, n, n+1)
	}},
	{"a lost row of a frame", kindChanges, "torn", func(d *ideal) {
		m := d.steps[d.find(has("INSERT"))].Message
		m.Events = m.Events[1:]
	}},
	{"a state that was left out", kindChanges, "lost: the client keeps up", func(d *ideal) {
		var kept []*step
		joined := false
		for _, s := range d.steps {
			if s.Message != nil && s.Message.Time > 300 && s.Message.Time <= 350 {
				if !joined {
					joined = true
					s.Message.Events, s.Message.Time = d.events(30, 35), 350
					kept = append(kept, s)
				}
				continue
			}
			kept = append(kept, s)
		}
		d.steps = kept
	}},
	{"the same message twice", kindRows, "INSERT of a row that the client has", func(d *ideal) {
		i := d.find(has("INSERT"))
		d.steps = slices.Insert(d.steps, i, d.steps[i])
	}},
	{"the same update twice", kindChanges, "nothing happened", func(d *ideal) {
		m := d.steps[d.find(has("UPDATE"))].Message
		m.Events = append(m.Events, m.Events[0])
	}},
	{"an update that changes nothing", kindRows, "nothing happened", func(d *ideal) {
		i := d.find(has("UPDATE"))
		for d.steps[i].Message.Time == d.steps[i+1].Message.Time {
			i++
		}
		again := *d.steps[i].Message
		again.Events = []event{{Op: "UPDATE", Key: again.Events[0].Key, Row: again.Events[0].Row, Fields: []string{"big"}}}
		again.Time++
		d.steps = slices.Insert(d.steps, i+1, &step{What: stepMessage, Message: &again})
	}},
	{"an unknown row deleted", kindRows, "DELETE of a row that the client does not have", func(d *ideal) {
		i := d.find(has("DELETE"))
		d.steps = slices.Insert(d.steps, i, d.steps[i])
	}},
	{"an unknown row updated", kindChanges, "UPDATE of a row that the client does not have", func(d *ideal) {
		d.steps[d.find(has("INSERT"))].Message.Events[0].Op = "UPDATE"
	}},
	{"a step back in time", kindRows, "time went back", func(d *ideal) {
		d.steps[d.find(has("UPDATE"))].Message.Time -= 100
	}},
	{"a frame with the rows of an earlier time", kindChanges, "torn", func(d *ideal) {
		i := d.find(has("UPDATE"))
		d.steps[i].Message.Time = d.steps[i-1].Message.Time
	}},
	{"a time in two parts", kindRows, "torn", func(d *ideal) {
		i := d.find(func(m *message) bool { return m.Time > 400 })
		for d.steps[i].Message.Time != d.steps[i+1].Message.Time {
			i++
		}
		d.steps[i].Message.Time--
	}},
	{"a stale cell", kindChanges, "torn", func(d *ideal) {
		d.steps[d.find(has("UPDATE"))].Message.Events[0].Row[1] = "stale"
	}},
	{"a field that is not named", kindRows, "names fields", func(d *ideal) {
		e := &d.steps[d.find(func(m *message) bool { return len(m.Events[0].Fields) == 2 })].Message.Events[0]
		e.Fields = e.Fields[:1]
	}},
	{"a field too many", kindChanges, "names fields", func(d *ideal) {
		d.steps[d.find(has("UPDATE"))].Message.Events[0].Fields = columnNames()
	}},
	{"no fields", kindRows, "UPDATE that names no field", func(d *ideal) {
		d.steps[d.find(has("UPDATE"))].Message.Events[0].Fields = nil
	}},
	{"an insert without all fields", kindChanges, "does not name all fields", func(d *ideal) {
		d.steps[d.find(has("INSERT"))].Message.Events[0].Fields = []string{"id"}
	}},
	{"a deleted row as it never was", kindChanges, "carries", func(d *ideal) {
		d.steps[d.find(has("DELETE"))].Message.Events[0].Row[1] = "other"
	}},
	{"the wrong operation", kindRows, "INSERT of a row that the client has", func(d *ideal) {
		e := &d.steps[d.find(has("UPDATE"))].Message.Events[0]
		e.Op, e.Fields = "INSERT", columnNames()
	}},
	{"the wrong first kind", kindChanges, "the first frame is LIVE", func(d *ideal) { d.steps[1].Message.Kind = "LIVE" }},
	{"a second snapshot", kindChanges, "after a complete set", func(d *ideal) {
		d.steps[d.find(has("UPDATE"))].Message.Kind = "SNAPSHOT"
	}},
	{"a reset without need", kindChanges, "RESET, though", func(d *ideal) {
		i := d.find(has("UPDATE"))
		n := len(d.steps)
		d.snapshot("RESET", int(d.steps[i].Message.Time/10))
		d.steps = slices.Insert(d.steps[:n], i+1, d.steps[n])
	}},
	{"no cursor", kindChanges, "without a cursor", func(d *ideal) { d.steps[d.find(has("UPDATE"))].Message.Cursor = "" }},
	{"a set without end", kindChanges, "has no end", func(d *ideal) { d.steps[len(d.steps)-2].Message.Last = false }},
	{"too many rows", kindChanges, "rows in a frame of at most", func(d *ideal) { d.p.MaxRows = 1 }},
	{"too often", kindChanges, "maxRate", func(d *ideal) { d.p.MaxRate = 3 }},
	{"rows too often", kindRows, "maxRate", func(d *ideal) { d.p.MaxRate = 1 }},
	{"an error", kindRows, "error: boom", func(d *ideal) { d.add(&step{What: stepError, Note: "boom"}) }},
	{"resynchronized without need", kindRows, "RESYNC_REQUIRED", func(d *ideal) {
		d.add(&step{What: stepError, Note: "RESYNC_REQUIRED"})
	}},
	{"money lost", kindRows, "sum of all balances", func(d *ideal) {
		last := d.m.states[len(d.m.states)-1]
		for key, r := range last.rows {
			last.rows[key] = r.with(func(c []string) { c[balance] = "1" })
		}
		*d = ideal{t: d.t, m: d.m, p: d.p, v: newView(d.m, &d.p.Where)}
		d.add(&step{What: stepOpen})
		d.snapshot("SNAPSHOT", len(d.m.states)-1)
		d.add(&step{What: stepQuiet, State: len(d.m.states) - 1})
	}},
}

func TestCheckerComplains(t *testing.T) {
	t.Parallel()
	for _, c := range corruptions {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newIdeal(sample(4), profileOf(c.kind), 20)
			d.t = t
			c.spoil(d)
			d.expect(t, c.want)
		})
	}
}

// resumption is a history that goes on behind a cursor.
func resumption(from, held int, kind string) *ideal {
	const to = 45
	d := newIdeal(sample(4), profileOf(kindChanges), held)
	d.steps = d.steps[:2] // the client holds the state held
	d.add(&step{What: stepEnd})
	d.add(&step{What: stepOpen, Resume: fmt.Sprint("c", from)})
	switch kind {
	case "RESUMED":
		var events []event
		for key, w := range d.v.between(from, to) {
			events = append(events, event{Op: w.op, Key: key, Row: d.p.Select.of(w.row), Fields: columnNames()})
		}
		for key := range d.m.states[held].rows { // what came and went between is deleted, known or not
			if row := d.m.states[to].rows[key]; !d.v.has(row) && !slices.ContainsFunc(events, func(e event) bool { return e.Key == key }) {
				events = append(events, event{Op: "DELETE", Key: key, Row: make([]string, 4), Fields: columnNames()})
			}
		}
		for key, row := range d.v.rows(d.m.states[to]) { // and what went and came back is told anew
			if before := d.m.states[held].rows[key]; !row.same(before) && row.same(d.m.states[from].rows[key]) {
				events = append(events, event{Op: "UPDATE", Key: key, Row: d.p.Select.of(row), Fields: columnNames()})
			}
		}
		d.put(kind, to, events)
	default:
		d.snapshot(kind, to)
	}
	d.steps[len(d.steps)-1].Message.From = map[bool]string{true: fmt.Sprint("c", from)}[kind == "RESUMED"]
	d.live(to, 60)
	return d
}

func TestCheckerOfResumption(t *testing.T) {
	t.Parallel()
	resumption(30, 30, "RESUMED").expect(t, "")
	resumption(30, 38, "RESUMED").expect(t, "")
	resumption(30, 38, "RESET").expect(t, "")
	resumption(30, 30, "SNAPSHOT").expect(t, "after a cursor is SNAPSHOT")
	resumption(30, 30, "LIVE").expect(t, "after a cursor is LIVE")

	d := resumption(38, 38, "RESET")
	d.p.Reaches = true
	d.expect(t, "RESET, though nothing was broken since the cursor")
	d.p.Apart = true
	d.expect(t, "RESET, though nothing was broken since the cursor")
	d.steps[3].Gateway = 1 // which was away from upstream, having no readers
	d.expect(t, "")

	d = resumption(30, 38, "RESUMED")
	for i := range d.steps[4].Message.Events {
		if e := &d.steps[4].Message.Events[i]; e.Op == "UPDATE" {
			e.Fields = []string{"big"}
		}
	}
	d.expect(t, "no frame of the RESUMED set names it")

	d = resumption(38, 38, "RESET")
	d.p.Difference = true
	d.expect(t, "wants no snapshot")

	d = resumption(30, 38, "RESUMED")
	m := d.steps[4].Message
	m.From = "c31"
	d.expect(t, "RESUMED from")

	d = resumption(38, 38, "RESET")
	d.steps = slices.Insert(d.steps, 2, &step{What: stepQuiet, State: 38, Calm: true}) // and goes on at 45
	d.expect(t, "")
	d = newIdeal(sample(4), profileOf(kindChanges), 38)
	d.steps = slices.Insert(d.steps[:2], 0, &step{What: stepOpen}, &step{What: stepQuiet, State: 39, Calm: true})
	d.expect(t, "old: SNAPSHOT")

	d = resumption(30, 38, "RESUMED")
	m = d.steps[4].Message
	m.Events = nil
	d.expect(t, "torn")
}

func TestCheckerOfGatewaysBehind(t *testing.T) {
	t.Parallel()
	resumption(30, 50, "RESUMED").expect(t, "") // it was at 50, and goes on at 45

	stray := func(after time.Duration) *ideal {
		d := resumption(30, 38, "RESUMED")
		d.steps = d.steps[:5]
		d.put("LIVE", 45, []event{{Op: "DELETE", Key: "999", Row: make([]string, 4), Fields: columnNames()}})
		d.steps[5].At = d.steps[4].At + after
		return d
	}
	stray(time.Second).expect(t, "nothing happened") // the row was in no state, but may be deleted
	stray(time.Minute).expect(t, "DELETE of a row that the client does not have")
}

func TestCheckerOfSetBack(t *testing.T) {
	t.Parallel()
	back := func(era int) *ideal {
		d := newIdeal(sample(4), profileOf(kindChanges), 60)
		old := d.m.states[60]
		d.m.commit(&state{before: 3, after: 3, era: era, rows: old.rows, calm: true})
		d.put("LIVE", 61, nil)
		return d
	}
	back(1).expect(t, "")
	anew := back(1)
	anew.steps = append(anew.steps, &step{What: stepQuiet, State: 61}, &step{What: stepEnd}, &step{What: stepOpen})
	anew.snapshot("SNAPSHOT", 61) // of a time before all that were
	anew.expect(t, "")
	back(0).expect(t, "time went back")
}

// A conflated difference whose last update changes nothing that is selected,
// and comes when the client holds the final rows already.
func TestCheckerOfUpdatesOnTheirWay(t *testing.T) {
	t.Parallel()
	tried := 0
	p := profileOf(kindRows)
	p.Select, p.Eager = selection{0}, false
	for to := 22; to < 60; to++ {
		d := newIdeal(sample(4), p, 20)
		unseen := func(e event) bool {
			w := d.v.between(20, to)[e.Key]
			return w.op == "UPDATE" && slices.Equal(d.p.Select.of(w.old), d.p.Select.of(w.row))
		}
		events := d.events(20, to)
		i := slices.IndexFunc(events, unseen)
		if i < 0 || d.v.skipped(20, to) == 0 {
			continue
		}
		tried++
		d.steps = d.steps[:1]
		d.snapshot("SNAPSHOT", 20)
		last := events[i]
		d.put("LIVE", to, slices.Delete(events, i, i+1))
		d.add(&step{What: stepQuiet, State: to})
		d.put("LIVE", to, []event{last})
		d.live(to, 60)
		d.expect(t, "")
	}
	if tried == 0 {
		t.Error("the sample has no such difference")
	}
}

// A client that reads late, of a row that there is no more: it holds the final
// rows, none, before it has read the first.
func TestCheckerOfLateReaders(t *testing.T) {
	t.Parallel()
	p := profileOf(kindRows)
	p.Eager, p.Filter = false, "one row"
	tried := 0
	for id := 1; id < 12; id++ {
		p.Where = where{op: "_eq", col: 0, args: []string{strconv.Itoa(id)}}
		d := newIdeal(sample(4), p, 20)
		gone := slices.IndexFunc(d.m.states[20:], func(s *state) bool { return len(d.v.rows(s)) == 0 })
		if gone <= 0 {
			continue
		}
		tried++
		d.steps = slices.Insert(d.steps, 1, &step{What: stepQuiet, State: 20 + gone})
		d.expect(t, "")
	}
	if tried == 0 {
		t.Error("the sample has no such row")
	}
}

func TestCheckerOfAnswers(t *testing.T) {
	t.Parallel()
	m := sample(4)
	p := &profile{Kind: kindQuery, Select: selection{0, 3}, Filter: "{}"}
	answer := func(state int) *step {
		s := &step{What: stepMessage, State: 60, Message: &message{}}
		for key, r := range m.states[state].rows {
			s.Message.Events = append(s.Message.Events, event{Op: "UPSERT", Key: key, Row: p.Select.of(r)})
		}
		return s
	}
	expect := func(want string, steps ...*step) {
		t.Helper()
		(&ideal{m: m, p: p, steps: steps}).expect(t, want)
	}
	expect("", answer(20), answer(20), answer(40), answer(60))
	expect("torn", answer(40), answer(20))
	quiet := func(state int, calm bool) *step { return &step{What: stepQuiet, State: state, Calm: calm} }
	calmly := func(s *step) *step { s.Calm = true; return s }
	elsewhere := &step{What: stepOpen, Gateway: 1}
	expect("", answer(40), quiet(40, true), elsewhere, calmly(answer(40)))
	expect("torn", answer(40), quiet(40, true), elsewhere, calmly(answer(20)))
	expect("", answer(40), quiet(40, true), elsewhere, answer(20))
	expect("", answer(40), quiet(40, false), elsewhere, calmly(answer(20)))
	torn := answer(40)
	torn.Message.Events[0].Row = []string{"1", "77"}
	expect("torn", torn)
}
