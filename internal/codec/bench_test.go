package codec

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
)

// livePnL is the schema of the benchmarks: nine columns, about what a grid shows.
func livePnL() *relation.Schema {
	return &relation.Schema{
		Columns: []relation.Column{
			{Name: "instrument_id", Field: "instrumentId", Kind: relation.Integer},
			{Name: "symbol", Field: "symbol", Kind: relation.String},
			{Name: "net_position", Field: "netPosition", Kind: relation.BigInt},
			{Name: "latest_price", Field: "latestPrice", Kind: relation.Float},
			{Name: "market_value", Field: "marketValue", Kind: relation.Decimal},
			{Name: "avg_cost_basis", Field: "avgCostBasis", Kind: relation.Decimal},
			{Name: "theoretical_pnl", Field: "theoreticalPnl", Kind: relation.Decimal},
			{Name: "desk", Field: "desk", Kind: relation.String, Nullable: true},
			{Name: "updated_at", Field: "updatedAt", Kind: relation.Timestamp, Zoned: true},
		},
		Key: []int{0},
	}
}

func livePnLRow(i int, price string) relation.Row {
	return relation.Texts(strconv.Itoa(i), fmt.Sprintf("SYM%04d", i%10_000), "12500", price, "1284375.25", "101.375", "17187.75", "Rates London", "2026-01-02 03:04:05.678901+00")
}

func livePnLShape() Shape {
	return Shape{Schema: livePnL(), Types: Types{Row: "LivePnL", Update: "LivePnLUpdate", Changes: "LivePnLChanges", Columns: "LivePnLColumns", ColumnSet: "LivePnLColumnSet", KeySet: "LivePnLKeySet"}}
}

func livePnLUpdate() []Field {
	return append(fields("operation", "fields", "timestamp"), object("data", allColumns(livePnL())...))
}

// allColumns selects every column under its own name.
func allColumns(s *relation.Schema) []Field {
	var sel []Field
	for _, c := range s.Columns {
		sel = append(sel, Field{Alias: c.Field, Name: c.Field})
	}
	return sel
}

// header selects what both shapes of frames have.
func header() []Field {
	return fields("kind", "last", "timestamp", "cursor", "from", "asOf", "sentAt", "state")
}

func updateFrame(n int) *feed.Frame {
	f := &feed.Frame{Kind: feed.LiveFrame, Last: true, Time: 1700000000000, Wall: 1700000000000000, Cursor: "abcdef", State: feed.Live}
	for i := range n {
		f.Events = append(f.Events, feed.Event{Op: feed.Update, Row: livePnLRow(i, "102.75"), Old: livePnLRow(i, "102.5")})
	}
	return f
}

func snapshotFrame(n int) *feed.Frame {
	f := updateFrame(n)
	f.Kind = feed.Snapshot
	for i := range f.Events {
		f.Events[i].Op, f.Events[i].Old = feed.Insert, ""
	}
	return f
}

func encoders(tb testing.TB) map[string]feed.Encoder {
	tb.Helper()
	update, err := CompileUpdates(livePnLShape(), "livePnL", livePnLUpdate())
	if err != nil {
		tb.Fatal(err)
	}
	frame, err := CompileChanges(livePnLShape(), "livePnLChanges", append(header(), object("changes", livePnLUpdate()...)))
	if err != nil {
		tb.Fatal(err)
	}
	all := map[string]feed.Encoder{
		"update": update,
		"frame":  frame,
		"tsv":    TSV(livePnL()),
		"jsonl":  JSONLines(livePnLShape()),
		"images": Images(livePnLShape(), "live_pnl"),
	}
	sel := append(header(), object("upserts", allColumns(livePnL())...), object("deletes", fields("_key", "instrumentId")...))
	for name, numbers := range map[string]Numbers{"columns": Exact, "numbers": Number} {
		if all[name], err = CompileColumns(livePnLShape(), "livePnLColumns", sel, numbers); err != nil {
			tb.Fatal(err)
		}
	}
	return all
}

