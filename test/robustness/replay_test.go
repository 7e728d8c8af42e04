package robustness

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// held is a client's set of rows: the selected cells by key. It is what a
// program that believes every message would hold.
type held map[string][]string

// leniency is what a client has to put up with after it has resumed.
type leniency uint8

const (
	strict     leniency = iota
	doubtful            // rows may be deleted that it does not have, and inserted that it has
	idempotent          // and be told as they were
)

// apply takes one event in and says what is wrong with it.
func (h held) apply(e *event, p *profile, l leniency) (wrong string) {
	old, ok := h[e.Key]
	switch {
	case e.Op == "INSERT" && ok && l < doubtful:
		wrong = "INSERT of a row that the client has"
	case e.Op == "UPDATE" && !ok && l < idempotent:
		wrong = "UPDATE of a row that the client does not have"
	case e.Op == "DELETE" && !ok && l < doubtful:
		wrong = "DELETE of a row that the client does not have"
	case e.Op == "UPDATE" && len(e.Fields) == 0:
		wrong = "UPDATE that names no field"
	case e.Op == "UPDATE" && ok && l < idempotent:
		for i, c := range p.Select {
			if old[i] != e.Row[i] && !slices.Contains(e.Fields, columns[c].name) {
				wrong = columns[c].name + " changed and is not in fields"
			}
		}
	case p.fields() && (e.Op == "INSERT" || e.Op == "DELETE") && len(e.Fields) != len(columns):
		wrong = e.Op + " that does not name all fields"
	}
	if e.Op == "DELETE" {
		delete(h, e.Key)
	} else {
		h[e.Key] = e.Row
	}
	return wrong
}

// resync is the error of a client that has to begin anew.
const resync = "RESYNC_REQUIRED"

// complaint is a promise that was broken at a step of a history.
type complaint struct {
	Step int
	Text string
}

// replay goes through one client's history and compares it with the model.
type replay struct {
	m *model
	p *profile
	v *view

	rows held
	time uint64
	told bool  // time is valid
	base []int // the states that the rows can be as of last, ascending; none: not known
	news []*event

	cursors map[string]origin

	open    bool   // a subscription runs
	gateway int    // there
	resume  string // the cursor that it began with
	fresh   bool   // no frame yet
	within  string // the kind of the set of frames that has begun and not ended
	seen    map[string]bool
	before  held                       // the rows when the subscription began
	named   map[string]map[string]bool // the fields that a RESUMED set names, by key

	newest  uint64        // the time of the last complete set
	ahead   uint64        // what newest was when the client came back, while the gateway is not there yet
	resumed time.Duration // when the client was told RESUMED; 0: it was not

	settled int // the final state of a calm act that the next ones, calm too, begin with; 0: there is none

	step       int
	at         time.Duration
	calm       bool // nothing was broken at this step
	complaints []complaint
}

// origin is where a cursor comes from.
type origin struct {
	time    uint64
	gateway int
}

// check returns every broken promise of a history.
func check(m *model, p *profile, steps []*step) []complaint {
	r := &replay{m: m, p: p, v: newView(m, &p.Where), rows: held{}, cursors: map[string]origin{}}
	for i, s := range steps {
		r.step, r.calm, r.at = i, s.Calm, s.sent()
		r.take(s)
		if len(r.complaints) > 20 {
			break
		}
	}
	r.rate(steps)
	return r.complaints
}

func (r *replay) complain(format string, args ...any) {
	r.complaints = append(r.complaints, complaint{r.step, fmt.Sprintf(format, args...)})
}

func (r *replay) take(s *step) {
	switch s.What {
	case stepOpen:
		r.begin(s)
	case stepEnd:
		r.open = false
		if r.p.Kind == kindQuery && s.Note != answered {
			r.base = nil // the gateway may be another one
		}
	case stepError:
		r.open = false
		r.failed(s)
	case stepMessage:
		switch {
		case r.p.Kind == kindQuery:
			r.answer(s)
		case r.p.frames():
			r.frame(s)
		default:
			r.row(s.Message)
		}
	case stepQuiet:
		r.quiet(s)
		r.settled = 0
		if s.Calm {
			r.settled = s.State
		}
	}
}

