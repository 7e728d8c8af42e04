package store_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/webhook"
	"github.com/tycostream/tycostream/internal/webhook/store"
)

// TestImages copies the directory of a store at work, as a kill -9 leaves it,
// again and again, and opens the copies: they must know what the store knows,
// and no more. Bodies are large, so that the server begins a new file every
// hundred events or so and removes old ones.
func TestImages(t *testing.T) {
	for _, sync := range []store.Sync{store.Always, store.Interval} {
		t.Run(string(sync), func(t *testing.T) {
			t.Parallel()
			w := &imageWorld{t: t, rng: rand.New(rand.NewPCG(1, uint64(len(sync)))), o: store.Options{Dir: t.TempDir(), Sync: sync}, rows: map[string]uint64{}}
			w.s = open(t, w.o)
			for i := range *rounds * 2 {
				w.work()
				w.compare(i)
				if t.Failed() {
					break
				}
			}
		})
	}
}

type imageWorld struct {
	t    *testing.T
	rng  *rand.Rand
	o    store.Options
	s    *store.Store
	rows map[string]uint64 // that are firing
	n    int
}

// work does some of everything.
func (w *imageWorld) work() {
	w.t.Helper()
	ctx := w.t.Context()
	for range 1 + w.rng.IntN(30) {
		key := fmt.Sprint("row", w.rng.IntN(25))
		w.n++
		tr := fire(key, w.rows[key])
		if w.rows[key] != 0 {
			tr = clearing(key, w.rows[key])
		}
		tr.ID = fmt.Sprint(tr.ID, "-", w.n)
		tr.Body = []byte(strings.Repeat("x", w.rng.IntN(200_000)))
		seq := appendAll(w.t, w.s, tr)[0]
		w.rows[key] = seq
		if tr.State == nil {
			delete(w.rows, key)
		}
		if w.rng.IntN(3) == 0 {
			w.deliver()
		}
	}
	name := fmt.Sprint("trigger", w.rng.IntN(4))
	var err error
	switch w.rng.IntN(6) {
	case 0, 1:
		err = w.s.PutDefinition(ctx, name, []byte(strings.Repeat("d", 1+w.rng.IntN(200_000))))
	case 2:
		err = w.s.DeleteDefinition(ctx, name)
	case 3:
		_, err = w.s.ResendAll(ctx, "t1")
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// deliver concludes what is pending: most is delivered, some is dead.
func (w *imageWorld) deliver() {
	w.t.Helper()
	var in inbox
	w.s.Announce(in.ready)
	defer w.s.Announce(nil)
	for lanes := in.take(); len(lanes) > 0; lanes = in.take() {
		for _, l := range lanes {
			if _, err := w.s.Load(w.t.Context(), l); err != nil {
				w.t.Fatal(err)
			}
			var err error
			switch w.rng.IntN(12) {
			case 0:
				err = w.s.Bury(w.t.Context(), l, webhook.Attempts{Count: 1})
			case 1:
				continue // it stays
			default:
				err = w.s.Done(l, webhook.Attempts{})
			}
			if err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// known is what can be seen of a store. What is pending in the copy may be more:
// marks are written by the way.
type known struct {
	states, definitions, dead string
	pending                   map[string]bool
}

func (w *imageWorld) know(s *store.Store) known {
	w.t.Helper()
	docs, err := s.Definitions(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	k := known{states: fmt.Sprint(states(w.t, s)), pending: map[string]bool{}, dead: ids(dead(w.t, s, webhook.Page{Limit: 1000}))}
	for _, name := range slices.Sorted(maps.Keys(docs)) {
		k.definitions += fmt.Sprint(name, " ", len(docs[name]), " ")
	}
	list, err := s.PendingOf(w.t.Context(), "t1", webhook.Page{Limit: 1000})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, d := range list {
		k.pending[d.ID] = true
	}
	return k
}

// copy copies the directory. The server may rewrite a file meanwhile: then once
// more.
func (w *imageWorld) copy() (dir string) {
	w.t.Helper()
	for {
		dir = w.t.TempDir() + "/copy"
		err := os.CopyFS(dir, os.DirFS(w.o.Dir))
		if err == nil {
			return dir
		}
		if !errors.Is(err, fs.ErrNotExist) {
			w.t.Fatal(err)
		}
		_ = os.RemoveAll(dir)
	}
}

func (w *imageWorld) compare(i int) {
	w.t.Helper()
	if w.rng.IntN(2) == 0 {
		w.s.Retire()
	}
	for deadline := time.Now().Add(time.Minute); !w.s.Idle(); <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatal("the sweeper does not end")
		}
	}
	want := w.know(w.s)
	dir := w.copy()
	defer os.RemoveAll(dir)
	c, err := store.Open(w.t.Context(), store.Options{Dir: dir, Sync: store.Interval})
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	got := w.know(c)
	if got.states != want.states || got.definitions != want.definitions || got.dead != want.dead {
		w.t.Errorf("copy %d knows\n%s\n%s\n%s\nthe store\n%s\n%s\n%s", i, got.states, got.definitions, got.dead, want.states, want.definitions, want.dead)
	}
	for id := range want.pending {
		if !got.pending[id] {
			w.t.Errorf("copy %d: %s is not pending", i, id)
		}
	}
}
