package trigger

import (
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/trigger/machine"
	"github.com/tycostream/tycostream/internal/trigger/machine/machinetest"
	"github.com/tycostream/tycostream/internal/webhook"
	"github.com/tycostream/tycostream/internal/webhook/store"
)

// receiver takes every delivery out of an outbox.
type receiver struct {
	mu  sync.Mutex
	got map[string][]string // by key: kinds, in order
	ids map[string]bool
	n   int
	wg  sync.WaitGroup
}

func (r *receiver) take(t *testing.T, s webhook.Outbox) (stop func()) {
	t.Helper()
	next, done := make(chan webhook.Lane, 10_000), make(chan struct{})
	r.wg.Go(func() {
		for {
			select {
			case <-done:
				return
			case lane := <-next:
				d, err := s.Load(t.Context(), lane)
				if err != nil {
					t.Error(err)
					return
				}
				r.note(t, &d)
				if err := s.Done(lane, webhook.Attempts{Count: 1, Status: 200}); err != nil {
					t.Error(err)
				}
			}
		}
	})
	s.Announce(func(lane webhook.Lane, _ time.Time) { next <- lane })
	return func() { s.Announce(nil); close(done); r.wg.Wait() }
}

func (r *receiver) note(t *testing.T, d *webhook.Delivery) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ids[d.ID] {
		return // at least once: it was on its way when the store closed
	}
	r.ids[d.ID] = true
	r.got[d.Key] = append(r.got[d.Key], d.Kind.String())
	r.n++
}

// TestOnTheRealStore runs a trigger over rows that change, on the embedded
// store that is closed and opened again, with a receiver that takes everything:
// every row's events are what the oracle says, in order.
func TestOnTheRealStore(t *testing.T) {
	const rows = 20
	rng := rand.New(rand.NewPCG(1, 2))
	dir := t.TempDir()
	f := feed.New(testSchema(), feed.Config{})
	defer f.Close()
	f.SetState(feed.Live, "")
	must(t, f.Load(nil))
	must(t, f.Commit(relation.Frontier{Time: 1, Wall: worldStart}))
	r := &receiver{got: map[string][]string{}, ids: map[string]bool{}}
	p := plans()[1] // hysteresis
	p.in.Webhook = "https://example.com"
	var oracles [rows]machinetest.Oracle
	for i := range oracles {
		oracles[i].Look(0, machine.Over, true)
	}
	want, events := map[string][]string{}, 0
	now := int64(0)
	for life := range 6 {
		s, err := store.Open(t.Context(), store.Options{Dir: dir, Sync: store.Interval, Log: slog.New(slog.DiscardHandler)})
		must(t, err)
		e, err := Open(t.Context(), s, Options{})
		must(t, err)
		e.Attach("rows", f, testShape())
		if life == 0 {
			_, err := e.Create(t.Context(), "rows", p.in)
			must(t, err)
		}
		<-e.find("rows", p.in.Name).watch.begun
		stop := r.take(t, s)
		for range 60 {
			now++
			var changes []relation.Change
			for i := range rows {
				pr, key := plainRow{rng.IntN(17) - 1, "buy"}, strconv.Itoa(i)
				changes = append(changes, relation.Change{Op: relation.Put, New: pr.pack(key)})
				if o := oracles[i].Look(now, p.see(pr, true), true); o != machine.Nothing {
					want[key] = append(want[key], map[machine.Outcome]string{machine.Fire: "FIRE", machine.Clear: "CLEAR"}[o])
					events++
				}
			}
			fr := relation.Frontier{Time: uint64(now) + 1, Wall: worldStart + now}
			must(t, f.Apply([]relation.Batch{{Time: fr.Time, Wall: fr.Wall, Changes: changes}}, fr))
		}
		for deadline := time.Now().Add(time.Minute); ; <-time.After(time.Millisecond) {
			r.mu.Lock()
			n := r.n
			r.mu.Unlock()
			if n >= events {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("life %d: %d of %d events", life, n, events)
			}
		}
		stop()
		e.Close()
		must(t, s.Close())
	}
	for key, kinds := range want {
		if !slices.Equal(r.got[key], kinds) {
			t.Errorf("row %s: %v\nwant %v", key, r.got[key], kinds)
		}
	}
	if events < 1000 || len(r.got) != len(want) {
		t.Errorf("%d events of %d rows", events, len(r.got))
	}
}
