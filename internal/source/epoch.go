package source

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/tycostream/tycostream/internal/relation"
)

// epoch tells apart what cursors cannot be compared across: relations, shapes
// of rows, and times that began again.
type epoch struct {
	identity string
	time     uint64 // the newest so far
	again    string // a name for the times since upstream was set back
}

// begin returns the epoch of a snapshot of a relation at a time. Gateways with
// the same declarations over the same relation get the same one, until upstream
// is set back under a gateway: a time then no longer names one state, and what
// other gateways have seen of it cannot be known. So that gateway's epoch is
// one that no other process has, and no cursor from before continues there.
func (e *epoch) begin(identity string, schema *relation.Schema, t uint64) string {
	if identity == e.identity && t < e.time {
		e.again = "/" + strconv.FormatUint(rand.Uint64(), 36) //nolint:gosec // unique, not secret
	}
	e.identity, e.time = identity, t
	return identity + "/" + shape(schema) + e.again
}

// shape is a hash over what rows and filters depend on in a schema.
func shape(s *relation.Schema) string {
	h := sha256.New()
	for i := range s.Columns {
		c := &s.Columns[i]
		_, _ = fmt.Fprintf(h, "%q %q %v %v %v", c.Name, c.Field, c.Kind, c.Elem, c.Zoned) // never fails
		if c.Enum != nil {
			_, _ = fmt.Fprintf(h, " %q", c.Enum.Values)
		}
	}
	_, _ = fmt.Fprintf(h, " %v", s.Key)
	return hex.EncodeToString(h.Sum(nil)[:8])
}
