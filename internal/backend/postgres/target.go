package postgres

import (
	"errors"
	"fmt"
	"slices"

	"github.com/tycostream/tycostream/internal/backend/postgres/pgcatalog"
	"github.com/tycostream/tycostream/internal/backend/postgres/pgoutput"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
)

// target is one source in a Follow.
type target struct {
	source.Target

	table  *pgcatalog.Table
	opened string // fingerprint of the table that is followed
	tie    string // of the table to the publication
	schema *relation.Schema
	layout []int
	rows   holder  // nil when nothing needs to be remembered
	memory *memory // rows, when the sink cannot be asked
	failed bool    // its sink has been told; it takes no further part

	frontier relation.Frontier // of what the sink has taken
	resumed  bool

	shape   *pgoutput.Relation // the newest one for this table
	bound   bool               // fields and usable belong to shape
	fields  []int              // where the schema's columns stand in tuples
	usable  []bool             // which of them an old tuple holds
	whole   bool               // old tuples hold every column
	builder relation.Builder
	tx      pending
	batches []relation.Batch
}

// fail ends the target's part.
func (t *target) fail(err error) {
	if !t.failed {
		t.failed = true
		t.batches, t.tx = nil, pending{}
		t.Sink.Fail(err)
	}
}

// open introduces the table to the sink.
func (t *target) open() error {
	rel := t.table.Relation(t.Def)
	schema, layout, err := t.Sink.Open(rel)
	if err != nil {
		return err
	}
	t.schema, t.layout, t.tx.schema = schema, layout, schema
	if asked, ok := t.Sink.(source.RowSink); ok {
		t.rows = asked
	} else if t.mayLack() {
		t.memory = newMemory(schema)
		t.rows = t.memory
	}
	return nil
}

// mayLack reports whether the stream may leave values of the source out.
func (t *target) mayLack() bool {
	full := t.table.Ident == 'f'
	for _, l := range t.table.Leaves {
		full = full && l.Ident == 'f'
	}
	return !full && slices.ContainsFunc(t.table.Columns, func(c pgcatalog.Column) bool {
		return c.Large && t.schema.Column(c.Name) >= 0
	})
}

// columnNames are the schema's columns as the table calls them.
func (t *target) columnNames() []string {
	names := make([]string, len(t.schema.Columns))
	for i := range t.schema.Columns {
		names[i] = t.schema.Columns[i].Name
	}
	return names
}

// errShape says that the stream's description of a table is not the catalog's:
// the table was altered in between.
var errShape = errors.New("columns of the stream and of the catalog differ")

// bind finds the schema's columns in the tuples that shape describes.
func (t *target) bind() error {
	r := t.shape
	if r == nil {
		return fmt.Errorf("%w: a row of %s before its description", pgoutput.ErrMessage, t.table.Title())
	}
	if len(t.Def.Columns) == 0 && len(r.Columns) != len(t.table.Relation(t.Def).Columns) {
		return t.altered()
	}
	t.fields, t.usable = make([]int, len(t.schema.Columns)), make([]bool, len(t.schema.Columns))
	t.whole = r.Identity == 'f'
	for _, l := range t.table.Leaves {
		// The root's identity decides what an old tuple is called, the
		// partition's what it holds.
		t.whole = t.whole && l.Ident == 'f'
	}
	for i := range t.schema.Columns {
		at := t.column(r, t.schema.Columns[i].Name)
		if at < 0 {
			return t.altered()
		}
		t.fields[i] = at
		t.usable[i] = t.whole || t.schema.IsKey(i) || r.Columns[at].Key && t.table.Kind != 'p'
	}
	if t.table.Kind != 'p' && !t.whole {
		for _, k := range t.schema.Key {
			if !r.Columns[t.fields[k]].Key {
				return t.altered() // opening it again says what to do
			}
		}
	}
	t.bound = true
	return nil
}

// column returns the position of a column whose type is the catalog's, or -1.
func (t *target) column(r *pgoutput.Relation, name string) int {
	for at := range r.Columns {
		if r.Columns[at].Name != name {
			continue
		}
		for i := range t.table.Columns {
			if c := &t.table.Columns[i]; c.Name == name && c.Type == r.Columns[at].Type {
				return at
			}
		}
	}
	return -1
}

func (t *target) altered() error {
	return &source.Error{Class: source.Compacted, Text: "table " + t.table.Title() + " was altered", Err: errShape}
}

