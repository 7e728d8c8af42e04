package predindex

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/tycostream/tycostream/internal/filter"
	"github.com/tycostream/tycostream/internal/relation"
)

const (
	// memorable is how many entries make it worth while to remember what they
	// said: to ask one costs 30 ns at least, to look it up 100.
	memorable = 16
	// memory is about the most bytes of what an index remembers.
	memory   = 16 << 20
	overhead = 128 // bytes of a verdict, its key and their place in a map
	pointer  = 8
)

// residue is the entries without a path that read the same columns. They are
// asked in turn, and most can be answered for by the letters in their pattern,
// without a look at the predicate, which is likely to be far from the processor.
//
// Most updates leave those columns alone, and who was asked about their cells
// before says the same again. So those who said yes are remembered.
type residue[T any] struct {
	reads   relation.ColumnSet
	columns []reading
	records []record[T] // ascending by serial
	live    int         // records that are not taken out

	young, old map[string]*verdict[T] // by cells; old is dropped when young has grown
	key        []byte                 // scratch
}

// reading is a column that a residue reads.
type reading struct {
	position      int
	spelt         int            // entries that want letters there
	before, after filter.Letters // of the present cells
}

// record is an entry, nil once it is taken out, and what asking it needs.
type record[T any] struct {
	letters   filter.Letters // that the cell in a column has in rows that match
	column    int            // place in columns
	entry     *Entry[T]
	predicate *filter.Predicate
	serial    uint64
}

// verdict is what entries said of some cells.
type verdict[T any] struct {
	asked uint64      // serial of the last
	yes   []*Entry[T] // some may have been taken out since
}

// residue returns the place for a predicate without a path.
func (x *Index[T]) residue(p *filter.Predicate) *residue[T] {
	i := slices.IndexFunc(x.residues, func(r *residue[T]) bool { return slices.Equal(r.reads, p.Columns()) })
	if i >= 0 {
		return x.residues[i]
	}
	r := &residue[T]{reads: p.Columns()}
	for i := range x.schema.Columns {
		if r.reads.Has(i) {
			r.columns = append(r.columns, reading{position: i})
		}
	}
	x.residues = append(x.residues, r)
	return r
}

func (r *residue[T]) link(p *path[T], serial uint64) {
	p.home, p.entry.mark = r, serial
	c := record[T]{entry: p.entry, predicate: p.entry.predicate, serial: serial}
	if position, letters := c.predicate.Letters(); letters != 0 {
		c.column = slices.IndexFunc(r.columns, func(o reading) bool { return o.position == position })
		c.letters = letters
		r.columns[c.column].spelt++
	}
	r.records = append(r.records, c)
	r.live++
}

// unlink takes an entry out. Verdicts may name it as long as most entries have
// not gone twice, but by then it holds nothing.
func (r *residue[T]) unlink(p *path[T]) {
	i, _ := slices.BinarySearchFunc(r.records, p.entry.mark, func(c record[T], serial uint64) int { return cmp.Compare(c.serial, serial) })
	c := &r.records[i]
	if c.letters != 0 {
		r.columns[c.column].spelt--
	}
	c.entry, c.predicate = nil, nil
	p.entry.forget()
	if r.live--; r.live < len(r.records)/2 {
		r.records = slices.DeleteFunc(r.records, func(c record[T]) bool { return c.entry == nil })
		r.age()
	}
	if r.live < memorable {
		r.young, r.old = nil, nil
	}
}

func (e *Entry[T]) forget() {
	var none T
	e.value, e.predicate = none, nil
}

// visitAll asks the entries of a residue.
func (r *residue[T]) visitAll(x *Index[T], visit func(value T, was, is bool)) {
	same := x.rows == both && !x.differ(r.reads)
	if same && r.live >= memorable {
		r.visitSame(x, visit)
		return
	}
	rows := x.rows
	if same {
		rows = newRow
	}
	r.spell(x, rows)
	for i := range r.records {
		if yes := r.ask(x, &r.records[i], rows); yes != 0 {
			visit(r.records[i].entry.value, same || yes&oldRow != 0, same || yes&newRow != 0)
		}
	}
}

// visitSame is visitAll for two rows with the same cells: it asks those who have
// come since it last met these.
func (r *residue[T]) visitSame(x *Index[T], visit func(value T, was, is bool)) {
	v := r.recall(x)
	known := len(v.yes)
	if v.asked < r.records[len(r.records)-1].serial {
		r.spell(x, newRow)
	}
	for i := len(r.records) - 1; i >= 0 && r.records[i].serial > v.asked; i-- {
		if c := &r.records[i]; r.ask(x, c, newRow) != 0 {
			v.yes = append(v.yes, c.entry)
		}
	}
	v.asked = x.serial
	x.remembered += pointer * (len(v.yes) - known)
	v.yes = slices.DeleteFunc(v.yes, func(e *Entry[T]) bool { return e.predicate == nil })
	for _, e := range v.yes {
		visit(e.value, true, true)
	}
}

// spell finds the letters in the cells of some rows.
func (r *residue[T]) spell(x *Index[T], rows sides) {
	for i := range r.columns {
		c := &r.columns[i]
		if c.spelt == 0 {
			continue
		}
		if rows&oldRow != 0 {
			c.before = lettersOf(&x.schema.Columns[c.position], x.before.Text(c.position))
		}
		if rows&newRow != 0 {
			c.after = lettersOf(&x.schema.Columns[c.position], x.after.Text(c.position))
		}
	}
}

// lettersOf returns the letters of a cell as patterns see it. NULL has none.
func lettersOf(c *relation.Column, cell string) filter.Letters {
	text, _ := c.Text(cell)
	return filter.LettersOf(text)
}

// ask returns the rows, of some, that an entry says yes to.
func (r *residue[T]) ask(x *Index[T], c *record[T], rows sides) (yes sides) {
	if c.entry == nil {
		return 0
	}
	column := &r.columns[c.column]
	if rows&oldRow != 0 {
		x.evaluations++
		if c.letters&^column.before == 0 && c.predicate.Match(x.before) {
			yes |= oldRow
		}
	}
	if rows&newRow != 0 {
		x.evaluations++
		if c.letters&^column.after == 0 && c.predicate.Match(x.after) {
			yes |= newRow
		}
	}
	return yes
}

// age drops what was not asked for since the last time.
func (r *residue[T]) age() { r.young, r.old = nil, r.young }

// recall returns what is remembered of the cells of the rows.
func (r *residue[T]) recall(x *Index[T]) *verdict[T] {
	r.key = r.key[:0]
	for i := range r.columns {
		cell, ok := x.after.Cell(r.columns[i].position)
		if !ok {
			r.key = append(r.key, 0)
			continue
		}
		r.key = append(binary.AppendUvarint(r.key, uint64(len(cell))+1), cell...)
	}
	v := r.young[string(r.key)]
	if v != nil {
		return v
	}
	if v = r.old[string(r.key)]; v == nil {
		v = &verdict[T]{}
	}
	if x.remembered += overhead + len(r.key) + pointer*len(v.yes); x.remembered > memory/2 {
		x.remembered = 0
		for _, o := range x.residues {
			o.age()
		}
	}
	if r.young == nil {
		r.young = make(map[string]*verdict[T])
	}
	r.young[string(r.key)] = v
	return v
}
