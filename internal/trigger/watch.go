package trigger

import (
	"sync/atomic"
	"time"

	"github.com/tycostream/tycostream/internal/predindex"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/trigger/machine"
	"github.com/tycostream/tycostream/internal/trigger/spec"
	"github.com/tycostream/tycostream/internal/webhook"
)

// moment is when something happened to a row.
type moment struct {
	time uint64 // upstream time; 0: no change of the row, but time that passed
	wall int64  // its wall clock, Unix microseconds
}

// counters count what a trigger told, from the start of the process.
type counters struct{ fired, cleared atomic.Uint64 }

// watch is a trigger at work. Whenever what it asks of rows changes, another
// watch takes its place, reads the state of the rows from the store and
// compares it with the rows.
type watch struct {
	id         string
	snapshot   bool
	mark       string // see markKey
	rule       machine.Rule
	conditions *spec.Conditions
	counters   *counters
	begun      chan struct{} // closed when it follows every change from then on, or is dead

	// The hub's mu guards all below.
	dead    bool   // another has taken its place, or the trigger is gone
	turn    uint64 // transitions that were found in an earlier one are void
	fresh   bool   // it has not begun yet under these conditions
	markSeq uint64
	rows    map[string]*entry
	place   *predindex.Entry[*watch] // in the hub's index; nil: not yet
	from    uint64                   // rows were compared at this time: changes up to it are old
	hit     uint64                   // the look in which fire was true
	known   uint64                   // the look in which it had an entry
	compare uint64                   // the comparison that it takes part in
}

// markKey is under which a trigger stores for which conditions it has begun:
// until then rows that match are no news. No row has such a key, because no
// database's text holds a NUL.
const markKey = "\x00begun"

// begin says that there is nothing to wait for any more. The hub's mu is held.
func (w *watch) begin() {
	select {
	case <-w.begun:
	default:
		close(w.begun)
	}
}

func newWatch(d *spec.Definition, c *spec.Conditions, n *counters) *watch {
	return &watch{
		id: d.ID(), snapshot: d.Snapshot, mark: d.Mark(), rule: d.Rule(), conditions: c, counters: n,
		begun: make(chan struct{}), fresh: true, rows: make(map[string]*entry),
	}
}

// see says what a row that does not meet fire says; "" is no row.
func (w *watch) see(row relation.Row) machine.Seen {
	if c := w.conditions.Clear; row == "" || c == nil || c.Match(row) {
		return machine.Over
	}
	return machine.Hold
}

func (w *watch) step(s machine.Status, now int64, seen machine.Seen) (machine.Status, machine.Outcome) {
	if w.fresh && !w.snapshot {
		return w.rule.Begin(s, now, seen)
	}
	return w.rule.Step(s, now, seen)
}

// transition is what the store is told of a step. The row is the one to show.
func (w *watch) transition(e *entry, next machine.Status, o machine.Outcome, at moment, row relation.Row) webhook.Transition {
	t := webhook.Transition{
		Trigger: w.id, Key: e.key, Time: time.UnixMicro(at.wall).UTC(), Silent: o == machine.Silent,
		State: next.Encode(), Prev: e.seq,
	}
	if t.Silent {
		return t
	}
	t.Kind = webhook.Fire
	if o == machine.Clear {
		t.Kind = webhook.Clear
	}
	t.ID = spec.EventID(w.id, e.key, t.Kind, at.time, at.wall)
	t.Body = w.conditions.Payload.Body(t.ID, t.Kind, t.Time, row)
	return t
}

// beginning is what the store is told when all rows have been compared.
func (w *watch) beginning(at moment) webhook.Transition {
	return webhook.Transition{
		Trigger: w.id, Key: markKey, Time: time.UnixMicro(at.wall).UTC(), Silent: true,
		State: []byte(w.mark), Prev: w.markSeq,
	}
}
