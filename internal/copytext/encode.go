package copytext

import "github.com/tycostream/tycostream/internal/relation"

// Null is the text of a NULL field.
const Null = `\N`

// AppendField appends a field's text, escaped as Materialize does it:
// backslash, line feed, carriage return and tab, no other byte.
func AppendField[T string | []byte](dst []byte, text T) []byte {
	start := 0
	for i := range len(text) {
		var c byte
		switch text[i] {
		case '\\':
			c = '\\'
		case '\n':
			c = 'n'
		case '\r':
			c = 'r'
		case '\t':
			c = 't'
		default:
			continue
		}
		dst = append(dst, text[start:i]...)
		dst = append(dst, '\\', c)
		start = i + 1
	}
	return append(dst, text[start:]...)
}

// AppendCells appends the row's cells as fields with a TAB between them. It
// writes no line end, so that callers can put fields before and behind.
func AppendCells(dst []byte, row relation.Row) []byte {
	for i := range row.Len() {
		if i > 0 {
			dst = append(dst, '\t')
		}
		text, ok := row.Cell(i)
		if !ok {
			dst = append(dst, Null...)
			continue
		}
		dst = AppendField(dst, text)
	}
	return dst
}

// AppendLine appends the row's cells as a whole line.
func AppendLine(dst []byte, row relation.Row) []byte {
	return append(AppendCells(dst, row), '\n')
}
