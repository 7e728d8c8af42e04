package materialize

import (
	"fmt"

	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
)

// netter collects the rows of one timestamp and nets them per key. Counts may
// come in any order: +1 of a new row before -1 of the old one.
//
// It is a chained hash table that is emptied by forgetting: a slot of heads
// counts only if its epoch is the current one, so that one huge timestamp does
// not make every later one slow.
type netter struct {
	schema *relation.Schema
	groups []group
	items  []item
	heads  []head // a power of two of them
	epoch  uint32
}

// group is a key; first and last are positions in items.
type group struct {
	first, last int32
	next        int32 // another group of the same slot, or -1
}

// item is one distinct row of a key.
type item struct {
	row   relation.Row
	count int64
	next  int32 // of the same key, or -1
}

type head struct {
	epoch uint32
	group int32
}

// minHeads is the smallest table; beyond it, it has room for twice the groups.
const minHeads = 64

func newNetter(schema *relation.Schema) *netter {
	return &netter{schema: schema, heads: make([]head, minHeads), epoch: 1}
}

func (n *netter) slot(row relation.Row) uint64 {
	return n.schema.HashKey(row) & uint64(len(n.heads)-1) //nolint:gosec // at least minHeads
}

// add counts a row.
func (n *netter) add(row relation.Row, count int64) {
	slot := &n.heads[n.slot(row)]
	first := int32(-1)
	if slot.epoch == n.epoch {
		first = slot.group
		for g := first; g >= 0; g = n.groups[g].next {
			if n.schema.KeyEqual(n.items[n.groups[g].first].row, row) {
				n.count(&n.groups[g], row, count)
				return
			}
		}
	}
	at := int32(len(n.items)) //nolint:gosec // rows of one timestamp, far below 2^31
	n.items = append(n.items, item{row, count, -1})
	*slot = head{n.epoch, int32(len(n.groups))} //nolint:gosec // see above
	n.groups = append(n.groups, group{at, at, first})
	if len(n.groups)*2 > len(n.heads) {
		n.grow()
	}
}

// count adds to the item of the same row, or makes one.
func (n *netter) count(g *group, row relation.Row, count int64) {
	for i := g.first; i >= 0; i = n.items[i].next {
		if n.items[i].row == row {
			n.items[i].count += count
			return
		}
	}
	at := int32(len(n.items)) //nolint:gosec // rows of one timestamp, far below 2^31
	n.items = append(n.items, item{row, count, -1})
	n.items[g.last].next = at
	g.last = at
}

func (n *netter) grow() {
	n.heads = make([]head, 2*len(n.heads))
	n.epoch = 1
	for g := range n.groups {
		slot := &n.heads[n.slot(n.items[n.groups[g].first].row)]
		n.groups[g].next = -1
		if slot.epoch == n.epoch {
			n.groups[g].next = slot.group
		}
		*slot = head{n.epoch, int32(g)}
	}
}

// keepItems bounds the memory that one huge timestamp leaves behind.
const keepItems = 1 << 16

// take returns the net changes in the order in which their keys came, and
// empties the netter.
func (n *netter) take() ([]relation.Change, error) {
	if len(n.groups) == 0 {
		return nil, nil
	}
	changes := make([]relation.Change, 0, len(n.groups))
	for i := range n.groups {
		c, err := n.net(&n.groups[i])
		if err != nil {
			return nil, err
		}
		if c.Op != 0 {
			changes = append(changes, c)
		}
	}
	n.reset()
	return changes, nil
}

// reset forgets everything collected.
func (n *netter) reset() {
	if cap(n.items) > keepItems {
		n.items, n.groups, n.heads, n.epoch = nil, nil, make([]head, minHeads), 1
		return
	}
	clear(n.items) // the rows belong to whoever took them
	n.items, n.groups = n.items[:0], n.groups[:0]
	if n.epoch++; n.epoch == 0 {
		clear(n.heads)
		n.epoch = 1
	}
}

// net returns what happened to a key; the zero Change: nothing.
func (n *netter) net(g *group) (c relation.Change, err error) {
	var plus, minus relation.Row
	for i := g.first; i >= 0; i = n.items[i].next {
		it := &n.items[i]
		switch {
		case it.count == 0:
		case it.count == 1 && plus == "":
			plus = it.row
		case it.count == -1 && minus == "":
			minus = it.row
		default:
			return c, notUnique(n.schema, it.row, it.count)
		}
	}
	switch {
	case plus != "" && minus != "":
		c = relation.Change{Op: relation.Update, Old: minus, New: plus}
	case plus != "":
		c = relation.Change{Op: relation.Insert, New: plus}
	case minus != "":
		c = relation.Change{Op: relation.Delete, Old: minus}
	}
	return c, nil
}

// notUnique says that a key has, or had, more than one row at a time.
func notUnique(schema *relation.Schema, row relation.Row, count int64) *source.Error {
	what := "has more than one row at a time"
	if count > 1 {
		what = fmt.Sprintf("has %d equal rows", count)
	} else if count < -1 {
		what = fmt.Sprintf("had %d equal rows", -count)
	}
	return &source.Error{
		Class: source.Slow,
		Text:  fmt.Sprintf("primary_key is not unique: key %q %s; declare a key that is, or correct the view", schema.AppendKey(nil, row), what),
	}
}
