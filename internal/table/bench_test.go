package table_test

import (
	"fmt"
	"runtime"
	"strconv"
	"testing"

	"github.com/tycostream/tycostream/internal/copytext"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/table"
)

// nine is the schema of the benchmarks: nine columns, about what a grid shows.
func nine() *relation.Schema {
	s := &relation.Schema{Key: []int{0}, Columns: []relation.Column{{Name: "instrument_id", Field: "instrumentId", Kind: relation.Integer}}}
	for _, name := range []string{"symbol", "net_position", "latest_price", "market_value", "avg_cost_basis", "theoretical_pnl", "desk", "updated_at"} {
		s.Columns = append(s.Columns, relation.Column{Name: name, Field: name, Kind: relation.String, Nullable: true})
	}
	return s
}

// line is a row as COPY text; version changes three cells.
func line(dst []byte, key, version int) []byte {
	return fmt.Appendf(dst, "%d\tSYM%04d\t12500\t10%d.75\t128437%d.25\t101.375\t1718%d.75\tRates London\t2026-01-02 03:04:05.678+00\n",
		key, key%10_000, version%10, version%10, version%10)
}

// parser turns COPY text into rows, as a backend does.
type parser struct {
	split copytext.Splitter
	rec   copytext.Record
	b     relation.Builder
}

func (p *parser) rows(tb testing.TB, data []byte, each func(relation.Row)) {
	tb.Helper()
	for len(data) > 0 {
		n := min(len(data), 8<<10) // about what a socket gives at a time
		p.split.Push(data[:n])
		data = data[n:]
		for {
			text, ok, err := p.split.Next()
			if err != nil {
				tb.Fatal(err)
			}
			if !ok {
				break
			}
			if err := p.rec.Parse(text, 9); err != nil {
				tb.Fatal(err)
			}
			for i := range 9 {
				if cell, ok := p.rec.Field(i); ok {
					p.b.Append(cell)
				} else {
					p.b.AppendNull()
				}
			}
			each(p.b.Row())
		}
	}
}

// filled is a table of n rows.
func filled(tb testing.TB, n int) *table.Table {
	tb.Helper()
	var p parser
	rows := make([]relation.Row, 0, n)
	var text []byte
	for k := range n {
		text = line(text[:0], k, 0)
		p.rows(tb, text, func(r relation.Row) { rows = append(rows, r) })
	}
	t := table.New(nine())
	if _, err := t.Replace(rows, relation.Frontier{Time: 1}); err != nil {
		tb.Fatal(err)
	}
	return t
}

var sizes = []int{10_000, 1_000_000}

// perTime is how many rows one upstream time holds.
const perTime = 1000

// BenchmarkApply stores updates, 1,000 to a time, of keys in an order without
// locality.
func BenchmarkApply(b *testing.B) {
	for _, keys := range sizes {
		b.Run("keys="+strconv.Itoa(keys), func(b *testing.B) {
			t := filled(b, keys)
			var p parser
			var batches [2][]relation.Batch
			for version := range batches {
				for i := 0; i < min(keys, 200_000); i += perTime {
					batch := relation.Batch{}
					for j := range perTime {
						p.rows(b, line(nil, (i+j)*7919%keys, version+1), func(r relation.Row) {
							batch.Changes = append(batch.Changes, relation.Change{Op: relation.Put, New: r})
						})
					}
					batches[version] = append(batches[version], batch)
				}
			}
			runtime.GC()
			b.ReportAllocs()
			n, rounds := 0, 0
			for b.Loop() {
				set := batches[rounds%2]
				rounds++
				for _, batch := range set {
					batch.Time = uint64(rounds) + 1
					if _, err := t.Apply(batch); err != nil {
						b.Fatal(err)
					}
					n += len(batch.Changes)
				}
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/row")
		})
	}
}

// BenchmarkIngest turns COPY text into rows of a table: cold is a snapshot
// into an empty table, updates are 1,000 to a time in an order without
// locality.
func BenchmarkIngest(b *testing.B) {
	for _, keys := range sizes {
		var cold []byte
		for k := range keys {
			cold = line(cold, k, 0)
		}
		b.Run("cold/keys="+strconv.Itoa(keys), func(b *testing.B) {
			var p parser
			for b.Loop() {
				rows := make([]relation.Row, 0, keys)
				p.rows(b, cold, func(r relation.Row) { rows = append(rows, r) })
				t := table.New(nine())
				if _, err := t.Replace(rows, relation.Frontier{Time: 1}); err != nil || t.Rows() != keys {
					b.Fatal(t.Rows(), err)
				}
			}
			b.ReportMetric(float64(keys)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
		b.Run("updates/keys="+strconv.Itoa(keys), func(b *testing.B) {
			t := filled(b, keys)
			var texts [2][]byte
			n := min(keys, 200_000)
			for version := range texts {
				for i := range n {
					texts[version] = line(texts[version], i*7919%keys, version+1)
				}
			}
			var p parser
			runtime.GC()
			rounds := 0
			for b.Loop() {
				batch := relation.Batch{Time: uint64(rounds) + 2}
				p.rows(b, texts[rounds%2], func(r relation.Row) {
					batch.Changes = append(batch.Changes, relation.Change{Op: relation.Put, New: r})
					if len(batch.Changes) == perTime {
						if _, err := t.Apply(batch); err != nil {
							b.Fatal(err)
						}
						batch.Changes = batch.Changes[:0]
					}
				})
				rounds++
			}
			b.ReportMetric(float64(n)*float64(rounds)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkMemory is what a table of a million rows holds beside their text,
// when loaded and after each row was changed twice, which fills the log.
func BenchmarkMemory(b *testing.B) {
	const n = 1_000_000
	for b.Loop() {
		before := heap()
		t := filled(b, n)
		payload := 0
		for slot := range t.Slots() {
			row, _ := t.Row(uint32(slot))
			for c := range 9 {
				payload += len(row.Text(c))
			}
		}
		b.ReportMetric(float64(payload)/n, "payload-B/row")
		b.ReportMetric(float64(heap()-before-payload)/n, "overhead-B/row")
		var p parser
		for i := range 2 * n {
			p.rows(b, line(nil, i*7919%n, i/n+1), func(r relation.Row) {
				if _, err := t.Apply(relation.Batch{Time: uint64(i) + 2, Changes: []relation.Change{{Op: relation.Put, New: r}}}); err != nil {
					b.Fatal(err)
				}
			})
		}
		b.ReportMetric(float64(heap()-before-payload)/n, "overhead-changed-B/row")
		runtime.KeepAlive(t)
	}
}

func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// BenchmarkScan reads everything since a position, as a reader that fell
// behind does.
func BenchmarkScan(b *testing.B) {
	t := filled(b, 1_000_000)
	head := t.Head().Seq
	n := 0
	for b.Loop() {
		r := table.NewReader(0)
		for done := false; !done; {
			var err error
			if done, err = r.Scan(t.Log(), head, 1000, func(table.Item) { n++ }); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/row")
}
