package feed_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/tycostream/tycostream/internal/codec"
	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/filter"
	"github.com/tycostream/tycostream/internal/relation"
)

// benchWorld is a source of nine columns, about what a grid shows.
type benchWorld struct {
	testing.TB
	feed *feed.Feed
	enc  feed.Encoder
	rows []relation.Row
	time uint64
}

func newBenchWorld(tb testing.TB, n int, frames bool) *benchWorld {
	tb.Helper()
	w := &benchWorld{TB: tb}
	s := &relation.Schema{Key: []int{0}, Columns: []relation.Column{
		{Name: "instrument_id", Field: "instrumentId", Kind: relation.Integer},
		{Name: "symbol", Field: "symbol", Kind: relation.String},
		{Name: "net_position", Field: "netPosition", Kind: relation.BigInt},
		{Name: "latest_price", Field: "latestPrice", Kind: relation.Float},
		{Name: "market_value", Field: "marketValue", Kind: relation.Decimal},
		{Name: "avg_cost_basis", Field: "avgCostBasis", Kind: relation.Decimal},
		{Name: "theoretical_pnl", Field: "theoreticalPnl", Kind: relation.Decimal},
		{Name: "desk", Field: "desk", Kind: relation.String, Nullable: true},
		{Name: "updated_at", Field: "updatedAt", Kind: relation.Timestamp, Zoned: true},
	}}
	var data []codec.Field
	for _, c := range s.Columns {
		data = append(data, codec.Field{Alias: c.Field, Name: c.Field})
	}
	update := []codec.Field{{Alias: "operation", Name: "operation"}, {Alias: "data", Name: "data", Fields: data}, {Alias: "fields", Name: "fields"}}
	shape := codec.Shape{Schema: s, Types: codec.Types{Row: "LivePnL", Update: "LivePnLUpdate", Changes: "LivePnLChanges"}}
	var err error
	if frames {
		w.enc, err = codec.CompileChanges(shape, "livePnLChanges", []codec.Field{
			{Alias: "kind", Name: "kind"}, {Alias: "last", Name: "last"}, {Alias: "changes", Name: "changes", Fields: update},
		})
	} else {
		w.enc, err = codec.CompileUpdates(shape, "livePnL", update)
	}
	if err != nil {
		tb.Fatal(err)
	}
	w.feed = feed.New(s, feed.Config{})
	tb.Cleanup(w.feed.Close)
	w.rows = make([]relation.Row, n)
	for k := range w.rows {
		w.rows[k] = benchRow(k, 0)
	}
	if err := w.feed.Load(append(w.rows[:0:0], w.rows...)); err != nil {
		tb.Fatal(err)
	}
	if err := w.feed.Commit(relation.Frontier{Time: 1}); err != nil {
		tb.Fatal(err)
	}
	w.time = 1
	w.feed.SetState(feed.Live, "")
	return w
}

func benchRow(key, version int) relation.Row {
	v := strconv.Itoa(version % 10)
	return relation.Texts(strconv.Itoa(key), fmt.Sprintf("SYM%04d", key%10_000), "12500", "10"+v+".75", "128437"+v+".25", "101.375",
		"1718"+v+".75", "Rates London", "2026-01-02 03:04:05.678+00")
}

// updates are two versions of n changes that can be applied again and again.
func (w *benchWorld) updates(n int) [2][]relation.Change {
	var out [2][]relation.Change
	for version := range out {
		for k := range n {
			out[version] = append(out[version], relation.Change{Op: relation.Put, New: benchRow(k, version+1)})
		}
	}
	return out
}

func (w *benchWorld) apply(changes []relation.Change) {
	w.time++
	f := relation.Frontier{Time: w.time, Wall: int64(w.time)}
	if err := w.feed.Apply([]relation.Batch{{Time: f.Time, Wall: f.Wall, Changes: changes}}, f); err != nil {
		w.Fatal(err)
	}
}

// subscribe opens a cursor and reads its snapshot. The wake function is one
// that costs nothing: the benchmark knows when there is something.
func (w *benchWorld) subscribe(where string) *feed.Cursor {
	w.Helper()
	var p *filter.Predicate
	if where != "" {
		var err error
		if p, err = filter.Compile(w.feed.Schema(), map[string]any{"symbol": map[string]any{"_eq": where}}); err != nil {
			w.Fatal(err)
		}
	}
	woken := make(chan struct{}, 1)
	c := w.feed.Subscribe(feed.Options{Where: p, Encoder: w.enc}, func() {
		select {
		case woken <- struct{}{}:
		default:
		}
	})
	w.Cleanup(c.Close)
	for rows := 0; rows == 0; {
		<-woken
		rows = w.drain(c)
	}
	return c
}

// drain pulls all there is, as a transport does, and returns the messages.
func (w *benchWorld) drain(c *feed.Cursor) int {
	n := 0
	buf := make([]byte, 0, 128<<10)
	for more := true; more; {
		var err error
		buf = buf[:0]
		if more, err = c.Pull(64<<10, func(m []byte) { buf = append(buf, m...); n++ }); err != nil {
			w.Fatal(err)
		}
	}
	return n
}

