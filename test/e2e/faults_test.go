package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/mzsim"
	"github.com/tycostream/tycostream/internal/mzsim/pgerr"
)

const sheetSchema = `
naming: camelCase
sources:
  sheet:
    primary_key: id
    columns: {id: Integer, n: BigInt, name: String}
`

var sheetColumns = []string{"id", "n", "name"}

var sheetFilters = []struct{ where, sql string }{
	{`{}`, `true`},
	{`{n: {_gt: 500}}`, `n > 500`},
	{`{name: {_is_null: false}, id: {_lte: 100}}`, `name IS NOT NULL AND id <= 100`},
	{`{_or: [{name: {_eq: "b"}}, {n: {_lt: 100}}]}`, `name = 'b' OR n < 100`},
}

// sheet is a table in the stand-in for Materialize, with clients that follow it.
type sheet struct {
	t       *testing.T
	sim     *mzsim.Sim
	g       *gateway
	url     string // of the stand-in
	clients []*client
	where   []string // each client's filter in SQL

	mu     sync.Mutex // guards what follows
	random *rand.Rand
	held   map[int][]any
}

func newSheet(t *testing.T, env ...string) *sheet {
	t.Helper()
	sim, setting := stand(t, mzsim.Options{Seed: 5})
	s := &sheet{
		t: t, sim: sim, url: strings.TrimPrefix(setting, "DATABASE_URL="),
		random: rand.New(rand.NewPCG(1, 2)), held: map[int][]any{},
	}
	s.create()
	s.write(40)
	s.g = serve(t, sheetSchema, append(env, setting)...)
	s.g.ready()
	for _, f := range sheetFilters {
		s.join(f.where, f.sql)
	}
	return s
}

func (s *sheet) create() {
	s.t.Helper()
	must[any](s.t)(nil, s.sim.CreateView("sheet", mzsim.Columns("id integer not null", "n bigint", "name text"),
		mzsim.ObjectOptions{Type: "materialized view", Retain: time.Minute}))
}

// join lets two clients in, one for each shape of subscription.
func (s *sheet) join(where, sql string) {
	s.clients = append(s.clients, follow(s.t, s.g, sheetRows(where)), follow(s.t, s.g, sheetChanges(where)))
	s.where = append(s.where, sql, sql)
}

func sheetRows(where string) subscription {
	return subscription{field: "sheet", document: fmt.Sprintf(
		`subscription { sheet(where: %s) { operation fields timestamp data { _key id n name } } }`, where)}
}

func sheetChanges(where string) subscription {
	return subscription{field: "sheetChanges", document: fmt.Sprintf(`subscription { sheetChanges(where: %s) {
		kind last state timestamp changes { operation fields timestamp data { _key id n name } } } }`, where)}
}

// write commits so many transactions.
func (s *sheet) write(transactions int) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for range transactions {
		tx := new(mzsim.Tx)
		for range 1 + s.random.IntN(6) {
			s.changeLocked(tx)
		}
		must[uint64](s.t)(s.sim.Write(tx))
	}
}

func (s *sheet) changeLocked(tx *mzsim.Tx) {
	id := 1 + s.random.IntN(200)
	if old, ok := s.held[id]; ok {
		tx.Delete("sheet", old...)
		delete(s.held, id)
		if s.random.IntN(4) == 0 {
			return
		}
	}
	next := []any{id, s.random.IntN(1000), [...]any{"a", "b", "tab\tand \\ back", nil}[s.random.IntN(4)]}
	s.held[id] = next
	tx.Insert("sheet", next...)
}

// keepWriting writes until the test calls stop.
func (s *sheet) keepWriting() (stop func()) { return repeat(s.t, func() { s.write(1) }) }

// repeat calls f until the test calls stop.
func repeat(t *testing.T, f func()) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			f()
			rest(ctx, 3*time.Millisecond)
		}
	})
	return func() { cancel(); wg.Wait() }
}

// equal waits until every client holds what SQL says, and asks whether any
// promise was broken and whether all are still on their first connection.
func (s *sheet) equal() {
	s.t.Helper()
	db := reach(s.t, s.url) // anew: a fault may have cut the last connection
	for i, c := range s.clients {
		want := db.lines("SELECT id, n, name FROM sheet WHERE " + s.where[i])
		c.holds(s.t, sheetColumns, func() []string { return want })
		if err := c.kept(); err != nil {
			s.t.Errorf("%s: %v", c.name, err)
		}
		if c.resets != 1 {
			s.t.Errorf("%s: %d connections", c.name, c.resets)
		}
	}
}