func (r *replay) begin(s *step) {
	if s.Resume == "" {
		r.rows = held{}
	}
	r.open, r.resume, r.fresh, r.within, r.told = true, s.Resume, true, "", false
	if s.Resume == "" {
		r.newest = 0
	}
	r.ahead = r.newest
	r.resumed = 0
	r.before, r.named = maps.Clone(r.rows), map[string]map[string]bool{}
	if r.p.Kind != kindQuery || s.Gateway != r.gateway { // answers of one gateway never go back
		r.forget()
	}
	r.gateway = s.Gateway
}

// forget gives up knowing which state the rows are.
func (r *replay) forget() {
	r.base, r.news = nil, nil
}

// failed takes an error: only those that what went wrong explains.
func (r *replay) failed(s *step) {
	explained := false
	switch {
	case strings.Contains(s.Note, "SOURCE_NOT_READY"):
		explained = !s.Calm
	case strings.Contains(s.Note, resync) && r.p.Kind == kindRows:
		explained = !r.p.Eager || !s.Calm
	case strings.Contains(s.Note, resync):
		explained = r.p.Difference && r.resume != ""
	}
	if !explained {
		r.complain("error: %s", s.Note)
	}
}

// clock takes the time of a message: it never goes back, unless upstream did.
func (r *replay) clock(time uint64) {
	if r.told && time < r.time && r.m.era(time) <= r.m.era(r.time) {
		r.complain("time went back from %d to %d", r.time, time)
	}
	r.time, r.told = time, true
}

// row takes a message of one row: the rows are whole whenever its time is
// another one than before.
func (r *replay) row(m *message) {
	if r.told && m.Time != r.time {
		r.border(r.time)
	}
	r.clock(m.Time)
	r.events(m, strict)
}

// border compares the rows with the model at a time that has ended. Only a
// client that keeps up is promised to hold that state.
func (r *replay) border(time uint64) {
	if len(r.news) == 0 {
		return
	}
	if found := r.find(time); found != nil {
		r.arrive(found)
		return
	}
	if at := r.m.at(time); r.p.Eager && r.m.calm(at[0], at[len(at)-1]) && (r.base == nil || r.m.calm(r.base[0]+1, at[0])) {
		r.complain("torn: at the end of time %d the rows are not those of that time:\n%s", time, r.difference(at))
	}
	r.forget()
}

// frame takes a frame.
func (r *replay) frame(s *step) {
	m := s.Message
	r.kinds(m)
	if m.Time != 0 || len(m.Events) > 0 || m.Last {
		r.clock(m.Time)
	}
	if n := len(m.Events); r.p.MaxRows > 0 && n > r.p.MaxRows {
		r.complain("%d rows in a frame of at most %d", n, r.p.MaxRows)
	}
	r.events(m, r.leniency(m))
	r.within = m.Kind
	if m.Time != 0 && !r.behind(m.Time) {
		r.newest = m.Time
	}
	if !m.Last {
		if m.Cursor != "" && m.Kind != "LIVE" {
			r.complain("a cursor in a set that has not ended")
		}
		return
	}
	r.within = ""
	if m.Cursor == "" {
		r.complain("a complete set without a cursor")
	}
	r.cursors[m.Cursor] = origin{m.Time, r.gateway}
	if settled := r.m.states[r.settled]; r.settled > 0 && m.Kind != "LIVE" && r.calm && m.Time < settled.before {
		r.complain("old: %s of time %d, though state %d of time %d has been there since before this act", m.Kind, m.Time, r.settled, settled.before)
	}
	if m.Kind == "RESUMED" {
		r.resumed = r.at
	}
	if r.behind(m.Time) {
		r.forget()
		return
	}
	r.ahead = 0
	if m.Kind == "RESUMED" && r.p.fields() {
		r.covered()
	}
	found := r.find(m.Time)
	if found == nil {
		r.complain("torn: at last: true the rows are not those of time %d:\n%s", m.Time, r.difference(r.m.at(m.Time)))
		r.forget()
		return
	}
	if m.Kind != "LIVE" {
		r.base = nil
	}
	r.arrive(found)
}