// BenchmarkSnapshot encodes a million rows for one joiner, and 100,000 for 100
// that join at the same border and share the bytes.
func BenchmarkSnapshot(b *testing.B) {
	for _, bb := range []struct {
		name          string
		rows, joiners int
		frames        bool
	}{{"rows=1M", 1_000_000, 1, false}, {"rows=1M/frames", 1_000_000, 1, true}, {"rows=100k/joiners=100", 100_000, 100, false}} {
		b.Run(bb.name, func(b *testing.B) {
			w := newBenchWorld(b, bb.rows, bb.frames)
			for b.Loop() {
				readers := make([]*feed.Cursor, bb.joiners)
				for i := range readers {
					readers[i] = w.feed.Subscribe(feed.Options{Encoder: w.enc}, func() {})
				}
				for _, c := range readers {
					if n := w.drain(c); n < bb.rows && !bb.frames {
						b.Fatalf("%d messages", n)
					}
					c.Close()
				}
			}
			b.ReportMetric(float64(bb.rows)*float64(bb.joiners)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkRows collects a million rows at one border, as a query does.
func BenchmarkRows(b *testing.B) {
	w := newBenchWorld(b, 1_000_000, false)
	for b.Loop() {
		if r, err := w.feed.Rows(b.Context(), nil); err != nil || len(r.Rows) != len(w.rows) {
			b.Fatal(len(r.Rows), err)
		}
	}
	b.ReportMetric(float64(len(w.rows))*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkPull is what a cursor inside the ring pays for an event: taking the
// chunk, encoding it if it is the first, copying the bytes.
func BenchmarkPull(b *testing.B) {
	for _, bb := range []struct{ cursors, events int }{{1, 1}, {1000, 1}, {1, 16}, {1000, 16}} {
		b.Run(fmt.Sprintf("cursors=%d/events=%d", bb.cursors, bb.events), func(b *testing.B) {
			w := newBenchWorld(b, 1000, false)
			var cursors []*feed.Cursor
			for range bb.cursors {
				cursors = append(cursors, w.subscribe(""))
			}
			changes := w.updates(bb.events)
			buf := make([]byte, 0, 128<<10)
			n, rounds := 0, 0
			emit := func(m []byte) { buf = append(buf, m...); n++ }
			b.ReportAllocs()
			for b.Loop() {
				w.apply(changes[rounds%2])
				rounds++
				for _, c := range cursors {
					buf = buf[:0]
					if _, err := c.Pull(64<<10, emit); err != nil {
						b.Fatal(err)
					}
				}
			}
			if n != rounds*bb.cursors*bb.events {
				b.Fatalf("%d messages, want %d", n, rounds*bb.cursors*bb.events)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/event")
		})
	}
}

// BenchmarkApply is what ingest pays for an update: the table, and each view
// that might want it. Nobody pulls.
func BenchmarkApply(b *testing.B) {
	for _, views := range []int{0, 1, 100, 1000, 10_000} {
		b.Run("views="+strconv.Itoa(views), func(b *testing.B) {
			w := newBenchWorld(b, 10_000, false)
			for v := range views {
				w.subscribe(fmt.Sprintf("SYM%04d", v))
			}
			changes := w.updates(1000)
			rounds := 0
			b.ReportAllocs()
			for b.Loop() {
				w.apply(changes[rounds%2])
				rounds++
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(1000*rounds), "ns/update")
		})
	}
}

// BenchmarkResume is what a reader pays that comes back after 20,000 changes:
// with a view of every row, and with one of its own that few rows are in.
func BenchmarkResume(b *testing.B) {
	for _, bb := range []struct{ name, where string }{{"all", ""}, {"own", "SYM0007"}} {
		b.Run(bb.name, func(b *testing.B) {
			w := newBenchWorld(b, 10_000, true)
			w.subscribe(bb.where) // so that the view is there
			var p *filter.Predicate
			if bb.where != "" {
				var err error
				if p, err = filter.Compile(w.feed.Schema(), map[string]any{"symbol": map[string]any{"_eq": bb.where}}); err != nil {
					b.Fatal(err)
				}
			}
			first, err := w.feed.Frame(b.Context(), p, feed.Position{})
			if err != nil {
				b.Fatal(err)
			}
			at, err := feed.ParseCursor(first.Cursor, p)
			if err != nil {
				b.Fatal(err)
			}
			changes := w.updates(1000)
			for i := range 20 {
				w.apply(changes[i%2])
			}
			b.ReportAllocs()
			for b.Loop() {
				fr, err := w.feed.Frame(b.Context(), p, at)
				if err != nil || fr.Kind != feed.Resumed {
					b.Fatal(fr.Kind, err)
				}
			}
		})
	}
}