func TestMaterializeFaults(t *testing.T) {
	t.Parallel()
	s := newSheet(t, "TYCOSTREAM_STALL_TIMEOUT=1s")
	f := s.sim.Faults()
	s.equal()
	for _, fault := range []struct {
		name   string
		strike func()
	}{
		{"cut in a row", func() { f.CutAt(mzsim.MidRow, 3) }},
		{"cut in a header", func() { f.CutAt(mzsim.MidHeader, 3) }},
		{"cut between rows of one time", func() { f.CutAt(mzsim.MidTimestamp, 2) }},
		{"cut before progress", func() { f.CutAt(mzsim.BeforeProgress, 2) }},
		{"cut after progress", func() { f.CutAt(mzsim.AfterProgress, 2) }},
		{"cut everywhere", func() { f.CutAll() }},
		{"cut while history is lost", func() { f.CutAll(); f.LoseHistory() }},
		{"restart", func() { f.Restart() }},
		{"restart without history", func() { f.LoseHistory(); f.Restart() }},
		{"bytes garbled", func() { f.Garble(mzsim.GarbleBytes, 2) }},
		{"column garbled", func() { f.Garble(mzsim.GarbleColumn, 2) }},
		{"time garbled", func() { f.Garble(mzsim.GarbleTime, 2) }},
		{"diff garbled", func() { f.Garble(mzsim.GarbleDiff, 2) }},
		{"frame garbled", func() { f.Garble(mzsim.GarbleFrame, 2) }},
		{"split into single bytes", func() { f.Split(1, 0) }},
		{"whole again", func() { f.Split(0, 0) }},
		{"stream failed", func() { f.FailStreams(pgerr.Replica()) }},
		{"subscribe refused", func() { f.FailNext(mzsim.AtSubscribe, pgerr.NoReplicas("quickstart")); f.CutAll() }},
		{"connection refused", func() {
			for range 3 {
				f.FailNext(mzsim.AtConnect, pgerr.Unavailable())
			}
			f.CutAll()
		}},
	} {
		t.Log(fault.name)
		stop := s.keepWriting()
		rest(t.Context(), 60*time.Millisecond)
		before := s.g.metric("tycostream_source_reconnects_total")
		fault.strike()
		rest(t.Context(), 120*time.Millisecond)
		switch fault.name {
		case "split into single bytes", "whole again":
		case "diff garbled": // of a progress line nobody reads it
		default:
			eventually(t, "a reconnect", func() error {
				if n := s.g.metric("tycostream_source_reconnects_total"); n == before {
					return fmt.Errorf("still %v reconnects", n)
				}
				return nil
			})
		}
		stop()
		s.equal()
		s.g.state("sheet", "LIVE", "")
	}
	for i, c := range s.clients {
		if seen := c.seen(); i%2 == 1 && strings.Contains(seen, "RESET") {
			t.Errorf("%s: %s", c.name, seen)
		}
	}
}

// While the database is away, rows are the last known, and everybody who asks
// is told so.
func TestStaleness(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]func(*mzsim.Faults) (back func()){
		"down":    func(f *mzsim.Faults) func() { f.Down(nil); return f.Up },
		"refused": func(f *mzsim.Faults) func() { f.Down(pgerr.Fatalf("08004", "secret-host is starting")); return f.Up },
		"stalled": func(f *mzsim.Faults) func() { return f.Stall() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSheet(t, "TYCOSTREAM_STALL_TIMEOUT=1s")
			s.equal()
			before := reach(t, s.url).lines("SELECT id, n, name FROM sheet")
			back := away(s.sim.Faults())
			s.g.state("sheet", "STALE", "")
			s.saw("STALE")
			if got := answered(t, s.g.query("{ sheet { id n name } }"), "sheet", sheetColumns); differ(got, before) != nil {
				t.Errorf("while it was away: %v", differ(got, before))
			}
			s.g.says("/readyz", http.StatusOK, `"status":"degraded"`)
			if _, body := s.g.get("/readyz"); strings.Contains(body, "secret-host") || strings.Contains(body, "127.0.0.1") {
				t.Errorf("/readyz: %s", body)
			}
			s.write(30)
			back()
			s.g.state("sheet", "LIVE", "")
			s.equal()
			s.g.says("/readyz", http.StatusOK, `"status":"ready"`)
			if seen := s.clients[1].seen(); seen != "SNAPSHOT LIVE, LIVE LIVE, LIVE STALE, LIVE LIVE" &&
				seen != "SNAPSHOT LIVE, LIVE STALE, LIVE LIVE" {
				t.Errorf("frames: %s", seen)
			}
		})
	}
}

// saw waits until the followers of frames were told a state.
func (s *sheet) saw(state string) {
	s.t.Helper()
	for i := 1; i < len(s.clients); i += 2 {
		c := s.clients[i]
		eventually(s.t, "frames say "+state, func() error {
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.state == state {
				return nil
			}
			return errors.New(c.state)
		})
	}
}

func TestViewDroppedAndCreatedAgain(t *testing.T) {
	t.Parallel()
	s := newSheet(t)
	s.equal()
	must[any](t)(nil, s.sim.Drop("sheet"))
	s.g.state("sheet", "FAILED", "sheet")
	s.saw("FAILED")
	s.g.says("/readyz", http.StatusOK, `"state":"FAILED"`)
	s.mu.Lock()
	s.held = map[int][]any{}
	s.mu.Unlock()
	s.create()
	s.write(30)
	s.g.state("sheet", "LIVE", "")
	s.saw("LIVE")
	s.equal()
	s.write(30)
	s.equal()
}

func TestDuplicateKey(t *testing.T) {
	t.Parallel()
	s := newSheet(t)
	s.equal()
	_, row, err := s.sim.Faults().DuplicateKey("sheet", "id")
	if err != nil {
		t.Fatal(err)
	}
	s.g.state("sheet", "FAILED", "primary_key is not unique")
	s.saw("FAILED")
	s.g.says("/readyz", http.StatusOK, "unique")
	must[uint64](t)(s.sim.Write(new(mzsim.Tx).Add("sheet", row, -1)))
	s.g.state("sheet", "LIVE", "")
	s.write(30)
	s.saw("LIVE")
	s.equal()
	s.g.says("/readyz", http.StatusOK, `"status":"ready"`)
}
