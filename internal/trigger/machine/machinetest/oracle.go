// Package machinetest says what a row's state machine should do, in another way
// than the machine: by looking back over all that was ever known. It is slow,
// and for tests. An [Oracle] belongs to one goroutine.
package machinetest

import "github.com/tycostream/tycostream/internal/trigger/machine"

// Oracle says what should be told of one row, without a machine: at each unit
// of time it looks back over all that was known.
type Oracle struct {
	Rule     machine.Rule
	Snapshot bool           // rows that match at the first look fire
	Known    []machine.Seen // by time, from 0; what nobody saw is as it was before

	firing, silent, begun, ever bool
	cleared                     int64
}

// Look is what the row says at now, the next time, or, when it is not watched,
// that nobody looks. It returns what is told.
func (o *Oracle) Look(now int64, seen machine.Seen, watched bool) machine.Outcome {
	if !watched && len(o.Known) > 0 {
		seen = o.Known[len(o.Known)-1]
	}
	if !watched && len(o.Known) == 0 {
		seen = machine.Over
	}
	o.Known = append(o.Known, seen)
	if !watched {
		return machine.Nothing
	}
	first := !o.begun
	o.begun = true
	switch {
	case first && seen == machine.Hit && !o.Snapshot:
		o.silent = true
	case o.silent:
		o.silent = seen != machine.Over
	case o.firing && seen == machine.Over:
		o.firing, o.ever, o.cleared = false, true, now
		return machine.Clear
	case !o.firing && seen == machine.Hit && o.lasted(now) >= o.Rule.For && (!o.ever || now-o.cleared >= o.Rule.Cooldown):
		o.firing = true
		return machine.Fire
	}
	return machine.Nothing
}

// lasted returns for how long fire has been true without a break.
func (o *Oracle) lasted(now int64) int64 {
	at := now
	for at > 0 && o.Known[at-1] == machine.Hit {
		at--
	}
	return now - at
}
