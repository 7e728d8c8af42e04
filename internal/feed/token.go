package feed

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"

	"github.com/tycostream/tycostream/internal/filter"
	"github.com/tycostream/tycostream/internal/relation"
)

// token is what a cursor's text holds: the source's epoch, an upstream time
// and the filter's hash. It says nothing about this gateway, so any gateway
// over the same database can read it.
type token struct {
	epoch, time, filter uint64
}

const (
	tokenVersion = 1
	tokenBytes   = 1 + 3*8
)

// String returns the opaque text that clients get.
func (t token) String() string {
	b := make([]byte, 0, tokenBytes)
	b = append(b, tokenVersion)
	b = binary.BigEndian.AppendUint64(b, t.epoch)
	b = binary.BigEndian.AppendUint64(b, t.time)
	b = binary.BigEndian.AppendUint64(b, t.filter)
	return base64.RawURLEncoding.EncodeToString(b)
}

// Position is where a reader was: what a frame's cursor names. The zero
// Position is nowhere, and means to begin with a snapshot.
type Position struct {
	token token
	text  string
}

// IsZero reports whether the position is nowhere.
func (p Position) IsZero() bool { return p.text == "" }

var (
	errNoCursor    = errors.New("this is no cursor: take it from the field cursor of a frame, as it is")
	errOtherFilter = errors.New("this cursor belongs to another filter: resume with the where that it was made with, or begin with a snapshot")
)

// ParseCursor reads a frame's cursor, which must have been made with the filter
// where, nil for all rows. Errors say what the client has to do.
func ParseCursor(text string, where *filter.Predicate) (Position, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != tokenBytes || b[0] != tokenVersion {
		return Position{}, errNoCursor
	}
	if where == nil {
		where = filter.All()
	}
	t := token{
		epoch:  binary.BigEndian.Uint64(b[1:]),
		time:   binary.BigEndian.Uint64(b[9:]),
		filter: binary.BigEndian.Uint64(b[17:]),
	}
	if t.filter != hashText(where.Canonical()) {
		return Position{}, errOtherFilter
	}
	return Position{token: t, text: text}, nil
}

// shape names what rows of a schema hold, for the epoch: gateways that follow
// other columns, or read them otherwise, do not understand each other's cursors.
func shape(s *relation.Schema) string {
	b := fmt.Appendf(nil, "key %v", s.Key)
	for i := range s.Columns {
		c := &s.Columns[i]
		b = fmt.Appendf(b, " %q %q %d %d %t", c.Name, c.Field, c.Kind, c.Elem, c.Zoned) // filters name fields
		if c.Enum != nil {
			b = fmt.Appendf(b, " %q", c.Enum.Values)
		}
	}
	return string(b)
}

// hashText hashes text the same way in every process.
func hashText(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text))
	return h.Sum64()
}
