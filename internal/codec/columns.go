package codec

import (
	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
)

// Numbers is how [CompileColumns] writes Decimal and BigInt cells, NumberFormat
// in GraphQL.
type Numbers uint8

// The number formats. Number holds under `scalars: string` too: the client
// asked for it. Elements of arrays and _key are the same in both.
const (
	Exact  Numbers = iota // strings, as everywhere else
	Number                // JSON numbers with all their digits; NaN and infinities are null, as a Float's are
)

// as sets how c writes its numbers.
func (c *column) as(n Numbers) *column {
	if n == Number {
		switch c.kind { //nolint:exhaustive // no others differ
		case relation.Decimal:
			c.kind = relation.Float // the rules are the same: digits as they came, no infinities
		case relation.BigInt:
			c.bare = true
		}
	}
	return c
}

// appendCells appends the list of the cells in column i of all rows that are
// deleted, or of all that are not.
//
// Each list is a pass of its own over the events. The 1,000 rows of a feed's
// frames stay in the cache from pass to pass (170 ns/row for nine columns; row
// objects take 225). Larger frames wait for memory: 480 ns/row at 10,000 rows
// that lie scattered. Encoding by blocks would need a buffer per column.
func (c *column) appendCells(dst []byte, events []feed.Event, i int, deletes bool) []byte {
	dst = append(dst, '[')
	start := len(dst)
	for at := range events {
		e := &events[at]
		if (e.Op == feed.Delete) != deletes {
			continue
		}
		if text, ok := e.Row.Cell(i); ok {
			dst = c.append(dst, text)
		} else {
			dst = append(dst, "null"...)
		}
		dst = append(dst, ',')
	}
	return closeList(dst, start)
}

// appendKeys appends the list of the keys of the same rows.
func (p *plan) appendKeys(dst []byte, events []feed.Event, deletes bool) []byte {
	dst = append(dst, '[')
	start := len(dst)
	for at := range events {
		e := &events[at]
		if (e.Op == feed.Delete) != deletes {
			continue
		}
		from := len(dst)
		dst = quoteTail(p.schema.AppendKey(dst, e.Row), from)
		dst = append(dst, ',')
	}
	return closeList(dst, start)
}

// closeList ends a list whose elements, from start on, each have a comma behind
// them.
func closeList(dst []byte, start int) []byte {
	if len(dst) == start {
		return append(dst, ']')
	}
	dst[len(dst)-1] = ']'
	return dst
}