// TestAllocs holds the promise that encoding costs nothing but bytes.
func TestAllocs(t *testing.T) {
	for name, enc := range encoders(t) {
		t.Run(name, func(t *testing.T) {
			noAllocs(t, enc, updateFrame(10))
			noAllocs(t, enc, snapshotFrame(10))
		})
	}
	sh := tradesShape()
	data := append(allColumns(sh.Schema), fields("_key")...)
	odd := relation.Texts("x", "é\n", "short", "1e", "1905-01-01 00:00:00+00:19:32", `{"a\"b",{}}`, `{"k": [1, "\\2"]}`)
	f := &feed.Frame{Events: []feed.Event{{Op: feed.Insert, Row: row1}, {Op: feed.Update, Old: row1, Row: row2}, {Op: feed.Delete, Row: odd}}}
	for _, style := range []bool{false, true} {
		t.Run(fmt.Sprintf("every kind, string style %t", style), func(t *testing.T) {
			sh.StringScalars = style
			enc, err := CompileUpdates(sh, "t", []Field{object("data", data...)})
			if err != nil {
				t.Fatal(err)
			}
			noAllocs(t, enc, f)
		})
	}
}

func noAllocs(t *testing.T, enc feed.Encoder, f *feed.Frame) {
	t.Helper()
	dst, ends := enc.Encode(nil, nil, f)
	if n := testing.AllocsPerRun(100, func() { dst, ends = enc.Encode(dst[:0], ends[:0], f) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func benchEncode(b *testing.B, name string, f *feed.Frame) {
	b.Helper()
	enc := encoders(b)[name]
	dst, ends := enc.Encode(nil, nil, f)
	b.SetBytes(int64(len(dst)))
	b.ReportAllocs()
	for b.Loop() {
		dst, ends = enc.Encode(dst[:0], ends[:0], f)
	}
	rows := float64(b.N) * float64(len(f.Events))
	b.ReportMetric(rows/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/rows, "ns/row")
}

func BenchmarkEncodeUpdate(b *testing.B) { benchEncode(b, "update", updateFrame(1)) }

func BenchmarkEncodeFrame(b *testing.B) {
	for _, name := range []string{"frame", "columns"} {
		for _, n := range []int{1, 100} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) { benchEncode(b, name, updateFrame(n)) })
		}
	}
}

func BenchmarkEncodeSnapshot(b *testing.B) {
	for _, name := range []string{"update", "frame", "columns", "numbers"} {
		b.Run(name, func(b *testing.B) { benchEncode(b, name, snapshotFrame(1000)) })
	}
}

func BenchmarkTSV(b *testing.B) { benchEncode(b, "tsv", updateFrame(100)) }

func BenchmarkJSONLines(b *testing.B) { benchEncode(b, "jsonl", updateFrame(100)) }

func BenchmarkImages(b *testing.B) { benchEncode(b, "images", updateFrame(100)) }

func BenchmarkCell(b *testing.B) {
	for _, tc := range []struct {
		name string
		col  relation.Column
		text string
	}{
		{"timestamp in UTC", relation.Column{Kind: relation.Timestamp, Zoned: true}, "2026-01-02 03:04:05.678901+00"},
		{"timestamp with offset", relation.Column{Kind: relation.Timestamp, Zoned: true}, "2026-01-02 03:04:05.678901+05:30"},
		{"JSON", relation.Column{Kind: relation.JSON}, `{"a": [1, 2, 3], "b": {"text": "some words of text", "n": null}}`},
		{"array", relation.Column{Kind: relation.Array, Elem: relation.Integer}, `{1,2,3,NULL,-5,600000}`},
		{"string", relation.Column{Kind: relation.String}, "a text of ordinary length, plain"},
		{"decimal", relation.Column{Kind: relation.Decimal}, "1284375.25"},
		{"UUID", relation.Column{Kind: relation.UUID}, "c1f3a4b5-0000-4000-8000-0123456789ab"},
	} {
		b.Run(tc.name, func(b *testing.B) {
			c := newColumn(&Shape{Schema: &relation.Schema{Columns: []relation.Column{tc.col}}}, 0)
			var dst []byte
			b.ReportAllocs()
			for b.Loop() {
				dst = c.append(dst[:0], tc.text)
			}
		})
	}
}
