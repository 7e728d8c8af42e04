package market_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tycostream/tycostream/examples/postgres/market"
	"github.com/tycostream/tycostream/internal/backend/postgres"
	"github.com/tycostream/tycostream/internal/config/schemafile"
	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
	"github.com/tycostream/tycostream/internal/testpg"
)

// The sources of schema.yaml follow the tables while writers and worker run,
// and the server is killed in between: at rest they hold what the tables hold.
func TestGatewayFollows(t *testing.T) {
	server := testpg.Start(t, testpg.Options{Fsync: true})
	db := server.NewDatabase(t)
	if err := market.Load(t.Context(), db.Connect(t), 30); err != nil {
		t.Fatal(err)
	}
	file, err := schemafile.Load("../schema.yaml", schemafile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	feeds := startSources(t, db, file)

	work, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for part := range 3 {
		w := market.Writer{URL: db.URL(), Instruments: 30, Rate: 1000}
		w.Share(part, 3)
		wg.Go(func() { keep(work, w.Run) })
	}
	wg.Go(func() {
		keep(work, func(ctx context.Context) error { return market.Work(ctx, db.URL(), 20*time.Millisecond) })
	})
	pause(t.Context(), 700*time.Millisecond)
	if err := server.Restart(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	pause(t.Context(), 700*time.Millisecond)
	stop()
	wg.Wait()
	settled(t, db, db.Connect(t))
	for _, def := range file.Sources {
		feeds.equal(t, db, def)
	}
}

// keep runs work again when the server went away below it.
func keep(ctx context.Context, work func(context.Context) error) {
	for ctx.Err() == nil {
		_ = work(ctx) // the tables are compared in the end
		pause(ctx, 20*time.Millisecond)
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// feeds are the sources' rows by name.
type feeds struct {
	mu     sync.Mutex
	byName map[string]*feed.Feed
}

func startSources(t *testing.T, db *testpg.Database, file *schemafile.File) *feeds {
	t.Helper()
	backend, err := postgres.New(postgres.Options{URL: db.URL(), Poll: 100 * time.Millisecond, Heartbeat: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	f := &feeds{byName: map[string]*feed.Feed{}}
	add := func(def *source.Definition, schema *relation.Schema) (source.Feed, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.byName[def.Name] = feed.New(schema, feed.Config{})
		return f.byName[def.Name], nil
	}
	var sources []source.Source
	for _, def := range file.Sources {
		sources = append(sources, source.Source{Def: def})
	}
	s := source.NewSupervisor(backend, sources, source.Settings{SlowMin: 50 * time.Millisecond, OnSchema: add})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { s.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		for _, one := range f.byName {
			one.Close()
		}
	})
	return f
}

// equal waits until the source holds what its table holds.
func (f *feeds) equal(t *testing.T, db *testpg.Database, def *source.Definition) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		f.mu.Lock()
		one := f.byName[def.Name]
		f.mu.Unlock()
		if one != nil {
			got, want := held(t, one), stored(t, db, def, one.Schema())
			if got == want && want != "" {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s holds\n%.1000s\ninstead of\n%.1000s", def.Name, got, want)
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s never came", def.Name)
		}
		pause(t.Context(), 20*time.Millisecond)
	}
}

func held(t *testing.T, one *feed.Feed) string {
	t.Helper()
	result, err := one.Rows(t.Context(), nil)
	if err != nil {
		return ""
	}
	return sorted(result.Rows)
}

func stored(t *testing.T, db *testpg.Database, def *source.Definition, schema *relation.Schema) string {
	t.Helper()
	names := make([]string, len(schema.Columns))
	for i := range schema.Columns {
		names[i] = schema.Columns[i].Name
	}
	sql := "SET TimeZone = 'UTC'; SELECT " + strings.Join(names, ", ") + " FROM " + def.Relation
	results, err := db.Connect(t).PgConn().Exec(t.Context(), sql).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var rows []relation.Row
	var b relation.Builder
	for _, r := range results[1].Rows {
		for _, cell := range r {
			b.AppendCell(string(cell), cell != nil)
		}
		rows = append(rows, b.Row())
	}
	return sorted(rows)
}

func sorted(rows []relation.Row) string {
	lines := make([]string, len(rows))
	for i, r := range rows {
		for c := range r.Len() {
			text, ok := r.Cell(c)
			if !ok {
				text = "-"
			}
			lines[i] += text + "|"
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
