package postgres_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tycostream/tycostream/internal/backend/postgres"
	"github.com/tycostream/tycostream/internal/source"
	"github.com/tycostream/tycostream/internal/testpg"
)

// storm writes to table t (id, n, doc) from several connections until stopped,
// reconnecting when the server goes away. No statement is canceled: the server
// might carry it out all the same, after the test has looked at the rows.
type storm struct {
	stop context.CancelFunc
	wg   sync.WaitGroup
}

func startStorm(t *testing.T, db *testpg.Database, writers int) *storm {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := &storm{stop: cancel}
	for w := range writers {
		s.wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(w), 7))
			for ctx.Err() == nil {
				conn, err := pgx.Connect(t.Context(), db.URL())
				if err != nil {
					pause(ctx, 20*time.Millisecond)
					continue
				}
				for err == nil && ctx.Err() == nil {
					_, err = conn.Exec(t.Context(), stormStatement(rnd))
				}
				_ = conn.Close(context.WithoutCancel(ctx))
			}
		})
	}
	t.Cleanup(s.end)
	return s
}

func (s *storm) end() {
	s.stop()
	s.wg.Wait()
}

func stormStatement(rnd *rand.Rand) string {
	a, b := rnd.IntN(200), rnd.IntN(200)
	switch rnd.IntN(10) {
	case 0:
		return fmt.Sprintf("DELETE FROM t WHERE id = %d", a)
	case 1:
		return fmt.Sprintf("UPDATE t SET id = %d WHERE id = %d AND NOT EXISTS (SELECT FROM t WHERE id = %d)", a, b, a)
	case 2:
		return fmt.Sprintf("UPDATE t SET doc = repeat(md5(%d::text), 300) WHERE id = %d", rnd.IntN(1000), a)
	case 3:
		return fmt.Sprintf("UPDATE t SET n = n + 1 WHERE id BETWEEN %d AND %d", min(a, b), min(a, b)+5)
	case 4, 5:
		return fmt.Sprintf("UPDATE t SET n = n + 1 WHERE id = %d", a)
	default:
		return fmt.Sprintf("INSERT INTO t VALUES (%d, 0, 'x') ON CONFLICT (id) DO UPDATE SET n = t.n + 1", a)
	}
}

const stormTable = `CREATE TABLE t (id int PRIMARY KEY, n int, doc text); ALTER TABLE t ALTER doc SET STORAGE EXTERNAL;
	INSERT INTO t SELECT i, 0, 'start' FROM generate_series(1, 2000) i`

func TestConcurrentWriters(t *testing.T) {
	db := pool.Database(t)
	db.Exec(t, stormTable)
	for round := range 5 {
		s := startStorm(t, db, 4)
		r := newRecorder(definition("t", "id"))
		run := follow(t, backend(t, postgres.Options{URL: db.URL()}), targetOf(r))
		r.until(t, "some transactions", func() bool { return len(r.applied) > 200*(round+1) })
		s.end()
		equal(t, db, r, "t")
		run.stop(t)
	}
}

func TestCutFiftyTimes(t *testing.T) {
	for _, slot := range []string{"", "cut_slot"} {
		t.Run("slot="+slot, func(t *testing.T) {
			db := pool.Database(t)
			db.Exec(t, stormTable)
			proxy := testpg.NewProxy(t, db.Server.Addr())
			s := startStorm(t, db, 2)
			r := newRecorder(definition("t", "id"))
			supervise(t, backend(t, postgres.Options{URL: db.URLVia(proxy), Slot: slot}), r)
			rnd := rand.New(rand.NewPCG(1, 2))
			for range 50 {
				pause(t.Context(), time.Duration(rnd.IntN(150))*time.Millisecond)
				proxy.Cut()
			}
			if slot != "" { // on a busy machine no stream may have lived until its cut
				r.until(t, "life", func() bool { return r.live })
				proxy.Cut()
				r.until(t, "the slot to be resumed", func() bool { return r.resumes > 0 })
			}
			s.end()
			equal(t, db, r, "t")
			r.mu.Lock()
			defer r.mu.Unlock()
			t.Logf("%d snapshots, %d resumes, %d transactions", r.snaps, r.resumes, len(r.applied))
		})
	}
}

func TestServerKilled(t *testing.T) {
	for _, slot := range []string{"", "kill_slot"} {
		t.Run("slot="+slot, func(t *testing.T) {
			server := testpg.Start(t, testpg.Options{Fsync: true})
			db := server.NewDatabase(t)
			db.Exec(t, stormTable)
			s := startStorm(t, db, 2)
			r := newRecorder(definition("t", "id"))
			supervise(t, backend(t, postgres.Options{URL: db.URL(), Slot: slot}), r)
			for round := range 3 {
				r.mu.Lock()
				seen := len(r.applied)
				r.mu.Unlock()
				r.until(t, "life after a restart", func() bool { return r.live && r.opened > round && len(r.applied) > seen+20 })
				if round == 2 {
					break
				}
				if err := server.Restart(t.Context(), true); err != nil {
					t.Fatal(err)
				}
			}
			s.end()
			equal(t, db, r, "t")
			r.mu.Lock()
			defer r.mu.Unlock()
			t.Logf("%d snapshots, %d resumes, %d transactions", r.snaps, r.resumes, len(r.applied))
		})
	}
}

