package materialize

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tycostream/tycostream/internal/backend/backendtest"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
)

// tracer is a sink that writes down what it is called with.
type tracer struct {
	schema *relation.Schema
	calls  []string
}

func (s *tracer) Open(*source.Relation) (*relation.Schema, []int, error) { return s.schema, nil, nil }

func (s *tracer) Snapshot(rows []relation.Row) error {
	for _, r := range rows {
		s.calls = append(s.calls, "snapshot "+backendtest.Line(r))
	}
	return nil
}

func (s *tracer) Live(f relation.Frontier, resumed bool) error {
	s.calls = append(s.calls, fmt.Sprintf("live %d %v", f.Time, resumed))
	return nil
}

func (s *tracer) Past(f relation.Frontier) error {
	s.calls = append(s.calls, fmt.Sprintf("past %d", f.Time))
	return nil
}

func (s *tracer) Apply(batches []relation.Batch, f relation.Frontier) error {
	for _, b := range batches {
		var text strings.Builder
		fmt.Fprintf(&text, "at %d:", b.Time)
		for _, c := range b.Changes {
			switch c.Op {
			case relation.Insert:
				text.WriteString(" +" + backendtest.Line(c.New))
			case relation.Delete:
				text.WriteString(" -" + backendtest.Line(c.Old))
			case relation.Update:
				text.WriteString(" " + backendtest.Line(c.Old) + ">" + backendtest.Line(c.New))
			case relation.Put, relation.Remove:
				text.WriteString(" inexact")
			}
		}
		s.calls = append(s.calls, text.String())
	}
	s.calls = append(s.calls, fmt.Sprintf("frontier %d", f.Time))
	return nil
}

func (*tracer) Fail(error) {}

// keyed returns a schema of text columns a, b, ... whose first one is the key.
func keyed(n int) *relation.Schema {
	s := &relation.Schema{Key: []int{0}}
	for i := range n {
		s.Columns = append(s.Columns, relation.Column{Name: string(rune('a' + i)), Kind: relation.String})
	}
	return s
}

// run gives lines (blanks stand for tabs) to a stream over n columns and
// returns the calls of its sink. A line "." ends the input, "," hands on what
// is due.
func run(n int, resume uint64, lines ...string) ([]string, error) {
	return runSince(n, resume, 0, lines...)
}

// runSince is run for a stream that has caught up at now.
func runSince(n int, resume, now uint64, lines ...string) ([]string, error) {
	sink := &tracer{schema: keyed(n)}
	layout := make([]int, n)
	for i := range layout {
		layout[i] = i
	}
	s := newStream(sink.schema, layout, n, sink)
	s.now = now
	if resume > 0 {
		s.resume, s.asOf = true, resume
	}
	if err := s.format(&pgproto3.CopyOutResponse{ColumnFormatCodes: make([]uint16, n+progressColumns)}); err != nil {
		return nil, err
	}
	for _, l := range lines {
		var err error
		switch l {
		case ".":
			err = s.complete()
		case ",":
			err = s.deliver()
		default:
			err = s.data([]byte(strings.ReplaceAll(l, " ", "\t") + "\n"))
		}
		if err != nil {
			return sink.calls, err
		}
	}
	return sink.calls, s.deliver()
}

// end is the time of rows that never change.
const end = "18446744073709551615"

