package subscribe

import (
	"encoding/binary"
	"strconv"

	"github.com/tycostream/tycostream/internal/mzsim/eval"
	"github.com/tycostream/tycostream/internal/mzsim/wire"
)

// Cells lays an event out in the columns of the result.
func (p *Plan) Cells(e Event) eval.Row {
	row := make(eval.Row, 0, 3+len(p.cols))
	row = append(row, eval.Of(strconv.FormatUint(e.Time, 10)))
	if p.spec.Progress {
		row = append(row, eval.Bool(e.Progress))
	}
	switch {
	case e.Progress:
		return append(row, make(eval.Row, 1+len(p.cols))...)
	case e.State != "":
		row = append(row, eval.Of(e.State))
	default:
		row = append(row, eval.Of(strconv.FormatInt(e.Diff, 10)))
	}
	for _, k := range p.key {
		text, ok := e.Row.Cell(k)
		row = append(row, eval.Cell{Text: text, OK: ok})
	}
	for _, k := range p.rest {
		text, ok := e.Row.Cell(k)
		if e.KeyOnly {
			text, ok = "", false
		}
		row = append(row, eval.Cell{Text: text, OK: ok})
	}
	return row
}

// AppendEvent encodes an event as a whole CopyData message with one line of
// COPY text: the hot path of a stream.
func (p *Plan) AppendEvent(dst []byte, e Event) []byte {
	start := len(dst)
	dst = append(dst, 'd', 0, 0, 0, 0)
	dst = strconv.AppendUint(dst, e.Time, 10)
	if p.spec.Progress {
		if e.Progress {
			dst = append(dst, "\tt"...)
		} else {
			dst = append(dst, "\tf"...)
		}
	}
	switch {
	case e.Progress:
		for range 1 + len(p.cols) {
			dst = append(dst, "\t\\N"...)
		}
	case e.State != "":
		dst = append(append(dst, '\t'), e.State...)
	default:
		dst = strconv.AppendInt(append(dst, '\t'), e.Diff, 10)
	}
	if !e.Progress {
		for _, k := range p.key {
			text, ok := e.Row.Cell(k)
			dst = wire.AppendField(append(dst, '\t'), text, ok)
		}
		for _, k := range p.rest {
			text, ok := e.Row.Cell(k)
			dst = wire.AppendField(append(dst, '\t'), text, ok && !e.KeyOnly)
		}
	}
	dst = append(dst, '\n')
	binary.BigEndian.PutUint32(dst[start+1:], uint32(len(dst)-start-1)) //nolint:gosec // a row is far below 4 GiB
	return dst
}
