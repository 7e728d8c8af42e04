package wire

import (
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tycostream/tycostream/internal/mzsim/eval"
	"github.com/tycostream/tycostream/internal/mzsim/pgerr"
	"github.com/tycostream/tycostream/internal/mzsim/pgval"
)

// RowDescription describes a result.
func RowDescription(cols []eval.Column, formats []int16) *pgproto3.RowDescription {
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

// DataRow encodes a row for the wire.
func DataRow(cols []eval.Column, formats []int16, row eval.Row) (*pgproto3.DataRow, error) {
	m := &pgproto3.DataRow{Values: make([][]byte, len(row))}
	for i, c := range row {
		if !c.OK {
			continue
		}
		m.Values[i] = []byte(c.Text)
		if formatOf(formats, i) == pgproto3.BinaryFormat {
			b, err := cols[i].Type.Binary(c.Text)
			if err != nil {
				return nil, pgerr.Errorf("0A000", "column \"%s\": %s", cols[i].Name, err)
			}
			m.Values[i] = b
		}
	}
	return m, nil
}

// AppendField writes one field of COPY text. Only four bytes are escaped.
func AppendField(dst []byte, text string, ok bool) []byte {
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

// AppendLine writes a row as COPY text.
func AppendLine(dst []byte, row eval.Row) []byte {
	for i, c := range row {
		if i > 0 {
			dst = append(dst, '\t')
		}
		dst = AppendField(dst, c.Text, c.OK)
	}
	return append(dst, '\n')
}

// AppendCSV writes a row as CSV.
func AppendCSV(dst []byte, row eval.Row) []byte {
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

// DecodeParams turns the parameters of a Bind into cells.
func DecodeParams(m *pgproto3.Bind, types []pgval.Type) ([]eval.Cell, error) {
	if len(m.Parameters) != len(types) {
		return nil, pgerr.Errorf("08P01", "bind message supplies %d parameters, but prepared statement \"%s\" requires %d", len(m.Parameters), m.PreparedStatement, len(types))
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
				return nil, pgerr.Errorf("22P03", "unable to decode parameter: %s", err)
			}
		}
		text, err := types[i].Canon(text)
		if err != nil {
			return nil, pgerr.Errorf("22023", "unable to decode parameter: %s", err)
		}
		cells[i] = eval.Of(text)
	}
	return cells, nil
}
