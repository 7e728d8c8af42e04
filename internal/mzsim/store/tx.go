package store

import (
	"fmt"

	"github.com/tycostream/tycostream/internal/relation"
)

// Tx collects updates of any number of collections for one time. The zero
// value is empty. It belongs to one goroutine until it is written.
type Tx struct{ updates []txUpdate }

type txUpdate struct {
	name  string
	row   relation.Row
	cells []any // instead of row
	diff  int64
}

// Insert adds a row; see [Tx.AddCells] for the cells.
func (t *Tx) Insert(name string, cells ...any) *Tx { return t.AddCells(name, 1, cells...) }

// Delete takes a row away.
func (t *Tx) Delete(name string, cells ...any) *Tx { return t.AddCells(name, -1, cells...) }

// AddCells changes the count of a row by diff, any number. nil is NULL; every
// other cell is printed with fmt.Sprint and brought into the form in which the
// server prints values of the column's type.
func (t *Tx) AddCells(name string, diff int64, cells ...any) *Tx {
	t.updates = append(t.updates, txUpdate{name: name, cells: cells, diff: diff})
	return t
}

// Add changes the count of a row by diff. The row's cells are taken as they
// are: they must be in the server's form already.
func (t *Tx) Add(name string, row relation.Row, diff int64) *Tx {
	t.updates = append(t.updates, txUpdate{name: name, row: row, diff: diff})
	return t
}

// Update replaces one row by another.
func (t *Tx) Update(name string, old, row relation.Row) *Tx {
	return t.Add(name, old, -1).Add(name, row, 1)
}

// Len returns the number of updates collected.
func (t *Tx) Len() int { return len(t.updates) }

func (t *Tx) resolve(s *Store) (map[*Collection]map[relation.Row]int64, error) {
	net := make(map[*Collection]map[relation.Row]int64)
	for _, u := range t.updates {
		c, err := s.findLocked(u.name)
		if err != nil {
			return nil, err
		}
		if u.cells != nil {
			if u.row, err = MakeRow(c.cols, u.cells...); err != nil {
				return nil, fmt.Errorf("row of %s: %w", c.name, err)
			}
		}
		if u.row.Len() != len(c.cols) {
			return nil, fmt.Errorf("row of %s: %d cells, not %d", c.name, u.row.Len(), len(c.cols))
		}
		if net[c] == nil {
			net[c] = make(map[relation.Row]int64)
		}
		net[c][u.row] += u.diff
	}
	return net, nil
}

// MakeRow packs cells into a row with the columns' canonical texts.
func MakeRow(cols []Column, cells ...any) (relation.Row, error) {
	if len(cells) != len(cols) {
		return "", fmt.Errorf("%d cells, not %d", len(cells), len(cols))
	}
	var b relation.Builder
	for i, cell := range cells {
		if cell == nil {
			b.AppendNull()
			continue
		}
		text, err := cols[i].Type.Canon(fmt.Sprint(cell))
		if err != nil {
			return "", fmt.Errorf("column %s: %w", cols[i].Name, err)
		}
		b.AppendString(text)
	}
	return b.Row(), nil
}