// streamTests are streams over n columns, and what a sink sees of them.
var streamTests = []struct {
	name   string
	n      int
	resume uint64
	lines  []string
	want   []string
}{
	{
		"the first progress row does not end the snapshot", 2, 0,
		[]string{`5 t \N \N \N`, `5 f 1 1 x`},
		nil,
	},
	{
		"snapshot", 2, 0,
		[]string{`5 t \N \N \N`, `5 f 1 1 x`, `5 f 1 2 \N`, `6 t \N \N \N`},
		[]string{"snapshot 1|x", "snapshot 2|-", "live 5 false"},
	},
	{
		"empty snapshot", 1, 0,
		[]string{`5 t \N \N`, `6 t \N \N`},
		[]string{"live 5 false"},
	},
	{
		"progress repeats", 1, 0,
		[]string{`5 t \N \N`, `5 t \N \N`, `6 t \N \N`, `,`, `6 t \N \N`, `,`},
		[]string{"live 5 false"},
	},
	{
		"idle progress moves the frontier", 1, 0,
		[]string{`5 t \N \N`, `6 t \N \N`, `,`, `1006 t \N \N`, `,`, `2006 t \N \N`},
		[]string{"live 5 false", "frontier 1005", "frontier 2005"},
	},
	{
		"progress rows that came together are one step", 1, 0,
		[]string{`5 t \N \N`, `6 t \N \N`, `1006 t \N \N`, `2006 t \N \N`},
		[]string{"live 5 false", "frontier 2005"},
	},
	{
		"V22: an update", 2, 0,
		[]string{`5 t \N \N \N`, `5 f 1 1 2`, `5 f 1 2 3`, `6 t \N \N \N`, `,`, `9 f -1 1 2`, `9 f 1 1 4`, `10 t \N \N \N`},
		[]string{"snapshot 1|2", "snapshot 2|3", "live 5 false", "at 9: 1|2>1|4", "frontier 9"},
	},
	{
		"the insert before the delete of the same key", 2, 0,
		[]string{`5 t \N \N \N`, `5 f 1 1 1000`, `6 t \N \N \N`, `,`, `9 f 1 1 5`, `9 f -1 1 1000`, `10 t \N \N \N`},
		[]string{"snapshot 1|1000", "live 5 false", "at 9: 1|1000>1|5", "frontier 9"},
	},
	{
		"the key changes", 2, 0,
		[]string{`5 t \N \N \N`, `6 t \N \N \N`, `9 f 1 7 x`, `9 f -1 1 x`, `10 t \N \N \N`},
		[]string{"live 5 false", "at 9: +7|x -1|x", "frontier 9"},
	},
	{
		"several times under one progress row stay apart", 2, 0,
		[]string{`5 t \N \N \N`, `6 t \N \N \N`, `7 f 1 1 a`, `8 f -1 1 a`, `8 f 1 1 b`, `9 f -1 1 b`, `12 t \N \N \N`},
		[]string{"live 5 false", "at 7: +1|a", "at 8: 1|a>1|b", "at 9: -1|b", "frontier 11"},
	},
	{
		"nothing is seen before the progress row that covers it", 1, 0,
		[]string{`5 t \N \N`, `6 t \N \N`, `,`, `7 f 1 a`, `8 f 1 b`, `,`},
		[]string{"live 5 false"},
	},
	{
		"rows above AS OF before the snapshot is complete", 2, 0,
		[]string{`5 t \N \N \N`, `5 f 1 1 a`, `7 f 1 2 b`, `,`, `9 t \N \N \N`},
		[]string{"snapshot 1|a", "live 5 false", "at 7: +2|b", "frontier 8"},
	},
	{
		"rows at the time of a progress row", 1, 0,
		[]string{`5 t \N \N`, `6 t \N \N`, `,`, `9 t \N \N`, `9 f 1 x`, `9 t \N \N`, `,`, `10 t \N \N`},
		[]string{"live 5 false", "frontier 8", "at 9: +x", "frontier 9"},
	},
	{
		"changes that cancel out", 2, 0,
		[]string{`5 t \N \N \N`, `6 t \N \N \N`, `9 f 1 1 x`, `9 f -1 1 x`, `9 f 2 2 y`, `9 f -1 2 y`, `10 t \N \N \N`},
		[]string{"live 5 false", "at 9: +2|y", "frontier 9"},
	},
	{
		"resume", 1, 100,
		[]string{`100 t \N \N`, `,`, `101 f 1 a`, `103 t \N \N`},
		[]string{"at 101: +a", "frontier 102", "live 102 true"},
	},
	{
		"resume without news", 1, 100,
		[]string{`100 t \N \N`, `101 t \N \N`},
		[]string{"live 100 true"},
	},
	{
		"V27: one row, then progress", 2, 0,
		[]string{`5 t \N \N \N`, `5 f 1 3 2`, `6 t \N \N \N`},
		[]string{"snapshot 3|2", "live 5 false"},
	},
	{
		"V36: rows that never change, AS OF now", 2, 0,
		[]string{`5 t \N \N \N`, end + ` f 1 a b`, end + ` f 1 c d`, `.`},
		[]string{"snapshot a|b", "snapshot c|d", "live " + end + " false"},
	},
	{
		"V36: rows that never change, AS OF the end of time", 2, 0,
		[]string{end + ` t \N \N \N`, end + ` f 1 a b`, `.`},
		[]string{"snapshot a|b", "live " + end + " false"},
	},
	{
		"an empty input that never changes", 1, 0,
		[]string{`5 t \N \N`, `.`},
		[]string{"live 5 false"},
	},
	{
		"UP TO: what follows the last progress row is final", 1, 0,
		[]string{`5 t \N \N`, `5 f 1 a`, `6 t \N \N`, `8 f 1 b`, `.`},
		[]string{"snapshot a", "live 5 false", "at 8: +b", "frontier 8"},
	},
	{
		"V44: text rows", 1, 0,
		[]string{`5 t \N \N`, `5 f 1 00001`, `5 f 1 00002`, `5 f 1 00003`, `6 t \N \N`},
		[]string{"snapshot 00001", "snapshot 00002", "snapshot 00003", "live 5 false"},
	},
	{
		"a huge time", 1, 0,
		[]string{`18446744073709551613 t \N \N`, `18446744073709551614 f 1 a`, end + ` t \N \N`},
		[]string{"live 18446744073709551613 false", "at 18446744073709551614: +a", "frontier 18446744073709551614"},
	},
}

