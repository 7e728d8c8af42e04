package trigger

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/trigger/spec"
	"github.com/tycostream/tycostream/internal/webhook/store"
)

const benchRows = 10_000

// BenchmarkIngest is what one change of a row costs from the feed's Apply until
// all triggers have taken it in, by how many triggers with distinct equality
// conditions there are. Every trigger fires for one row, and clears.
func BenchmarkIngest(b *testing.B) {
	for _, triggers := range []int{0, 1, 100, 10_000} {
		b.Run(strconv.Itoa(triggers), func(b *testing.B) {
			f := feed.New(testSchema(), feed.Config{})
			defer f.Close()
			f.SetState(feed.Live, "")
			rows := make([]relation.Row, benchRows)
			for i := range rows {
				rows[i] = plainRow{5, "buy"}.pack(strconv.Itoa(i))
			}
			must(b, f.Load(rows))
			must(b, f.Commit(relation.Frontier{Time: 1, Wall: worldStart}))
			e := benchEngine(b, f, triggers)
			defer e.Close()
			b.ReportAllocs()
			b.ResetTimer()
			benchTimes(b, f)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N), "writer-ns/op")
			benchWait(b, e, f)
		})
	}
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// benchEngine runs triggers each of which watches one row.
func benchEngine(b *testing.B, f *feed.Feed, triggers int) *Engine {
	b.Helper()
	e, err := Open(context.Background(), newMemory(), Options{})
	must(b, err)
	e.Attach("rows", f, testShape())
	ins := make([]spec.Input, triggers)
	for i := range ins {
		ins[i] = spec.Input{
			Name: strconv.Itoa(i), Webhook: "https://example.com",
			Fire: map[string]any{"id": map[string]any{"_eq": i}, "value": map[string]any{"_gt": 990}},
		}
	}
	must(b, e.Declare(b.Context(), "rows", ins))
	for _, t := range e.all("rows") {
		<-t.watch.begun
	}
	return e
}

const benchBatch = 100

// benchTimes applies b.N changes, a hundred at a time; a value above 990, in
// one of 1000, fires.
func benchTimes(b *testing.B, f *feed.Feed) {
	b.Helper()
	at := uint64(1)
	for done := 0; done < b.N; done += benchBatch {
		at++
		changes := make([]relation.Change, 0, benchBatch)
		for i := range benchBatch {
			n := done + i
			row := plainRow{(n/benchRows*7 + n) % 1000, "buy"}.pack(strconv.Itoa(n % benchRows))
			changes = append(changes, relation.Change{Op: relation.Put, New: row})
		}
		fr := relation.Frontier{Time: at, Wall: worldStart + int64(at)}
		must(b, f.Apply([]relation.Batch{{Time: fr.Time, Wall: fr.Wall, Changes: changes}}, fr))
	}
}

// benchWait waits until the triggers have come to the head.
func benchWait(b *testing.B, e *Engine, f *feed.Feed) {
	b.Helper()
	h := e.hubs["rows"]
	head := f.Status().Frontier.Wall
	for tries := 0; ; tries++ {
		h.mu.Lock()
		wall, idle := h.wall, len(h.watches) == 0
		h.mu.Unlock()
		if idle || wall >= head {
			if n := h.compared.Load(); n > 0 {
				b.ReportMetric(float64(n), "fell-behind")
			}
			return
		}
		<-time.After(100 * time.Microsecond)
	}
}

// BenchmarkTransitions is what a FIRE or CLEAR costs from the feed's Apply until
// it is in the embedded store, when a hundred come at each time.
func BenchmarkTransitions(b *testing.B) {
	for _, sync := range []store.Sync{store.Always, store.Interval} {
		b.Run(string(sync), func(b *testing.B) {
			s, err := store.Open(b.Context(), store.Options{Dir: b.TempDir(), Sync: sync})
			must(b, err)
			defer func() { must(b, s.Close()) }()
			f := feed.New(testSchema(), feed.Config{})
			defer f.Close()
			f.SetState(feed.Live, "")
			must(b, f.Load(nil))
			must(b, f.Commit(relation.Frontier{Time: 1, Wall: worldStart}))
			e, err := Open(b.Context(), s, Options{})
			must(b, err)
			defer e.Close()
			e.Attach("rows", f, testShape())
			_, err = e.Create(b.Context(), "rows", spec.Input{
				Name: "big", Webhook: "https://example.com", Fire: map[string]any{"value": map[string]any{"_gt": 10}},
			})
			must(b, err)
			b.ResetTimer()
			flip(b, f)
			for told := uint64(0); told < uint64(b.N); {
				<-time.After(100 * time.Microsecond)
				info, _ := e.Get("rows", "big")
				told = info.Fired + info.Cleared
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "transitions/s")
		})
	}
}

// flip applies b.N changes, each of which is a transition: 1000 rows go up and
// down.
func flip(b *testing.B, f *feed.Feed) {
	b.Helper()
	for done, at := 0, uint64(2); done < b.N; at++ {
		var changes []relation.Change
		for range min(benchBatch, b.N-done) {
			up := 20 * (1 - done/1000%2)
			changes = append(changes, relation.Change{Op: relation.Put, New: plainRow{up, "buy"}.pack(strconv.Itoa(done % 1000))})
			done++
		}
		fr := relation.Frontier{Time: at, Wall: worldStart + int64(at)}
		must(b, f.Apply([]relation.Batch{{Time: fr.Time, Wall: fr.Wall, Changes: changes}}, fr))
	}
}
