package mzsim

import (
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tycostream/tycostream/internal/mzsim/eval"
	"github.com/tycostream/tycostream/internal/mzsim/pgval"
)

func rowDescription(cols []eval.Column, formats []int16) *pgproto3.RowDescription {
	d := &pgproto3.RowDescription{Fields: make([]pgproto3.FieldDescription, len(cols))}
	for i, c := range cols {
		d.Fields[i] = pgproto3.FieldDescription{
			Name: []byte(c.Name), DataTypeOID: c.Type.OID, DataTypeSize: c.Type.Size, TypeModifier: c.Type.Typmod, Format: formatOf(formats, i),
		}
	}
	return d
}

// formatOf applies the rule for short lists: none is text, one is for all.
func formatOf(formats []int16, i int) int16 {
	switch {
	case len(formats) == 0:
		return pgproto3.TextFormat
	case len(formats) == 1:
		return formats[0]
	case i < len(formats):
		return formats[i]
	}
	return pgproto3.TextFormat
}

// dataRow encodes a row for the wire.
func dataRow(cols []eval.Column, formats []int16, row eval.Row) (*pgproto3.DataRow, error) {
	m := &pgproto3.DataRow{Values: make([][]byte, len(row))}
	for i, c := range row {
		if !c.OK {
			continue
		}
		m.Values[i] = []byte(c.Text)
		if formatOf(formats, i) == pgproto3.BinaryFormat {
			b, err := cols[i].Type.Binary(c.Text)
			if err != nil {
				return nil, errorf("0A000", "column \"%s\": %s", cols[i].Name, err)
			}
			m.Values[i] = b
		}
	}
	return m, nil
}

// cells lays an event out in the columns of the result.
func (p *subscribePlan) cells(e event) eval.Row {
	row := make(eval.Row, 0, 3+len(p.cols))
	row = append(row, eval.Of(strconv.FormatUint(e.time, 10)))
	if p.spec.Progress {
		row = append(row, eval.Bool(e.progress))
	}
	switch {
	case e.progress:
		return append(row, make(eval.Row, 1+len(p.cols))...)
	case e.state != "":
		row = append(row, eval.Of(e.state))
	default:
		row = append(row, eval.Of(strconv.FormatInt(e.diff, 10)))
	}
	for _, k := range p.key {
		text, ok := e.row.Cell(k)
		row = append(row, eval.Cell{Text: text, OK: ok})
	}
	for _, k := range p.rest {
		text, ok := e.row.Cell(k)
		if e.keyOnly {
			text, ok = "", false
		}
		row = append(row, eval.Cell{Text: text, OK: ok})
	}
	return row
}

// appendEvent encodes an event as a whole CopyData message with one line of
// COPY text: the hot path of a stream.
func (p *subscribePlan) appendEvent(dst []byte, e event) []byte {
	start := len(dst)
	dst = append(dst, 'd', 0, 0, 0, 0)
	dst = strconv.AppendUint(dst, e.time, 10)
	if p.spec.Progress {
		if e.progress {
			dst = append(dst, "\tt"...)
		} else {
			dst = append(dst, "\tf"...)
		}
	}
	switch {
	case e.progress:
		for range 1 + len(p.cols) {
			dst = append(dst, "\t\\N"...)
		}
	case e.state != "":
		dst = append(append(dst, '\t'), e.state...)
	default:
		dst = strconv.AppendInt(append(dst, '\t'), e.diff, 10)
	}
	if !e.progress {
		for _, k := range p.key {
			text, ok := e.row.Cell(k)
			dst = appendField(append(dst, '\t'), text, ok)
		}
		for _, k := range p.rest {
			text, ok := e.row.Cell(k)
			dst = appendField(append(dst, '\t'), text, ok && !e.keyOnly)
		}
	}
	dst = append(dst, '\n')
	binary.BigEndian.PutUint32(dst[start+1:], uint32(len(dst)-start-1)) //nolint:gosec // a row is far below 4 GiB
	return dst
}

// appendField writes one field of COPY text. Only four bytes are escaped.
func appendField(dst []byte, text string, ok bool) []byte {
	if !ok {
		return append(dst, '\\', 'N')
	}
	if strings.IndexByte(text, '\\') < 0 && strings.IndexByte(text, '\n') < 0 && strings.IndexByte(text, '\t') < 0 && strings.IndexByte(text, '\r') < 0 {
		return append(dst, text...)
	}
	for i := range len(text) {
		switch c := text[i]; c {
		case '\\':
			dst = append(dst, '\\', '\\')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// appendLine writes a row as COPY text.
func appendLine(dst []byte, row eval.Row) []byte {
	for i, c := range row {
		if i > 0 {
			dst = append(dst, '\t')
		}
		dst = appendField(dst, c.Text, c.OK)
	}
	return append(dst, '\n')
}

// appendCSV writes a row as CSV.
func appendCSV(dst []byte, row eval.Row) []byte {
	for i, c := range row {
		if i > 0 {
			dst = append(dst, ',')
		}
		switch {
		case !c.OK:
		case c.Text == "" || strings.ContainsAny(c.Text, ",\"\r\n") || len(row) == 1 && c.Text == `\.`:
			dst = append(dst, '"')
			dst = append(dst, strings.ReplaceAll(c.Text, `"`, `""`)...)
			dst = append(dst, '"')
		default:
			dst = append(dst, c.Text...)
		}
	}
	return append(dst, '\n')
}

// decodeParams turns the parameters of a Bind into cells.
func decodeParams(m *pgproto3.Bind, types []pgval.Type) ([]eval.Cell, error) {
	if len(m.Parameters) != len(types) {
		return nil, errorf("08P01", "bind message supplies %d parameters, but prepared statement \"%s\" requires %d", len(m.Parameters), m.PreparedStatement, len(types))
	}
	cells := make([]eval.Cell, len(types))
	for i, v := range m.Parameters {
		if v == nil {
			continue
		}
		text := string(v)
		if formatOf(m.ParameterFormatCodes, i) == pgproto3.BinaryFormat {
			var err error
			if text, err = types[i].FromBinary(v); err != nil {
				return nil, errorf("22P03", "unable to decode parameter: %s", err)
			}
		}
		text, err := types[i].Canon(text)
		if err != nil {
			return nil, errorf("22023", "unable to decode parameter: %s", err)
		}
		cells[i] = eval.Of(text)
	}
	return cells, nil
}
