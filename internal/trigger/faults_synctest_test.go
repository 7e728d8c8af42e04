package trigger

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/trigger/spec"
)

// A row whose stored state cannot be read counts as at rest; the others go on.
func TestDamagedState(t *testing.T) {
	run(t, Options{}, nil, func(b *bench) {
		id := b.create(spec.Input{Fire: over(10)}).ID
		b.put("1=11", "2=11")
		b.told("FIRE 1", "FIRE 2")
		b.reopen(func() {
			r := b.store.rows[id]["1"]
			b.store.rows[id]["1"] = storedRow{r.seq, []byte("damaged")}
		})
		b.told("FIRE 1")
		b.put("1=1", "2=1")
		b.told("CLEAR 1", "CLEAR 2")
	})
}

// An older gateway must not run half of the triggers.
func TestDefinitionOfANewerVersion(t *testing.T) {
	run(t, Options{}, nil, func(b *bench) {
		b.create(spec.Input{Fire: over(10)})
		b.store.docs["new"] = []byte(`{"version":2,"source":"rows","name":"new","generation":"g"}`)
		if e, err := Open(b.Context(), b.store, Options{}); err == nil || !strings.Contains(err.Error(), "of version 2, this gateway knows 1") {
			b.Errorf("%+v, %v", e, err)
		}
	})
}

// Upstream that is set back in time is another upstream: what is told is the
// difference, and rows that wait begin to wait anew.
func TestUpstreamSetBack(t *testing.T) {
	run(t, Options{}, nil, func(b *bench) {
		b.create(spec.Input{Fire: over(10)})
		b.create(spec.Input{Name: "long", Fire: over(10), For: 10 * time.Millisecond})
		for range 20 {
			b.put("1=11", "2=1") // a millisecond each
		}
		b.told("FIRE 1", "FIRE 1")
		b.put("3=11")
		b.told("FIRE 3")
		b.time = 3 // three milliseconds after the begin
		must(b, b.feed.Load([]relation.Row{row("1", "11"), row("2", "11"), row("3", "11")}))
		must(b, b.feed.Commit(relation.Frontier{Time: b.time, Wall: worldStart + int64(b.time)*1000}))
		b.told("FIRE 2")
		for range 9 {
			b.put("4=1")
		}
		b.told()
		b.put("4=1")
		b.told("FIRE 2", "FIRE 3")
	})
}

// While upstream is away nothing moves: its clock decides, not the gateway's.
func TestStaleSource(t *testing.T) {
	run(t, Options{}, nil, func(b *bench) {
		b.create(spec.Input{Fire: over(10), For: 5 * time.Millisecond})
		b.put("1=11", "2=11")
		b.feed.SetState(feed.Stale, "the database is away")
		time.Sleep(time.Hour)
		synctest.Wait()
		b.told()
		b.feed.SetState(feed.Live, "")
		b.time += 1000
		b.put("2=1") // it was true until now, and for long enough
		b.told("CLEAR 2", "FIRE 1", "FIRE 2")
	})
}

// Ingest never waits for triggers: a store that refuses everything does not hold
// it back, however much comes.
func TestIngestDoesNotWait(t *testing.T) {
	run(t, Options{}, nil, func(b *bench) {
		b.create(spec.Input{Fire: over(10)})
		b.store.mu.Lock() // an append hangs
		began := time.Now()
		for range 5000 {
			b.push("1=11")
			b.push("1=1")
		}
		if took := time.Since(began); took != 0 { // no timer was waited for
			b.Errorf("ingest took %v", took)
		}
		b.store.mu.Unlock()
		synctest.Wait()
		b.store.take()
		b.put("2=11")
		b.told("FIRE 2")
	})
}
