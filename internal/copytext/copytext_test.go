package copytext_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tycostream/tycostream/internal/copytext"
	"github.com/tycostream/tycostream/internal/relation"
)

const null = "<null>"

// fields parses a line into texts, NULL as null.
func fields(tb testing.TB, line string, columns int) ([]string, error) {
	tb.Helper()
	var rec copytext.Record
	if err := rec.Parse([]byte(line), columns); err != nil {
		return nil, err
	}
	var out []string
	for i := range rec.Len() {
		text, ok := rec.Field(i)
		if !ok {
			text = []byte(null)
		}
		out = append(out, string(text))
	}
	return out, nil
}

func TestRecordParse(t *testing.T) {
	tests := []struct {
		name, line string
		want       []string
	}{
		{"plain", "1\t2", []string{"1", "2"}},
		{"one empty field", "", []string{""}},
		{"empty fields at both ends", "\ta\t", []string{"", "a", ""}},
		{"spaces are kept", " a \t ", []string{" a ", " "}},
		{"null", `6` + "\t" + `\N`, []string{"6", null}},
		{"null alone", `\N`, []string{null}},
		{"escaped null text", `\\N`, []string{`\N`}},
		{"null inside a text", `a\N`, []string{"aN"}},
		{"null with a tail", `\Nx`, []string{"Nx"}},
		{"the four of Materialize", `\\\t\n\rtest\\N`, []string{"\\\t\n\rtest\\N"}},
		{"the others of PostgreSQL", `\b\f\v`, []string{"\b\f\v"}},
		{"raw control bytes", "\b\f\v\x01\x00", []string{"\b\f\v\x01\x00"}},
		{"octal", `\101\60\1019\0`, []string{"A0A9\x00"}},
		{"octal overflow keeps eight bits", `\777`, []string{"\xff"}},
		{"hex", `\x41\x4a1\x4g\xFf`, []string{"AJ1\x04g\xff"}},
		{"hex without digits", `\xg`, []string{"xg"}},
		{"unknown escape stands for itself", `\q\.\"`, []string{`q."`}},
		{"escape then plain", "a\\\\\tb", []string{`a\`, "b"}},
		{"bytea", `\\x00ff`, []string{`\x00ff`}},
		{"json", `{"a":"\\"x\\""}` + "\t1", []string{`{"a":"\"x\""}`, "1"}},
		{"carriage return stays", "a\r", []string{"a\r"}},
		{"a progress row", "1700000000000\tt\t\\N\t\\N\t\\N", []string{"1700000000000", "t", null, null, null}},
		{"a data row", "1700000000000\tf\t1\t7\tabc", []string{"1700000000000", "f", "1", "7", "abc"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := fields(t, tt.line, len(tt.want))
			if err != nil || !slices.Equal(got, tt.want) {
				t.Fatalf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestRecordParseMalformed(t *testing.T) {
	long := strings.Repeat("x", 1000)
	tests := []struct {
		name, line string
		columns    int
		reason     string
	}{
		{"too few fields", "1\t2", 3, "2 fields instead of 3"},
		{"too many fields", "1\t2\t3\t4\t5", 3, "more than 3 fields"},
		{"too many fields with escapes", `\N` + "\t2\t3\t4\t5", 3, "more than 3 fields"},
		{"too few fields with escapes", `\N`, 3, "1 fields instead of 3"},
		{"backslash at the end", `a\`, 1, "a field that ends in a backslash"},
		{"backslash before a tab", "a\\\tb", 2, "a field that ends in a backslash"},
		{"long", long, 2, "1 fields instead of 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := fields(t, tt.line, tt.columns)
			e, ok := errors.AsType[*copytext.LineError](err)
			if !ok {
				t.Fatalf("got %v, want a *LineError", err)
			}
			if e.Reason != tt.reason {
				t.Errorf("reason %q, want %q", e.Reason, tt.reason)
			}
			if len(e.Excerpt) > 100 || strings.Contains(e.Error(), e.Excerpt) {
				t.Errorf("excerpt %q is too long or part of the error text", e.Excerpt)
			}
		})
	}
}

func TestRecordReuse(t *testing.T) {
	var rec copytext.Record
	for _, line := range []string{"a\tb", `\N` + "\tx", "c\td", "only", "e\tf"} {
		err := rec.Parse([]byte(line), 2)
		if (err != nil) != (line == "only") {
			t.Fatalf("%q: %v", line, err)
		}
		if err != nil && rec.Len() != 0 {
			t.Fatal("a malformed line left fields behind")
		}
		if err == nil {
			if text, _ := rec.Field(1); !strings.HasSuffix(line, string(text)) {
				t.Fatalf("%q: second field %q", line, text)
			}
		}
	}
}

// split pushes the stream in pieces and returns copies of all lines.
func split(tb testing.TB, s *copytext.Splitter, pieces ...[]byte) []string {
	tb.Helper()
	var out []string
	for _, p := range pieces {
		s.Push(p)
		for {
			line, ok, err := s.Next()
			if err != nil {
				tb.Fatal(err)
			}
			if !ok {
				break
			}
			out = append(out, string(line))
		}
	}
	return out
}

func TestSplitter(t *testing.T) {
	tests := []struct {
		name   string
		pieces []string
		want   []string
		rest   string
	}{
		{"one line in one piece", []string{"a\n"}, []string{"a"}, ""},
		{"several lines in one piece", []string{"a\n\nb\n"}, []string{"a", "", "b"}, ""},
		{"a line in three pieces", []string{"a", "b", "c\n"}, []string{"abc"}, ""},
		{"the line end alone", []string{"a", "\n", "b\n"}, []string{"a", "b"}, ""},
		{"empty pieces", []string{"", "a", "", "\n"}, []string{"a"}, ""},
		{"two lines end in one piece", []string{"a", "b\nc\nd", "e\n"}, []string{"ab", "c", "de"}, ""},
		{"an open line", []string{"a\nb", "c"}, []string{"a"}, "bc"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s copytext.Splitter
			var pieces [][]byte
			for _, p := range tt.pieces {
				pieces = append(pieces, []byte(p))
			}
			if got := split(t, &s, pieces...); !slices.Equal(got, tt.want) {
				t.Errorf("lines %q, want %q", got, tt.want)
			}
			if got := string(s.Rest()); got != tt.rest {
				t.Errorf("rest %q, want %q", got, tt.rest)
			}
			s.Reset()
			if got := split(t, &s, []byte("z\n")); !slices.Equal(got, []string{"z"}) {
				t.Errorf("after Reset: %q", got)
			}
		})
	}
}

// TestSplitterCopiesPieces overwrites a piece once it is used up, as the
// receive buffer of a connection is.
func TestSplitterCopiesPieces(t *testing.T) {
	var s copytext.Splitter
	piece := []byte("first\nsec")
	split(t, &s, piece)
	copy(piece, "overwrite")
	if got := split(t, &s, []byte("ond\n")); !slices.Equal(got, []string{"second"}) {
		t.Fatalf("got %q", got)
	}
}

func TestSplitterLimit(t *testing.T) {
	s := copytext.Splitter{Limit: 10}
	if got := split(t, &s, []byte("0123456789"), []byte("\n")); len(got) != 1 {
		t.Fatalf("got %q", got)
	}
	s.Push([]byte("012345"))
	if _, ok, err := s.Next(); ok || err != nil {
		t.Fatalf("got %v, %v", ok, err)
	}
	s.Push([]byte("67890"))
	_, _, err := s.Next()
	if _, ok := errors.AsType[*copytext.LineError](err); !ok {
		t.Fatalf("got %v, want a *LineError", err)
	}
}

func TestAppendLine(t *testing.T) {
	text := func(s string) *string { return &s }
	tests := []struct {
		name string
		row  relation.Row
		want string
	}{
		{"plain", relation.Texts("1", "2"), "1\t2\n"},
		{"the four escapes", relation.Texts("5", "\\\t\n\rtest\\N"), "5\t\\\\\\t\\n\\rtest\\\\N\n"},
		{"null", relation.Cells(text("6"), nil), "6\t\\N\n"},
		{"the text of a null", relation.Texts(`\N`), "\\\\N\n"},
		{"other control bytes are raw", relation.Texts("\b\f\v\x00"), "\b\f\v\x00\n"},
		{"empty at the end", relation.Texts("a", ""), "a\t\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(copytext.AppendLine(nil, tt.row)); got != tt.want {
				t.Fatalf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestNoAllocation(t *testing.T) {
	data := bytes.Repeat([]byte("1700000000000\tf\t1\t42\tABC\\tDEF\t\\N\n1700000000000\tf\t1\t42\tplain\t3\n"), 100)
	var s copytext.Splitter
	var rec copytext.Record
	work := func() {
		s.Push(data[:777])
		drain(t, &s, &rec, 6)
		s.Push(data[777:])
		drain(t, &s, &rec, 6)
	}
	work()
	if n := testing.AllocsPerRun(10, work); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func drain(tb testing.TB, s *copytext.Splitter, rec *copytext.Record, columns int) (rows int) {
	tb.Helper()
	for {
		line, ok, err := s.Next()
		if err != nil {
			tb.Fatal(err)
		}
		if !ok {
			return rows
		}
		if err := rec.Parse(line, columns); err != nil {
			tb.Fatal(err)
		}
		rows++
	}
}

func FuzzRoundTrip(f *testing.F) {
	f.Add("a", "\\\t\n\r\b", `\N`, true)
	f.Add("", "", "\x00\xff\\", false)
	f.Fuzz(func(t *testing.T, a, b, c string, isNull bool) {
		cells := []*string{&a, &b, &c}
		if isNull {
			cells[1] = nil
		}
		line := copytext.AppendLine(nil, relation.Cells(cells...))
		if n := bytes.Count(line, []byte("\n")); n != 1 || line[len(line)-1] != '\n' {
			t.Fatalf("%q holds %d line ends", line, n)
		}
		var rec copytext.Record
		if err := rec.Parse(line[:len(line)-1], 3); err != nil {
			t.Fatal(err)
		}
		for i, want := range cells {
			got, ok := rec.Field(i)
			if ok != (want != nil) || ok && string(got) != *want {
				t.Fatalf("field %d of %q: got %q, %v", i, line, got, ok)
			}
		}
	})
}

// FuzzChunks compares any framing of any bytes with the same bytes in one
// piece, and feeds every line to the record parser.
func FuzzChunks(f *testing.F) {
	f.Add([]byte("a\tb\nc\\\nd\n\n"), []byte{1, 2, 3})
	f.Add([]byte("no end"), []byte{0, 0})
	f.Fuzz(func(t *testing.T, data, sizes []byte) {
		want := bytes.Split(data, []byte("\n"))
		rest := string(want[len(want)-1])
		var pieces [][]byte
		for left := data; len(left) > 0; {
			n := len(left)
			if len(sizes) > 0 {
				n = min(n, int(sizes[0]))
				sizes = sizes[1:]
			}
			pieces = append(pieces, bytes.Clone(left[:n]))
			left = left[n:]
		}
		var s copytext.Splitter
		got := split(t, &s, pieces...)
		if len(got) != len(want)-1 {
			t.Fatalf("%d lines, want %d", len(got), len(want)-1)
		}
		for i, line := range got {
			if line != string(want[i]) {
				t.Fatalf("line %d: %q, want %q", i, line, want[i])
			}
			_, _ = fields(t, line, 3)
		}
		if string(s.Rest()) != rest {
			t.Fatalf("rest %q, want %q", s.Rest(), rest)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for _, escapes := range []bool{false, true} {
		b.Run(fmt.Sprintf("escapes=%v", escapes), func(b *testing.B) {
			symbol := "AAPL"
			if escapes {
				symbol = `AA\\PL`
			}
			var data []byte
			const rows = 1000
			for i := range rows {
				data = fmt.Appendf(data, "1700000000123\tf\t1\t%d\t%s\t1200\t187.25\t224700\t180.5\t8100\n", i, symbol)
			}
			var s copytext.Splitter
			var rec copytext.Record
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				s.Push(data)
				n += drain(b, &s, &rec, 10)
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
