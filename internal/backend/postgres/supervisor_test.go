package postgres_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/backend/postgres"
	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
	"github.com/tycostream/tycostream/internal/testpg"
)

// The backend under the real supervisor, with real feeds.
func TestUnderTheSupervisor(t *testing.T) {
	for _, slot := range []string{"", "supervised"} {
		t.Run("slot="+slot, func(t *testing.T) {
			db := pool.Database(t)
			db.Exec(t, stormTable)
			proxy := testpg.NewProxy(t, db.Server.Addr())
			var mu sync.Mutex
			feeds := map[string]*feed.Feed{}
			t.Cleanup(func() {
				for _, f := range feeds {
					f.Close()
				}
			})
			supervisor := source.NewSupervisor(
				backend(t, postgres.Options{URL: db.URLVia(proxy), Slot: slot}),
				[]source.Source{{Def: definition("t", "id")}, {Def: definition("late", "id")}},
				source.Settings{
					RetryMin: 10 * time.Millisecond, SlowMin: 50 * time.Millisecond, SlowRetry: 200 * time.Millisecond, Stagger: time.Millisecond,
					OnSchema: func(def *source.Definition, schema *relation.Schema) (source.Feed, error) {
						mu.Lock()
						defer mu.Unlock()
						feeds[def.Name] = feed.New(schema, feed.Config{})
						return feeds[def.Name], nil
					},
				})
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			wg.Go(func() { supervisor.Run(ctx) })
			t.Cleanup(func() {
				cancel()
				wg.Wait()
			})
			becomes := func(name string) {
				t.Helper()
				deadline := time.Now().Add(patience)
				for {
					mu.Lock()
					f := feeds[name]
					mu.Unlock()
					want := rowsOf(t, db, "SELECT * FROM "+name)
					got := "no feed"
					if f != nil {
						got = feedRows(t, f)
					}
					if got == want {
						return
					}
					if time.Now().After(deadline) {
						t.Fatalf("%s: %d bytes of rows instead of %d; %+v", name, len(got), len(want), supervisor.Stats())
					}
					pause(t.Context(), 20*time.Millisecond)
				}
			}
			s := startStorm(t, db, 2)
			for range 10 {
				pause(t.Context(), 100*time.Millisecond)
				proxy.Cut()
			}
			s.end()
			becomes("t")
			db.Exec(t, "CREATE TABLE late (id int PRIMARY KEY, v text); INSERT INTO late VALUES (1, 'x')")
			becomes("late")
			db.Exec(t, "TRUNCATE t; INSERT INTO late VALUES (2, NULL)")
			becomes("t")
			becomes("late")
			db.Exec(t, "DROP TABLE late; INSERT INTO t SELECT i, 1, 'new' FROM generate_series(1, 10) i")
			becomes("t")
			db.Exec(t, "CREATE TABLE late (id int PRIMARY KEY, v text); INSERT INTO late VALUES (3, 'again')")
			becomes("late")
		})
	}
}

func feedRows(t *testing.T, f *feed.Feed) string {
	t.Helper()
	result, err := f.Rows(t.Context(), nil)
	if err != nil {
		return err.Error()
	}
	lines := make([]string, 0, len(result.Rows))
	for _, row := range result.Rows {
		lines = append(lines, line(row))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
