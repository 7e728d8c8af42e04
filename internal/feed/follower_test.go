package feed_test

import (
	"maps"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
)

// TestFollower compares what followers of every pace are told with the rows of
// each time.
func TestFollower(t *testing.T) {
	t.Parallel()
	snapshots, steps := 0, 0
	for seed := range uint64(60) {
		a, b := runFollower(t, seed)
		snapshots, steps = snapshots+a, steps+b
	}
	if snapshots < 100 || steps < 1000 {
		t.Errorf("%d snapshots, %d steps", snapshots, steps)
	}
}

func runFollower(t *testing.T, seed uint64) (snapshots, steps int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 4))
	f := feed.New(schema(), feed.Config{UndoBytes: 10_000})
	defer f.Close()
	rows := map[string]relation.Row{}
	states := map[uint64]map[string]relation.Row{}
	woken := 0
	w := f.Follow(func() { woken++ })
	if s, err := w.Next(10); err != nil || s.Kind != 0 || woken != 1 {
		t.Fatalf("before the first snapshot: %v, %v, woken %d times", s.Kind, err, woken)
	}
	if n, _ := f.Demand(); n != 1 || f.Status().Subscribers != 0 {
		t.Fatalf("demand %d, %d subscribers", n, f.Status().Subscribers)
	}
	begin(t, f, "1")
	rows["1"] = insert("1").New
	states[10] = maps.Clone(rows)
	held, at := map[string]relation.Row{}, uint64(0)
	for round := range 300 {
		now := 11 + uint64(round)
		changes := someChanges(rng, rows)
		states[now] = maps.Clone(rows)
		apply(t, f, now, changes...)
		if rng.IntN(40) == 0 { // it is away for longer than the undo log reaches
			continue
		}
		if round < 200 && round > 120 && seed%3 == 0 {
			continue
		}
		for range rng.IntN(4) {
			s, err := w.Next(1 + rng.IntN(20))
			if err != nil {
				t.Fatal(err)
			}
			switch s.Kind {
			case feed.Snapshot:
				snapshots++
				held = map[string]relation.Row{}
				for _, r := range s.Rows {
					held[r.Text(0)] = r
				}
			case feed.LiveFrame:
				steps++
				for _, c := range s.Changes {
					key := c.Old
					if key == "" {
						key = c.New
					}
					if held[key.Text(0)] != c.Old || c.Time <= at || c.Time > s.Frontier.Time {
						t.Fatalf("seed %d: at %d a change of %d replaces %q, held %q", seed, at, c.Time, c.Old, held[key.Text(0)])
					}
					if held[key.Text(0)] = c.New; c.New == "" {
						delete(held, key.Text(0))
					}
				}
			case feed.Resumed, feed.Reset:
				t.Fatal(s.Kind)
			default:
				if at != now {
					t.Fatalf("seed %d: nothing to tell behind %d at %d", seed, at, now)
				}
				continue
			}
			at = s.Frontier.Time
			if !maps.Equal(held, states[at]) {
				t.Fatalf("seed %d: at %d it holds %q, want %q", seed, at, held, states[at])
			}
		}
	}
	w.Close()
	w.Close()
	woken = 0
	apply(t, f, 1000, put("1", "z"))
	if n, _ := f.Demand(); n != 0 || woken != 0 {
		t.Errorf("demand %d, woken %d times after Close", n, woken)
	}
	return snapshots, steps
}

// someChanges changes some of rows at random.
func someChanges(rng *rand.Rand, rows map[string]relation.Row) (changes []relation.Change) {
	for range rng.IntN(8) {
		id := strconv.Itoa(rng.IntN(20))
		if _, ok := rows[id]; ok && rng.IntN(3) == 0 {
			changes = append(changes, remove(id))
			delete(rows, id)
			continue
		}
		c := put(id, strconv.Itoa(rng.IntN(9)))
		changes = append(changes, c)
		rows[id] = c.New
	}
	return changes
}