func TestStream(t *testing.T) {
	for _, tt := range streamTests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := run(tt.n, tt.resume, tt.lines...)
			if err != nil || !slices.Equal(got, tt.want) {
				t.Fatalf("got\n%s\n%v\nwant\n%s", strings.Join(got, "\n"), err, strings.Join(tt.want, "\n"))
			}
		})
	}
}

func TestStreamNotUnique(t *testing.T) {
	tests := []struct {
		name  string
		n     int
		lines []string
		part  string
	}{
		{"V31: equal rows in the snapshot", 1, []string{`5 t \N \N`, `5 f 10000000 k`}, `key "k" has 10000000 equal rows`},
		{"V40: equal rows in one time", 1, []string{`5 t \N \N`, `6 t \N \N`, `7 f 3 k`, `8 t \N \N`}, `key "k" has 3 equal rows`},
		{"V32: equal rows taken back", 1, []string{`5 t \N \N`, `6 t \N \N`, `7 f -2 123`, `8 t \N \N`}, `key "123" had 2 equal rows`},
		{"two rows of a key in one time", 2, []string{`5 t \N \N \N`, `6 t \N \N \N`, `7 f 1 k a`, `7 f 1 k b`, `8 t \N \N \N`}, `key "k" has more than one row`},
		{"two rows of a key taken back", 2, []string{`5 t \N \N \N`, `6 t \N \N \N`, `7 f -1 k a`, `7 f -1 k b`, `8 t \N \N \N`}, `key "k" has more than one row`},
		{"one of two rows changes", 2, []string{`5 t \N \N \N`, `6 t \N \N \N`, `7 f 1 k a`, `7 f -1 k b`, `7 f 1 k c`, `8 t \N \N \N`}, `key "k" has more than one row`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			calls, err := run(tt.n, 0, tt.lines...)
			e := classOf(t, err)
			if e.Class != source.Slow || !strings.Contains(e.Text, tt.part) {
				t.Errorf("got class %d, %q", e.Class, e.Text)
			}
			for _, c := range calls {
				if strings.HasPrefix(c, "at ") {
					t.Errorf("%q was handed on", c)
				}
			}
		})
	}
}

