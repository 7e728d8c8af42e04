package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/mzsim"
)

// Clients that do not read cost the gateway no memory and the others no time,
// and are right again when they read.
func TestClientThatStopsReading(t *testing.T) {
	t.Parallel()
	const count, stuck = 2000, 12
	sim, setting := stand(t, mzsim.Options{})
	must[any](t)(nil, sim.CreateView("sheet", mzsim.Columns("id integer not null", "n bigint", "name text"), mzsim.ObjectOptions{}))
	held, fill := make([]int, count), new(mzsim.Tx)
	filler := strings.Repeat("x", 300)
	for id := range held {
		fill.Insert("sheet", id, 0, filler)
	}
	must[uint64](t)(sim.Write(fill))
	g := serve(t, sheetSchema, setting)
	g.ready()
	db := reach(t, strings.TrimPrefix(setting, "DATABASE_URL="))

	gate := make(chan struct{})
	open := sync.OnceFunc(func() { close(gate) })
	defer open()
	var slow []*client
	for n := range stuck {
		s := sheetRows(`{}`)
		if n%2 == 1 {
			s = sheetChanges(`{}`)
		}
		s.gate = gate
		slow = append(slow, follow(t, g, s))
	}
	fast := []*client{follow(t, g, sheetRows(`{}`)), follow(t, g, sheetChanges(`{}`))}
	for _, c := range fast {
		c.has(t, count)
	}

	random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // tests want to be repeatable
	write := func(ctx context.Context, d time.Duration) {
		for end := time.Now().Add(d); time.Now().Before(end); rest(ctx, 10*time.Millisecond) {
			tx := new(mzsim.Tx)
			for range 100 {
				id := random.IntN(count)
				tx.Delete("sheet", id, held[id], filler).Insert("sheet", id, held[id]+1, filler)
				held[id]++
			}
			must[uint64](t)(sim.Write(tx))
		}
	}
	write(t.Context(), time.Second) // everything is warm, and every stuck socket full
	before, sent := g.rss(), g.metric("tycostream_source_changes_total")
	for range 4 {
		write(t.Context(), time.Second)
		tx := new(mzsim.Tx).Delete("sheet", 0, held[0], filler).Insert("sheet", 0, held[0]+1, filler)
		held[0]++
		must[uint64](t)(sim.Write(tx))
		marked := time.Now()
		want := fmt.Sprint(held[0])
		within(t, 2*time.Second, "a change reaches those who read", func() error {
			for _, c := range fast {
				if got := c.value("0", "n"); got != want {
					return fmt.Errorf("%s instead of %s after %v", got, want, time.Since(marked))
				}
			}
			return nil
		})
	}
	grown, changes := g.rss()-before, g.metric("tycostream_source_changes_total")-sent
	t.Logf("%.0f changes while %d clients did not read: %d KiB more memory", changes, stuck, grown>>10)
	// Queues would hold 380 bytes for each of them and each client.
	if queued := int(changes) * stuck * 380; queued < 64<<20 || grown > queued/3 {
		t.Errorf("%d KiB more memory; queues would hold %d KiB", grown>>10, queued>>10)
	}

	open()
	want := db.lines("SELECT id, n, name FROM sheet")
	for _, c := range append(slow, fast...) {
		c.holds(t, sheetColumns, func() []string { return want })
		if err := c.kept(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.resets != 1 {
			t.Errorf("%s: %d connections", c.name, c.resets)
		}
	}
	_, most := fast[0].counts()
	if _, got := slow[0].counts(); got*2 > most {
		t.Errorf("a client that did not read got %d events, one that did %d: it was not behind", got, most)
	}
}
