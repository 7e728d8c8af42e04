package trigger

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/trigger/spec"
)

// TestConcurrentUse has clients do everything to the same few triggers while
// rows change: nothing may hang or race, and nothing may be left when all
// triggers are deleted.
func TestConcurrentUse(t *testing.T) {
	f := feed.New(testSchema(), feed.Config{})
	defer f.Close()
	f.SetState(feed.Live, "")
	must(t, f.Load(nil))
	must(t, f.Commit(relation.Frontier{Time: 1, Wall: worldStart}))
	m := newMemory()
	e, err := Open(t.Context(), m, Options{Changed: func(string) {}})
	must(t, err)
	defer e.Close()
	e.Attach("rows", f, testShape())
	stop := make(chan struct{})
	var writer, clients sync.WaitGroup
	writer.Go(func() { churn(t, f, stop) })
	for c := range uint64(4) {
		clients.Go(func() { useEverything(t, e, rand.New(rand.NewPCG(c, 1)), 200) })
	}
	clients.Wait()
	close(stop)
	writer.Wait()
	fired := 0
	for _, i := range e.List("rows") {
		_, err := e.Delete(t.Context(), "rows", i.Name)
		must(t, err)
	}
	for _, told := range m.take() {
		if !told.Silent {
			fired++
		}
	}
	if len(m.docs)+len(m.rows) != 0 || fired == 0 {
		t.Errorf("left %d definitions and rows of %d triggers; %d events", len(m.docs), len(m.rows), fired)
	}
	if s := e.Stats()[0]; s.Active+s.Rows+s.Triggers != 0 {
		t.Errorf("left %+v", s)
	}
}

func churn(t *testing.T, f *feed.Feed, stop <-chan struct{}) {
	t.Helper()
	for at := uint64(2); ; at++ {
		select {
		case <-stop:
			return
		case <-time.After(100 * time.Microsecond):
		}
		var changes []relation.Change
		for range 5 {
			row := plainRow{rand.IntN(17) - 1, "buy"}.pack(strconv.Itoa(rand.IntN(50)))
			changes = append(changes, relation.Change{Op: relation.Put, New: row})
		}
		fr := relation.Frontier{Time: at, Wall: worldStart + int64(at)}
		if err := f.Apply([]relation.Batch{{Time: fr.Time, Wall: fr.Wall, Changes: changes}}, fr); err != nil {
			t.Error(err)
			return
		}
	}
}

// useEverything makes random calls; the only errors are those of a trigger that
// is there, not there, or paused.
func useEverything(t *testing.T, e *Engine, rng *rand.Rand, calls int) {
	t.Helper()
	ctx := t.Context()
	for range calls {
		name := fmt.Sprint("t", rng.IntN(6))
		var err error
		began := time.Now()
		switch rng.IntN(9) {
		case 0, 1:
			in := plans()[rng.IntN(len(plans()))].in
			in.Name, in.Webhook = name, "https://example.com"
			_, err = e.Create(ctx, "rows", in)
		case 2:
			_, err = e.Delete(ctx, "rows", name)
		case 3:
			_, err = e.Update(ctx, "rows", name, spec.Patch{Fire: spec.Some[any](over(rng.IntN(12)))})
		case 4:
			_, err = e.Update(ctx, "rows", name, spec.Patch{Webhook: spec.Some("https://example.com/2")})
		case 5:
			_, err = e.Pause(ctx, "rows", name)
		case 6:
			_, err = e.Resume(ctx, "rows", name)
		case 7:
			_, err = e.Test(ctx, "rows", name)
		default:
			if i, ok := e.Get("rows", name); ok {
				e.Gone(i.ID)
				e.Endpoint(i.ID)
			}
			_, err = e.Firing(ctx, "rows", name)
			e.Stats()
		}
		if took := time.Since(began); took >= startWait {
			t.Errorf("a call took %v: it waited for a watch that another call had ended", took)
		}
		if _, ok := errors.AsType[*spec.Error](err); err != nil && !ok {
			t.Error(err)
		}
	}
}
