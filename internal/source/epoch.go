package source

import (
	"math/rand/v2"
	"strconv"
)

// epoch tells apart what cursors cannot be compared across: relations, and
// times that began again. The shape of the rows is the feed's to add.
type epoch struct {
	identity string
	time     uint64 // the newest so far
	again    string // a name for the times since upstream was set back
}

// begin returns the epoch of a snapshot of a relation at a time. Gateways over
// the same relation get the same one, until upstream is set back under a
// gateway: a time then no longer names one state, and what other gateways have
// seen of it cannot be known. So that gateway's epoch is one that no other
// process has, and no cursor from before continues there.
func (e *epoch) begin(identity string, t uint64) string {
	if identity == e.identity && t < e.time {
		e.again = "/" + strconv.FormatUint(rand.Uint64(), 36) //nolint:gosec // unique, not secret
	}
	e.identity, e.time = identity, t
	return identity + e.again
}
