package codec

import (
	"strconv"
	"unicode/utf8"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
)

// TSV returns an encoder of the relay's lines, one per event: timestamp, diff
// and the cells of all columns, separated by tabs, NULL as \N and tabs, line
// ends and backslashes escaped as COPY does. diff is 1 for a row to put in
// place of any with its key and -1 for one to remove. Messages end in a newline.
func TSV(s *relation.Schema) feed.Encoder {
	sh := Shape{Schema: s}
	return &tsv{width: len(s.Columns), id: identify("tsv", &sh, "", nil, Exact)}
}

// TSVHeader returns the line of column names, newline included, that goes
// before the lines of [TSV].
func TSVHeader(s *relation.Schema) []byte {
	line := []byte("timestamp\tdiff")
	for i := range s.Columns {
		line = appendEscaped(append(line, '\t'), s.Columns[i].Name)
	}
	return append(line, '\n')
}

// JSONLines returns an encoder of one line per event:
//
//	{"timestamp":"1700000000000","diff":1,"row":{"id":7,"symbol":"ACME"}}
//
// with all columns under their database names, and diff as in [TSV]. Messages
// end in a newline.
func JSONLines(sh Shape) feed.Encoder {
	c := compiler{shape: &sh}
	sep := byte('{')
	for i := range sh.Schema.Columns {
		c.before = append(c.before, sep)
		c.name(sh.Schema.Columns[i].Name)
		c.add(step{op: opCell, index: i, column: newColumn(&sh, i)})
		sep = ','
	}
	c.text("}}\n")
	return &jsonLines{row: c.finish(), id: identify("jsonl", &sh, "", nil, Exact)}
}

type tsv struct {
	width int
	id    string
}

func (t *tsv) ID() string   { return t.id }
func (t *tsv) Frames() bool { return false }

func (t *tsv) Encode(dst []byte, ends []int, f *feed.Frame) ([]byte, []int) {
	for i := range f.Events {
		e := &f.Events[i]
		dst = append(strconv.AppendUint(dst, f.Time, 10), '\t')
		dst = append(dst, diffOf(e.Op)...)
		for col := range t.width {
			dst = append(dst, '\t')
			if text, ok := e.Row.Cell(col); ok {
				dst = appendEscaped(dst, text)
			} else {
				dst = append(dst, `\N`...)
			}
		}
		dst = append(dst, '\n')
		ends = append(ends, len(dst))
	}
	return dst, ends
}

func diffOf(o feed.Op) string {
	if o == feed.Delete {
		return "-1"
	}
	return "1"
}

// appendEscaped appends a cell as COPY text. Invalid UTF-8, which a column of
// type "char" can hold, becomes U+FFFD: WebSocket text frames must not hold it.
func appendEscaped(dst []byte, text string) []byte {
	start := 0
	for i := 0; i < len(text); {
		var short byte
		switch b := text[i]; {
		case b == '\\':
			short = '\\'
		case b == '\t':
			short = 't'
		case b == '\n':
			short = 'n'
		case b == '\r':
			short = 'r'
		case b < utf8.RuneSelf:
			i++
			continue
		default:
			r, n := utf8.DecodeRuneInString(text[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(dst, text[start:i]...)
				dst = append(dst, "\ufffd"...)
				start = i + n
			}
			i += n
			continue
		}
		dst = append(dst, text[start:i]...)
		dst = append(dst, '\\', short)
		i++
		start = i
	}
	return append(dst, text[start:]...)
}

type jsonLines struct {
	row *plan
	id  string
}

func (j *jsonLines) ID() string   { return j.id }
func (j *jsonLines) Frames() bool { return false }

func (j *jsonLines) Encode(dst []byte, ends []int, f *feed.Frame) ([]byte, []int) {
	for i := range f.Events {
		e := &f.Events[i]
		dst = append(dst, `{"timestamp":"`...)
		dst = strconv.AppendUint(dst, f.Time, 10)
		dst = append(dst, `","diff":`...)
		dst = append(dst, diffOf(e.Op)...)
		dst = append(dst, `,"row":`...)
		dst = j.row.append(dst, &scope{row: e.Row})
		ends = append(ends, len(dst))
	}
	return dst, ends
}
