package app

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/histogram"
	"github.com/tycostream/tycostream/internal/relation"
)

// wants compares a histogram's number of durations and their sum.
func wants(t *testing.T, what string, h *histogram.Histogram, count uint64, sum time.Duration) {
	t.Helper()
	if c := h.Counts(); c.Count() != count || c.Sum != sum {
		t.Errorf("%s: %d in %v, want %d in %v", what, c.Count(), c.Sum, count, sum)
	}
}

func TestMeter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := feed.New(&relation.Schema{Key: []int{0}, Columns: []relation.Column{{Name: "id", Kind: relation.Integer}}}, feed.Config{})
		defer f.Close()
		m := &meter{Feed: f}
		at := func(n uint64, ago time.Duration) relation.Frontier {
			return relation.Frontier{Time: n, Wall: time.Now().Add(-ago).UnixMicro()}
		}
		row := func(id string) []relation.Row { return []relation.Row{relation.Texts(id)} }
		check := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}

		check(m.Load(row("1")))
		time.Sleep(2 * time.Second)
		m.Abort()
		wants(t, "an aborted snapshot", &m.snapshots, 0, 0)
		time.Sleep(time.Hour)

		check(m.Load(row("1")))
		time.Sleep(2 * time.Second)
		check(m.Load(row("2")))
		time.Sleep(time.Second)
		check(m.Commit(at(10, 0)))
		wants(t, "a snapshot", &m.snapshots, 1, 3*time.Second)
		check(m.Commit(at(11, 0)))
		wants(t, "one without rows", &m.snapshots, 2, 3*time.Second)
		check(m.Load(append(row("1"), row("1")...)))
		if err := m.Commit(at(12, 0)); err == nil {
			t.Fatal("a key may stand in a snapshot twice")
		}
		wants(t, "one that is refused", &m.snapshots, 2, 3*time.Second)
		wants(t, "snapshots are not fresh", &m.freshness, 0, 0)

		batch := func(n uint64, ago time.Duration, op relation.Op) relation.Batch {
			c := relation.Change{Op: op, New: relation.Texts("7")}
			return relation.Batch{Time: n, Wall: at(n, ago).Wall, Changes: []relation.Change{c}}
		}
		check(m.Apply([]relation.Batch{batch(20, 3*time.Second, relation.Insert), batch(21, time.Second, relation.Put)}, at(21, 0)))
		wants(t, "two times", &m.freshness, 2, 4*time.Second)
		check(m.Apply(nil, at(22, time.Minute)))
		wants(t, "a time without changes", &m.freshness, 2, 4*time.Second)
		if err := m.Apply([]relation.Batch{batch(23, time.Second, relation.Insert)}, at(23, 0)); err == nil {
			t.Fatal("a live key may be inserted")
		}
		wants(t, "one that is refused", &m.freshness, 2, 4*time.Second)
	})
}