func TestSilenceEndsTheStream(t *testing.T) {
	db := pool.Database(t)
	db.Exec(t, stormTable)
	proxy := testpg.NewProxy(t, db.Server.Addr())
	startStorm(t, db, 1)
	r := newRecorder(definition("t", "id"))
	run := follow(t, backend(t, postgres.Options{URL: db.URLVia(proxy), Silence: 2 * time.Second}), targetOf(r))
	r.until(t, "the stream", func() bool {
		return r.live && r.frontier.Wall > time.Now().Add(-time.Second).UnixMicro() && len(r.applied) > 0
	})
	proxy.Stall(true)
	wantError(t, run.end(t), source.Retry)

	// The same while a snapshot is taken.
	run = follow(t, backend(t, postgres.Options{URL: db.URLVia(proxy), Silence: 2 * time.Second}), targetOf(newRecorder(definition("t", "id"))))
	proxy.Stall(false)
	pause(t.Context(), 5*time.Millisecond)
	proxy.Stall(true)
	wantError(t, run.end(t), source.Retry)
}

func TestIdleStreamIsAlive(t *testing.T) {
	db := pool.Database(t)
	db.Exec(t, "CREATE TABLE t (id int PRIMARY KEY)")
	r := newRecorder(definition("t", "id"))
	follow(t, backend(t, postgres.Options{URL: db.URL()}), targetOf(r))
	r.until(t, "the snapshot", func() bool { return r.live })
	for range 3 { // nothing is written, and yet the frontier's clock goes on
		r.mu.Lock()
		wall := r.frontier.Wall
		r.mu.Unlock()
		now := time.Now().UnixMicro()
		r.until(t, "a later frontier", func() bool { return r.frontier.Wall > wall && r.frontier.Wall >= now })
	}
	// Work that does not concern us moves the frontier too.
	r.mu.Lock()
	before := r.frontier.Time
	r.mu.Unlock()
	db.Exec(t, "CREATE TABLE other (id int); INSERT INTO other SELECT generate_series(1, 1000)")
	r.until(t, "a later frontier", func() bool { return r.frontier.Time > before })
}

func TestFollowEndsWithItsContext(t *testing.T) {
	db := pool.Database(t)
	db.Exec(t, stormTable)
	for i := range 10 {
		r := newRecorder(definition("t", "id"))
		run := follow(t, backend(t, postgres.Options{URL: db.URL()}), targetOf(r))
		if i > 0 {
			pause(t.Context(), time.Duration(i)*5*time.Millisecond)
		}
		run.stop(t)
	}
	noSlots(t, db)
}

// noSlots waits until the server has noticed that its slots are not needed.
func noSlots(t *testing.T, db *testpg.Database) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for db.Text(t, "SELECT count(*)::text FROM pg_replication_slots WHERE database = current_database()") != "0" {
		if time.Now().After(deadline) {
			t.Fatal("temporary slots are left")
		}
		pause(t.Context(), 20*time.Millisecond)
	}
}

// A transaction that was open before the publication and the slot existed is
// neither lost nor counted twice.
func TestTransactionOpenBeforeTheSlot(t *testing.T) {
	db := pool.Database(t)
	db.Exec(t, "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
	writer := db.Connect(t)
	tx, err := writer.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "INSERT INTO t VALUES (2)"); err != nil {
		t.Fatal(err)
	}
	b := backend(t, postgres.Options{URL: db.URL()})

	// A Follow that waits for it can be ended.
	r := newRecorder(definition("t", "id"))
	run := follow(t, b, targetOf(r))
	r.until(t, "the opening", func() bool { return r.opened == 1 })
	pause(t.Context(), 100*time.Millisecond)
	run.stop(t)

	r = newRecorder(definition("t", "id"))
	follow(t, b, targetOf(r))
	r.until(t, "the opening", func() bool { return r.opened == 1 })
	db.Exec(t, "INSERT INTO t VALUES (3)")
	pause(t.Context(), 100*time.Millisecond)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.rowsBecome(t, "1", "2", "3")
	db.Exec(t, "INSERT INTO t VALUES (4)")
	r.rowsBecome(t, "1", "2", "3", "4")
}

// A slot whose log the server has thrown away is made anew.
func TestSlotThatLostItsLog(t *testing.T) {
	server := testpg.Start(t, testpg.Options{Settings: map[string]string{"max_slot_wal_keep_size": "1MB", "max_wal_size": "32MB", "min_wal_size": "32MB"}})
	db := server.NewDatabase(t)
	db.Exec(t, "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
	b := backend(t, postgres.Options{URL: db.URL(), Slot: "forgotten"})
	r := newRecorder(definition("t", "id"))
	target := func() source.Target {
		r.mu.Lock()
		defer r.mu.Unlock()
		return source.Target{Def: r.def, Sink: asking{r}, Resume: source.Position{Identity: r.rel.Identity, Frontier: r.frontier}}
	}
	run := follow(t, b, targetOf(r))
	r.rowsBecome(t, "1")
	run.stop(t)
	for range 5 {
		db.Exec(t, "CREATE TABLE x AS SELECT generate_series(1, 1000)")
		db.Exec(t, "DROP TABLE x")
		db.Exec(t, "SELECT pg_switch_wal()")
		db.Exec(t, "CHECKPOINT")
	}
	if got := db.Text(t, "SELECT wal_status FROM pg_replication_slots"); got != "lost" {
		t.Fatalf("the slot is %s", got)
	}
	db.Exec(t, "INSERT INTO t VALUES (2)")
	follow(t, b, target())
	r.rowsBecome(t, "1", "2")
	if got := db.Text(t, "SELECT wal_status FROM pg_replication_slots"); got != "reserved" {
		t.Fatalf("the slot is %s", got)
	}
}
