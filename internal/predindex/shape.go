package predindex

import (
	"encoding/binary"
	"slices"

	"github.com/tycostream/tycostream/internal/filter"
)

// mostShapes bounds the work of a visit, which looks into each of them.
const mostShapes = 16

// shape is the hash of all entries with equalities on the same columns, by all
// their cells.
type shape[T any] struct {
	hash[T]
	columns []*column[T] // by position
	written []byte
}

func (s *shape[T]) collect(x *Index[T]) {
	same := x.rows == both
	for _, c := range s.columns {
		same = same && c.same()
	}
	switch {
	case same:
		x.follow(s.lookup(oldRow), both)
	default:
		if x.rows&oldRow != 0 {
			x.follow(s.lookup(oldRow), oldRow)
		}
		if x.rows&newRow != 0 {
			x.follow(s.lookup(newRow), newRow)
		}
	}
}

func (s *shape[T]) lookup(row sides) *path[T] {
	s.written = s.written[:0]
	for _, c := range s.columns {
		cell := c.cell(row)
		switch c.findKey(cell) {
		case found:
			s.written = append(binary.AppendUvarint(s.written, uint64(len(cell.key))), cell.key...)
		case foundWritten:
			s.written = append(binary.AppendUvarint(s.written, uint64(len(cell.written))), cell.written...)
		case unknown, none:
			return nil
		}
	}
	return s.heads[string(s.written)]
}

// key is what lookup makes of a row whose cells equal the tests' constants.
// The tests are in the order of the columns.
func (s *shape[T]) key(tests []*filter.Node) string {
	var key, text []byte
	for _, n := range tests {
		text = n.Values[0].AppendText(text[:0])
		key = append(binary.AppendUvarint(key, uint64(len(text))), text...)
	}
	return string(key)
}

func (s *shape[T]) is(tests []*filter.Node) bool {
	return slices.EqualFunc(s.columns, tests, func(c *column[T], n *filter.Node) bool { return c.position == n.Column })
}
