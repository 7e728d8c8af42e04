package codec

import (
	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
)

// Images returns an encoder of one message per event, with the row as it is and
// as it was, in the form that gateways over LISTEN and NOTIFY made common:
//
//	{"op":"UPDATE","table":"live_pnl","new":{"id":7,"price":"2"},"old":{"id":7,"price":"1"}}
//
// with all columns under their database names and cells as in [JSONLines]. new
// is null for DELETE and old for INSERT. Of a change that is told as part of a
// difference nobody knows what the reader held: old then lacks the columns that
// changed.
func Images(sh Shape, table string) feed.Encoder {
	im := &images{id: identify("images", &sh, table, nil, Exact)}
	for i := range sh.Schema.Columns {
		im.cells = append(im.cells, imageCell{
			name:   string(append(relation.AppendJSONString(nil, sh.Schema.Columns[i].Name), ':')),
			column: newColumn(&sh, i), key: sh.Schema.IsKey(i),
		})
	}
	for op := feed.Insert; op <= feed.Delete; op++ {
		im.before[op] = `{"op":"` + op.String() + `","table":` + string(relation.AppendJSONString(nil, table)) + `,"new":`
	}
	return im
}

type images struct {
	id     string
	before [feed.Delete + 1]string // new, by Op
	cells  []imageCell
}

type imageCell struct {
	name   string // as the key of an object, colon included
	column *column
	key    bool
}

func (im *images) ID() string   { return im.id }
func (im *images) Frames() bool { return false }

func (im *images) Encode(dst []byte, ends []int, f *feed.Frame) ([]byte, []int) {
	for i := range f.Events {
		dst = im.event(dst, &f.Events[i])
		ends = append(ends, len(dst))
	}
	return dst, ends
}

func (im *images) event(dst []byte, e *feed.Event) []byte {
	dst = append(dst, im.before[e.Op]...)
	if e.Op == feed.Delete {
		dst = append(dst, "null"...)
	} else {
		dst = im.row(dst, e.Row, nil)
	}
	dst = append(dst, `,"old":`...)
	switch {
	case e.Op == feed.Insert:
		dst = append(dst, "null"...)
	case e.Op == feed.Delete:
		dst = im.row(dst, e.Row, nil)
	case e.Old != "":
		dst = im.row(dst, e.Old, nil)
	default:
		dst = im.row(dst, e.Row, e.Changed)
	}
	return append(dst, '}')
}

// row appends a row without some of its columns. A key's always stay: a row that
// comes back counts as changed in all of them.
func (im *images) row(dst []byte, r relation.Row, without relation.ColumnSet) []byte {
	sep := byte('{')
	for i := range im.cells {
		c := &im.cells[i]
		if without.Has(i) && !c.key {
			continue
		}
		dst = append(append(dst, sep), c.name...)
		sep = ','
		if text, ok := r.Cell(i); ok {
			dst = c.column.append(dst, text)
		} else {
			dst = append(dst, "null"...)
		}
	}
	return append(dst, '}')
}