func TestStreamGarbled(t *testing.T) {
	start := []string{`5 t \N \N`, `5 f 1 a`, `6 t \N \N`, `,`}
	tests := []struct {
		name string
		line string
	}{
		{"field missing", `7 f 1`},
		{"field too many", `7 f 1 a b`},
		{"no time", `x f 1 a`},
		{"time NULL", `\N f 1 a`},
		{"time negative", `-7 f 1 a`},
		{"time too large", `18446744073709551616 f 1 a`},
		{"time with a fraction", `7.5 f 1 a`},
		{"progressed neither t nor f", `7 true 1 a`},
		{"progressed NULL", `7 \N 1 a`},
		{"count NULL", `7 f \N a`},
		{"count zero", `7 f 0 a`},
		{"count no number", `7 f one a`},
		{"a row back in time", `5 f 1 b`},
		{"progress back in time", `5 t \N \N`},
		{"the input ends inside a line", `.`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sink := &tracer{schema: keyed(1)}
			s := newStream(sink.schema, []int{0}, 1, sink)
			s.open = true
			for _, l := range start {
				if l == "," {
					if err := s.deliver(); err != nil {
						t.Fatal(err)
					}
				} else if err := s.data([]byte(strings.ReplaceAll(l, " ", "\t") + "\n")); err != nil {
					t.Fatal(err)
				}
			}
			before := len(sink.calls)
			var err error
			if tt.line == "." {
				err = errors.Join(s.data([]byte("7\tf\t1")), s.complete())
			} else {
				err = s.data([]byte("6\tf\t1\tgood\n" + strings.ReplaceAll(tt.line, " ", "\t") + "\n"))
			}
			e := classify(s.phase(), err)
			if e.Class != source.Retry || !errors.Is(e, source.ErrMalformed) {
				t.Errorf("got class %d, %v", e.Class, err)
			}
			if err := s.deliver(); err != nil || len(sink.calls) != before {
				t.Errorf("after garbage: %v, %q", err, sink.calls[before:])
			}
		})
	}
}

func TestStreamBeforeStart(t *testing.T) {
	if _, err := run(1, 0, `5 f 1 a`); !errors.Is(err, source.ErrMalformed) {
		t.Errorf("a row before progress: %v", err)
	}
	if _, err := run(1, 0, `.`); !errors.Is(err, source.ErrMalformed) {
		t.Errorf("an end before progress: %v", err)
	}
	if _, err := run(1, 100, `101 t \N \N`); classOf(t, err).Class != source.Compacted {
		t.Errorf("resumed elsewhere: %v", err)
	}
	if _, err := run(1, 100, `100 t \N \N`, `100 f 1 a`); !errors.Is(err, source.ErrMalformed) {
		t.Errorf("a snapshot in a resumed stream: %v", err)
	}
	if _, err := run(1, 0, `5 t \N \N`, `5 f -1 a`); classOf(t, err).Class != source.Slow {
		t.Errorf("a negative count in the snapshot: %v", err)
	}
	s := newStream(keyed(1), []int{0}, 1, nil)
	if err := s.data(nil); !errors.Is(err, source.ErrMalformed) {
		t.Errorf("data before the format: %v", err)
	}
	if err := s.format(&pgproto3.CopyOutResponse{OverallFormat: 1}); !errors.Is(err, source.ErrMalformed) {
		t.Errorf("binary: %v", err)
	}
	if err := s.format(&pgproto3.CopyOutResponse{ColumnFormatCodes: make([]uint16, 5)}); !errors.Is(err, source.ErrChanged) {
		t.Errorf("another number of columns: %v", err)
	}
}