// kinds checks the order of frame kinds.
func (r *replay) kinds(m *message) {
	switch {
	case r.fresh && r.resume == "" && m.Kind != "SNAPSHOT":
		r.complain("the first frame is %s instead of SNAPSHOT", m.Kind)
	case r.fresh && r.resume != "" && m.Kind != "RESUMED" && m.Kind != "RESET":
		r.complain("the first frame after a cursor is %s", m.Kind)
	case m.Kind == "RESET" && r.p.Difference && r.resume != "":
		r.complain("RESET of a client that wants no snapshot")
	case r.fresh && m.Kind == "RESET" && r.reachable(m):
		r.complain("RESET, though nothing was broken since the cursor")
	case !r.fresh && m.Kind == "RESET": // may come at any time
	case !r.fresh && r.within != "" && m.Kind != r.within:
		r.complain("a frame of kind %s inside a set of kind %s", m.Kind, r.within)
	case !r.fresh && r.within == "" && m.Kind != "LIVE":
		r.complain("a frame of kind %s after a complete set", m.Kind)
	}
	if m.Kind == "RESUMED" && m.From != r.resume {
		r.complain("RESUMED from %q instead of %q", m.From, r.resume)
	}
	if m.Kind != "RESUMED" && m.From != "" {
		r.complain("%s names a cursor that it continues", m.Kind)
	}
	if r.within == "" || m.Kind != r.within {
		r.seen = map[string]bool{}
		if m.Kind == "RESET" {
			if r.p.Eager && r.base != nil && r.calm && r.m.calm(r.base[0], r.base[0]) {
				r.complain("RESET, though the client kept up")
			}
			r.rows, r.ahead, r.resumed = held{}, 0, 0
		}
		if m.Kind != "LIVE" {
			r.forget()
		}
	}
	r.fresh = false
}

// reachable says that nothing was broken between the cursor and a frame, so
// that any gateway could have gone on.
func (r *replay) reachable(m *message) bool {
	then, ok := r.cursors[r.resume]
	if !ok || !r.p.Reaches || !r.calm || m.Time < then.time || r.p.Apart && then.gateway != r.gateway {
		return false
	}
	now := r.m.at(m.Time)
	return r.m.calm(r.m.at(then.time)[0], now[len(now)-1])
}

// leniency is what is allowed in a frame. A gateway may be behind the one that
// the client came from: until it has caught up, it tells the client of states
// that are older than what the client holds. It cannot know whether it is, and
// so deletes what may be there for a while.
func (r *replay) leniency(m *message) leniency {
	switch {
	case m.Kind == "RESUMED" || r.behind(m.Time):
		return idempotent
	case r.resumed > 0 && r.at < r.resumed+unsure:
		return doubtful
	}
	return strict
}

// unsure is the gateways' resume_wait, and some time for what was written for a
// reader before this one, or is told to one that stops reading in between.
const unsure = 9 * time.Second

// behind says that a gateway is at an earlier time than the client was when it
// came back.
func (r *replay) behind(time uint64) bool {
	return r.ahead > time && r.m.era(r.ahead) == r.m.era(time)
}

