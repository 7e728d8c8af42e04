package predindex

import (
	"github.com/tycostream/tycostream/internal/filter"
	"github.com/tycostream/tycostream/internal/relation"
)

// column holds the paths through one column, and the column's cells in the
// rows of the present visit.
type column[T any] struct {
	info     *relation.Column
	position int
	shapes   int // that read the column

	equal         hash[T]
	ranges        tree[T]
	null, notNull chain[T]
	plain, folded trie[T]

	cells [2]cell // before and after; the first stands for both where they are the same
}

// cell is a cell of the rows in sides, of none if those are empty.
type cell struct {
	rows sides
	ok   bool // false: NULL
	text string

	keyed, parsed progress
	key           string
	written       []byte // the key, where it had to be written
	value         relation.Value
	folded        []byte // scratch
}

// progress of what is found out about a cell only when it is needed.
type progress uint8

const (
	unknown progress = iota
	none             // NULL, or no value of the column
	found
	foundWritten // a key, in written
)

func (c *column[T]) empty() bool {
	return c.shapes == 0 && c.equal.empty() && c.ranges.root == nil && c.null.head == nil && c.notNull.head == nil &&
		c.plain.empty() && c.folded.empty()
}

// trie returns where a needle belongs.
func (c *column[T]) trie(n *filter.Needle) *trie[T] {
	if n.Fold {
		return &c.folded
	}
	return &c.plain
}

func (c *column[T]) load(x *Index[T]) {
	first, second := &c.cells[0], &c.cells[1]
	first.load(x.before, c.position, x.rows&oldRow)
	second.load(x.after, c.position, x.rows&newRow)
	if x.rows == both && first.text == second.text && first.ok == second.ok {
		first.rows, second.rows = both, 0
	}
}

func (c *cell) load(r relation.Row, position int, rows sides) {
	c.rows, c.keyed, c.parsed = rows, unknown, unknown
	if rows != 0 {
		c.text, c.ok = r.Cell(position)
	}
}

// same reports whether both rows have the same cell.
func (c *column[T]) same() bool { return c.cells[0].rows == both }

// cell returns the cell of one row.
func (c *column[T]) cell(row sides) *cell {
	if row == oldRow || c.same() {
		return &c.cells[0]
	}
	return &c.cells[1]
}

// collect reaches the paths that lead on from the present cells.
func (c *column[T]) collect(x *Index[T]) {
	for i := range c.cells {
		cell := &c.cells[i]
		if cell.rows == 0 {
			continue
		}
		if !c.equal.empty() {
			x.follow(c.lookup(cell), cell.rows)
		}
		if c.ranges.root != nil && c.parse(cell) {
			x.stab(c.ranges.root, &bound{value: &cell.value}, cell.rows)
		}
		if c.null.head != nil || c.notNull.head != nil {
			if c.isNull(cell) {
				x.follow(c.null.head, cell.rows)
			} else {
				x.follow(c.notNull.head, cell.rows)
			}
		}
		if !c.plain.empty() || !c.folded.empty() {
			c.search(x, cell)
		}
	}
}

// search reaches the needles in a cell.
func (c *column[T]) search(x *Index[T], cell *cell) {
	if !cell.ok {
		return
	}
	text, ok := c.info.Text(cell.text)
	if !ok {
		return
	}
	if !c.plain.empty() {
		find(x, &c.plain, text, cell.rows)
	}
	if !c.folded.empty() {
		cell.folded = filter.AppendFolded(cell.folded[:0], text)
		find(x, &c.folded, cell.folded, cell.rows)
	}
}

func (c *column[T]) lookup(cell *cell) *path[T] {
	switch c.findKey(cell) {
	case found:
		return c.equal.heads[cell.key]
	case foundWritten:
		return c.equal.heads[string(cell.written)]
	case unknown, none:
	}
	return nil
}

// findKey brings a cell into canonical form.
func (c *column[T]) findKey(cell *cell) progress {
	if cell.keyed != unknown {
		return cell.keyed
	}
	cell.keyed = none
	if !cell.ok {
		return none
	}
	key, ok := plain(c.info.Kind, cell.text)
	switch {
	case ok:
		cell.key, cell.keyed = key, found
	case c.parse(cell):
		cell.written, cell.keyed = cell.value.AppendText(cell.written[:0]), foundWritten
	}
	return cell.keyed
}

// parse reports whether a cell is a value of the column, which is then in
// cell.value.
func (c *column[T]) parse(cell *cell) bool {
	if cell.parsed != unknown {
		return cell.parsed == found
	}
	cell.parsed = none
	if !cell.ok || c.garbage(cell.text) {
		return false
	}
	v, err := c.info.Parse(cell.text)
	if err == nil {
		cell.value, cell.parsed = v, found
	}
	return err == nil
}

// garbage spares most cells that cannot be parsed the error that says so: it
// would have to be allocated.
func (c *column[T]) garbage(text string) bool {
	switch {
	case c.info.Kind == relation.String, text != "" && (text[0]-'0' <= 9 || text[0] == '-' || text[0] == '{' || text[0] == '['):
		return false
	}
	_, ok := c.info.Compare(text, text)
	return !ok
}

// isNull reports what _is_null says of a cell.
func (c *column[T]) isNull(cell *cell) bool {
	if !cell.ok {
		return true
	}
	switch c.info.Kind { //nolint:exhaustive // the others are parsed
	case relation.String, relation.JSON, relation.Array:
		return false
	}
	return !c.parse(cell)
}