// TestStreamLayout takes a subset of the columns, in another order; a change
// of an ignored column is none.
func TestStreamLayout(t *testing.T) {
	sink := &tracer{schema: keyed(2)}
	s := newStream(sink.schema, []int{2, 0}, 3, sink)
	s.open = true
	in := "5\tt\t\\N\t\\N\t\\N\t\\N\n5\tf\t1\tx\tignored\tk\n6\tt\t\\N\t\\N\t\\N\t\\N\n" +
		"7\tf\t-1\tx\tignored\tk\n7\tf\t1\tx\tother\tk\n8\tt\t\\N\t\\N\t\\N\t\\N\n"
	if err := errors.Join(s.data([]byte(in)), s.deliver()); err != nil {
		t.Fatal(err)
	}
	want := []string{"snapshot k|x", "live 5 false", "frontier 7"}
	if !slices.Equal(sink.calls, want) {
		t.Fatalf("got %q, want %q", sink.calls, want)
	}
}

func TestWall(t *testing.T) {
	if got := wall(1700000000123); got != 1700000000123000 {
		t.Errorf("got %d", got)
	}
	if got := wall(constant); got < 1700000000000000 || got > lastMilli*1000 {
		t.Errorf("end of time: got %d", got)
	}
}

// FuzzStream feeds any bytes: nothing may panic, and what the sink sees must
// keep the order of times.
func FuzzStream(f *testing.F) {
	f.Add([]byte("5\tt\t\\N\t\\N\n5\tf\t1\ta\n6\tt\t\\N\t\\N\n7\tf\t-1\ta\n9\tt\t\\N\t\\N\n"))
	f.Add([]byte("5\tt\t\\N\t\\N\n6\tf\t1\ta\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		rec := backendtest.NewRecorder(&source.Definition{Name: "v", Key: []string{"a"}})
		schema, layout, err := rec.Open(&source.Relation{Identity: "i", Name: "v", Columns: []source.CatalogColumn{{Name: "a"}}})
		if err != nil {
			t.Fatal(err)
		}
		s := newStream(schema, layout, 1, rec)
		s.open = true
		if err := s.data(data); err == nil {
			_ = s.complete()
		} else if e := classify(s.phase(), err); e.Text == "" {
			t.Errorf("no text for %v", err)
		}
		if err := s.deliver(); err != nil && !strings.Contains(err.Error(), "not unique") {
			t.Fatal(err)
		}
	})
}

// payload is a stretch of a live stream: n rows in times of per rows each.
func payload(n, per, keys int) []byte {
	data := []byte("1700000000000\tt\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\n1700000000001\tt\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\n")
	for i := 0; i < n; i += 2 {
		at := 1700000000001 + i/per
		k := i / 2 % keys
		for j, count := range []int{-1, 1} {
			data = fmt.Appendf(data, "%d\tf\t%d\t%d\tSYM%d\t1200\t%d.25\t224700\t180.5\t8100\n", at, count, k, k, i+j)
		}
	}
	return fmt.Appendf(data, "%d\tt\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\n", 1700000000002+n/per)
}

type discard struct{ tracer }

func (*discard) Live(relation.Frontier, bool) error              { return nil }
func (*discard) Apply([]relation.Batch, relation.Frontier) error { return nil }
func (*discard) Snapshot([]relation.Row) error                   { return nil }

// BenchmarkStream parses, packs and nets updates of 7 columns.
func BenchmarkStream(b *testing.B) {
	for _, per := range []int{2, 100, 10000} {
		b.Run(fmt.Sprintf("rows_per_time=%d", per), func(b *testing.B) {
			const n = 100000
			data := payload(n, per, 1000000)
			schema := keyed(7)
			layout := []int{0, 1, 2, 3, 4, 5, 6}
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				s := newStream(schema, layout, 7, &discard{})
				s.open = true
				for rest := data; len(rest) > 0; {
					k := min(8192, len(rest))
					if err := s.data(rest[:k]); err != nil {
						b.Fatal(err)
					}
					rest = rest[k:]
					if err := s.deliver(); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
