package machine

import (
	"encoding/binary"
	"errors"
)

// Seen is what one row says about a trigger's conditions at one time.
type Seen uint8

// What a row can say. Unknown is not true. A row that is gone says Over.
const (
	Hold Seen = iota // fire is not true, and clear is not either
	Hit              // fire is true, whatever clear is
	Over             // fire is not true, and clear is true or there is none
)

// Phase is where a row stands under a trigger.
type Phase uint8

// The phases. Only a row at Rest that need not cool is forgotten.
//
//	        Hit                    due, still Hit            Over
//	Rest ─────────▶ Waiting ───────────────────▶ Firing ─────────────▶ Rest, cooling
//	  ▲   ◀─────────  │       FIRE                        CLEAR
//	  │    not Hit    │ the trigger is new
//	  │      Over     ▼
//	  └──────────── Matched
const (
	Rest    Phase = iota // armed; until Cool no FIRE
	Waiting              // fire is true since Since; FIRE when that is long enough, and cooled
	Firing               // a FIRE was told at Since; its CLEAR is to come
	Matched              // fire was true at Since when the trigger began: nothing is told until it clears
)

// Status is the state of one row under one trigger; the zero Status is that of
// nearly all rows, and not kept. Times are Unix microseconds of upstream's
// clock.
type Status struct {
	Phase Phase
	Since int64 // not of Rest
	Cool  int64 // Rest and Waiting: no FIRE before it; 0: at any time
}

// Rule is what the machine needs of a trigger, in microseconds.
//
// For is how long fire must have been true without a break. A time in which
// nobody looked, because the gateway or upstream was away, counts as what was
// known before it, if that is so after it too.
//
// Cooldown is how long after a CLEAR there is no FIRE of that row. What is true
// when it ends counts as if it had turned true then, but for For, which counts
// from when it did.
type Rule struct {
	For, Cooldown int64
}

// Outcome is what a step of the machine leads to.
type Outcome uint8

// The outcomes.
const (
	Nothing Outcome = iota // the status is as it was
	Silent                 // the status changed; nobody is told
	Fire
	Clear
)

// Step moves a row that says seen at time now, which it had or got then.
func (r Rule) Step(s Status, now int64, seen Seen) (Status, Outcome) {
	next := r.present(s, now)
	switch next.Phase {
	case Rest, Waiting:
		switch {
		case seen != Hit:
			next = Status{Cool: next.Cool}
		case next.Phase == Rest:
			next.Phase, next.Since = Waiting, now
		}
		if due, ok := r.Due(next); ok && due <= now {
			if seen == Hit {
				return Status{Phase: Firing, Since: now}, Fire
			}
			next = Status{}
		}
	case Firing:
		if seen == Over {
			return r.cooling(now), Clear
		}
	case Matched:
		if seen == Over {
			next = Status{}
		}
	}
	return next, changed(s, next)
}

// Begin is Step for a row of a trigger that has just begun, or just changed: a
// row that matches already is taken note of in silence.
func (r Rule) Begin(s Status, now int64, seen Seen) (Status, Outcome) {
	if seen == Hit && (s.Phase == Rest || s.Phase == Waiting) {
		return Status{Phase: Matched, Since: now}, Silent
	}
	return r.Step(s, now, seen)
}

// Tick is Step for a row that has not changed, at the time that Due named or
// later.
func (r Rule) Tick(s Status, now int64) (Status, Outcome) {
	if s.Phase == Waiting {
		return r.Step(s, now, Hit)
	}
	return r.Step(s, now, Hold)
}

// Due returns when a row is to be looked at even if it does not change.
func (r Rule) Due(s Status) (at int64, ok bool) {
	switch s.Phase {
	case Waiting:
		return max(s.Since+r.For, s.Cool), true
	case Rest:
		return s.Cool, s.Cool != 0
	case Firing, Matched:
	}
	return 0, false
}

// present brings a status that was made under another rule, or a clock that was
// ahead, to what can be true at now: nothing waits longer than the rule says.
func (r Rule) present(s Status, now int64) Status {
	s.Since = min(s.Since, now)
	if s.Cool != 0 {
		s.Cool = min(s.Cool, now+r.Cooldown)
	}
	return s
}

// cooling is the status of a row that cleared at now.
func (r Rule) cooling(now int64) Status {
	if r.Cooldown == 0 {
		return Status{}
	}
	return Status{Cool: now + r.Cooldown}
}

func changed(a, b Status) Outcome {
	if a == b {
		return Nothing
	}
	return Silent
}

// statusVersion is the first byte of every encoded status.
const statusVersion = 1

var errStatus = errors.New("the stored state of a row is damaged, or of a newer version")

// Encode returns the status in a few bytes, none for the zero Status.
func (s Status) Encode() []byte {
	if s == (Status{}) {
		return nil
	}
	b := append(make([]byte, 0, 20), statusVersion, byte(s.Phase))
	b = binary.AppendVarint(b, s.Since)
	return binary.AppendVarint(b, s.Cool)
}

// DecodeStatus reads what Encode wrote.
func DecodeStatus(b []byte) (Status, error) {
	if len(b) == 0 {
		return Status{}, nil
	}
	if len(b) < 4 || b[0] != statusVersion || Phase(b[1]) > Matched {
		return Status{}, errStatus
	}
	since, n := binary.Varint(b[2:])
	if n <= 0 {
		return Status{}, errStatus
	}
	cool, m := binary.Varint(b[2+n:])
	if m <= 0 || 2+n+m != len(b) {
		return Status{}, errStatus
	}
	return Status{Phase: Phase(b[1]), Since: since, Cool: cool}, nil
}