func (r *replay) events(m *message, l leniency) {
	for i := range m.Events {
		e := &m.Events[i]
		if e.Time != 0 && e.Time > m.Time {
			r.complain("a change of time %d in a frame of time %d", e.Time, m.Time)
		}
		if m.Kind == "RESUMED" && r.seen[e.Key] && e.Op == "INSERT" {
			r.complain("key %s twice in one set", e.Key)
		}
		if r.seen != nil {
			r.seen[e.Key] = true
		}
		if wrong := r.rows.apply(e, r.p, l); wrong != "" {
			r.complain("%s: %s %s %s fields %v", wrong, e.Op, e.Key, show(e.Row), e.Fields)
		}
		r.news = append(r.news, e)
		if m.Kind == "RESUMED" {
			if r.named[e.Key] == nil {
				r.named[e.Key] = map[string]bool{}
			}
			for _, f := range e.Fields {
				r.named[e.Key][f] = true
			}
		}
	}
}

// find returns which states of a time the rows can be.
func (r *replay) find(time uint64) (fit []int) {
	for _, i := range r.m.at(time) {
		if r.equal(i) {
			fit = append(fit, i)
		}
	}
	if len(fit) > 0 {
		r.m.settle(time, fit)
	}
	return fit
}

// equal says that the rows are those of a state.
func (r *replay) equal(i int) bool {
	want := r.v.rows(r.m.states[i])
	if len(want) != len(r.rows) {
		return false
	}
	for key, w := range want {
		got, ok := r.rows[key]
		if !ok {
			return false
		}
		for n, c := range r.p.Select {
			if got[n] != w.cells[c] {
				return false
			}
		}
	}
	return true
}

// answer takes the answer of a query: it is one whole state, none older than
// the one before.
func (r *replay) answer(s *step) {
	r.rows, r.fresh = held{}, false
	for i := range s.Message.Events {
		e := &s.Message.Events[i]
		if r.rows[e.Key] != nil {
			r.complain("key %s twice in one answer", e.Key)
		}
		r.rows[e.Key] = e.Row
	}
	newest := min(s.State+1, len(r.m.states)-1) // upstream shows a state before the model has it
	oldest := 0
	if r.base != nil {
		oldest = r.base[0]
	}
	if r.calm {
		oldest = max(oldest, r.settled)
	}
	for i := oldest; i <= newest; i++ {
		if r.equal(i) {
			r.base = []int{i}
			return
		}
	}
	r.complain("torn: the answer is no state from %d to %d:\n%s", oldest, newest, r.difference([]int{s.State}))
	r.base = nil
}

// unseen reports whether all that is missing on the way to a state that the
// client holds already are updates of nothing that it selects, or such as wait
// for its rate: they may be on their way still.
func (r *replay) unseen(to int) bool {
	for _, from := range r.base {
		if to < from {
			continue
		}
		want := r.v.between(from, to)
		for _, e := range r.news {
			delete(want, e.Key)
		}
		invisible := len(want) > 0
		for _, w := range want {
			invisible = invisible && w.op == "UPDATE" && (r.p.MaxRate > 0 || slices.Equal(r.p.Select.of(w.old), r.p.Select.of(w.row)))
		}
		if invisible {
			return true
		}
	}
	return false
}

// quiet expects the newest state.
func (r *replay) quiet(s *step) {
	if !r.open && r.p.Kind != kindQuery && r.p.Kind != kindPoll {
		r.complain("not subscribed, though nothing was broken")
		return
	}
	if r.fresh && r.p.Transport == overPost {
		return // has just asked again
	}
	if r.within != "" {
		r.complain("the set of kind %s has no end", r.within)
	}
	if !r.equal(s.State) {
		r.complain("lost: the rows are not the final ones:\n%s", r.difference([]int{s.State}))
		r.forget()
		return
	}
	if !r.p.frames() && r.p.Kind != kindQuery {
		if !r.told || r.unseen(s.State) {
			return // without rows it may not have read any yet
		}
		r.border(r.time)
		r.arrive([]int{s.State})
	}
	if r.p.Filter == "{}" && slices.Contains(r.p.Select, balance) {
		r.sum(s.State)
	}
}