// change takes one row message in.
func (t *target) change(kind byte, m *pgoutput.Row, flush func() error) error {
	if !t.bound {
		if err := t.bind(); err != nil {
			return err
		}
	}
	width := len(t.shape.Columns)
	if kind != pgoutput.MsgDelete && len(m.New) != width || m.OldKind != 0 && len(m.Old) != width {
		return fmt.Errorf("%w: a tuple of %s with the wrong number of columns", pgoutput.ErrMessage, t.table.Title())
	}
	var old relation.Row
	if m.OldKind != 0 {
		old = t.oldRow(m.Old)
		if k := t.schema.NullKey(old); k >= 0 {
			return pgcatalog.Mistake(source.Slow, "a row of %s has no value in key column %s", t.table.Title(), t.schema.Columns[k].Name)
		}
	}
	if kind == pgoutput.MsgDelete {
		t.tx.remove(old, t.whole)
		return nil
	}
	row, err := t.newRow(m, old, flush)
	if err != nil {
		return err
	}
	if old != "" && !t.schema.KeyEqual(old, row) {
		t.tx.remove(old, t.whole)
	}
	t.tx.put(row)
	return nil
}

// oldRow builds a row from an old tuple: the cells that it holds.
func (t *target) oldRow(tuple []pgoutput.Field) relation.Row {
	for i, at := range t.fields {
		if f := &tuple[at]; t.usable[i] && f.Kind == pgoutput.FieldText {
			t.builder.Append(f.Text)
		} else {
			t.builder.AppendNull()
		}
	}
	return t.builder.Row()
}

// newRow builds the row that stands after the change. Large values that did
// not change are not in the tuple: they come from the old tuple, or from the
// row as it is held.
func (t *target) newRow(m *pgoutput.Row, old relation.Row, flush func() error) (relation.Row, error) {
	var held relation.Row
	for i, at := range t.fields {
		if m.New[at].Kind != pgoutput.FieldUnchanged || m.OldKind != 0 && t.usable[i] {
			continue
		}
		key := old
		if key == "" {
			key = t.keyRow(m.New)
		}
		var err error
		if held, err = t.current(key, flush); err != nil {
			return "", err
		}
		break
	}
	for i, at := range t.fields {
		switch f := &m.New[at]; {
		case f.Kind == pgoutput.FieldText:
			t.builder.Append(f.Text)
		case f.Kind == pgoutput.FieldNull:
			t.builder.AppendNull()
		case m.OldKind != 0 && t.usable[i]:
			t.builder.AppendCell(old.Cell(i))
		default:
			t.builder.AppendCell(held.Cell(i))
		}
	}
	return t.builder.Row(), nil
}

// keyRow builds a row of the key cells of a new tuple.
func (t *target) keyRow(tuple []pgoutput.Field) relation.Row {
	for i, at := range t.fields {
		if f := &tuple[at]; t.schema.IsKey(i) && f.Kind == pgoutput.FieldText {
			t.builder.Append(f.Text)
		} else {
			t.builder.AppendNull()
		}
	}
	return t.builder.Row()
}

// current returns the row that stands under key at this point of the
// transaction.
func (t *target) current(key relation.Row, flush func() error) (relation.Row, error) {
	row, live, known := t.tx.current(key)
	if !known {
		if len(t.batches) > 0 {
			if err := flush(); err != nil {
				return "", err
			}
		}
		if t.rows != nil {
			row, live = t.rows.Current(key)
		}
	}
	if !live {
		return "", &source.Error{
			Class: source.Compacted, Text: "a row of " + t.table.Title() + " that was updated is not known",
			Err: errors.New("no row to take an unchanged large value from"),
		}
	}
	return row, nil
}

// truncate removes every row there is. Where nobody knows the rows, a new
// snapshot has to find out what is left.
func (t *target) truncate(flush func() error) error {
	if t.rows == nil || t.memory != nil && t.memory.partial {
		return pgcatalog.Mistake(source.Compacted, "table %s was truncated", t.table.Title())
	}
	if len(t.batches) > 0 {
		if err := flush(); err != nil {
			return err
		}
	}
	for i := range t.tx.changes {
		if c := &t.tx.changes[i]; c.Op == relation.Put {
			*c = relation.Change{Op: relation.Remove, Old: c.New}
		}
	}
	for row := range t.rows.All() {
		t.tx.remove(row, false)
	}
	return nil
}
