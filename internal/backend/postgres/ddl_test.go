package postgres_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/backend/postgres"
	"github.com/tycostream/tycostream/internal/source"
	"github.com/tycostream/tycostream/internal/testpg"
)

func TestMissingTableComes(t *testing.T) {
	db := pool.Database(t)
	db.Exec(t, "CREATE TABLE good (id int PRIMARY KEY); INSERT INTO good VALUES (1)")
	late, good := newRecorder(definition("late", "id")), newRecorder(definition("good", "id"))
	supervise(t, backend(t, postgres.Options{URL: db.URL()}), late, good)
	late.fails(t, source.Slow, "does not exist yet")
	good.rowsBecome(t, "1")
	db.Exec(t, "CREATE TABLE late (id int PRIMARY KEY); INSERT INTO late VALUES (7)")
	late.rowsBecome(t, "7")
	db.Exec(t, "INSERT INTO late VALUES (8); INSERT INTO good VALUES (2)")
	late.rowsBecome(t, "7", "8")
	good.rowsBecome(t, "1", "2")
}

func TestAllTablesMissing(t *testing.T) {
	db := pool.Database(t)
	late := newRecorder(definition("late", "id"))
	run := follow(t, backend(t, postgres.Options{URL: db.URL()}), targetOf(late))
	late.fails(t, source.Slow, "does not exist yet")
	db.Exec(t, "CREATE TABLE late (id int PRIMARY KEY)")
	wantError(t, run.end(t), source.Retry, "can be followed now")
}

func TestTableDroppedAndMadeAnew(t *testing.T) {
	db := pool.Database(t)
	db.Exec(t, "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1); CREATE TABLE good (id int PRIMARY KEY)")
	r, good := newRecorder(definition("t", "id")), newRecorder(definition("good", "id"))
	supervise(t, backend(t, postgres.Options{URL: db.URL()}), r, good)
	r.rowsBecome(t, "1")
	db.Exec(t, "DROP TABLE t")
	r.fails(t, source.Slow, "t does not exist yet")
	db.Exec(t, "INSERT INTO good VALUES (1)")
	good.rowsBecome(t, "1")
	db.Exec(t, "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (2)")
	r.rowsBecome(t, "2")
	// Between two looks at the catalog.
	db.Exec(t, "BEGIN; DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (3); COMMIT")
	r.rowsBecome(t, "3")
	db.Exec(t, "INSERT INTO t VALUES (4)")
	r.rowsBecome(t, "3", "4")
}

func TestColumnsChange(t *testing.T) {
	for _, poll := range []time.Duration{50 * time.Millisecond, time.Hour} {
		t.Run(poll.String(), func(t *testing.T) {
			db := pool.Database(t)
			db.Exec(t, "CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1)")
			r := newRecorder(definition("t", "id"))
			supervise(t, backend(t, postgres.Options{URL: db.URL(), Poll: poll}), r)
			r.rowsBecome(t, "1|1")
			db.Exec(t, "ALTER TABLE t ADD w text DEFAULT 'w'; INSERT INTO t VALUES (2, 2, 'x')")
			r.rowsBecome(t, "1|1|w", "2|2|x")
			db.Exec(t, "ALTER TABLE t ALTER v TYPE numeric(4,1); UPDATE t SET w = 'y' WHERE id = 2")
			r.rowsBecome(t, "1|1.0|w", "2|2.0|y")
			db.Exec(t, "ALTER TABLE t DROP v; UPDATE t SET w = 'z' WHERE id = 2")
			r.rowsBecome(t, "1|w", "2|z")
		})
	}
}

func TestPublicationIsKeptEqual(t *testing.T) {
	db := pool.Database(t)
	db.Exec(t, `CREATE TABLE a (id int PRIMARY KEY, v int); CREATE TABLE b (id int PRIMARY KEY);
		CREATE PUBLICATION tycostream FOR TABLE b, a (id) WHERE (id > 5) WITH (publish = 'insert')`)
	r := newRecorder(definition("a", "id"))
	supervise(t, backend(t, postgres.Options{URL: db.URL()}), r)
	r.rowsBecome(t)
	if got := db.Text(t, "SELECT string_agg(tablename || coalesce(rowfilter, ''), ',') FROM pg_publication_tables WHERE pubname = 'tycostream'"); got != "a" {
		t.Fatalf("the publication holds %s", got)
	}
	db.Exec(t, "INSERT INTO a VALUES (1, 2); UPDATE a SET v = 3; INSERT INTO b VALUES (1)")
	r.rowsBecome(t, "1|3")
	// Somebody takes the table out: noticed, and put back with a new snapshot.
	db.Exec(t, "ALTER PUBLICATION tycostream SET TABLE b")
	db.Exec(t, "INSERT INTO a VALUES (2, 2)")
	r.rowsBecome(t, "1|3", "2|2")
}

// A table that was out of the publication between two looks at it has changed
// unseen, though the publication holds it again.
func TestTableOutOfThePublicationForAMoment(t *testing.T) {
	const recreate = "CREATE PUBLICATION theirs FOR TABLE ONLY a, ONLY b"
	for name, c := range map[string]struct{ made, out, back string }{
		"table":       {recreate, "ALTER PUBLICATION theirs DROP TABLE a", "ALTER PUBLICATION theirs ADD TABLE ONLY a"},
		"options":     {recreate, "ALTER PUBLICATION theirs SET (publish = 'delete')", "ALTER PUBLICATION theirs SET (publish = 'insert, update, delete, truncate')"},
		"filter":      {recreate, "ALTER PUBLICATION theirs SET TABLE ONLY a WHERE (id > 50), ONLY b", "ALTER PUBLICATION theirs SET TABLE ONLY a, ONLY b"},
		"schema":      {"CREATE PUBLICATION theirs FOR TABLES IN SCHEMA public", "ALTER PUBLICATION theirs DROP TABLES IN SCHEMA public", "ALTER PUBLICATION theirs ADD TABLES IN SCHEMA public"},
		"publication": {recreate, "DROP PUBLICATION theirs", recreate},
	} {
		t.Run(name, func(t *testing.T) {
			db := pool.Database(t)
			db.Exec(t, "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); "+c.made)
			r := newRecorder(definition("a", "id"))
			supervise(t, backend(t, postgres.Options{URL: db.URL(), Publication: "theirs", Poll: time.Hour, Heartbeat: 500 * time.Millisecond}), r)
			r.rowsBecome(t)
			for i := 0; ; i++ { // a look may come in between, and is not what is tested
				r.mu.Lock()
				before := r.snaps
				r.mu.Unlock()
				db.Exec(t, c.out)
				db.Exec(t, fmt.Sprintf("INSERT INTO a VALUES (%d)", i))
				db.Exec(t, c.back)
				r.mu.Lock()
				between := r.snaps != before
				r.mu.Unlock()
				var want []string
				for id := range i + 1 {
					want = append(want, strconv.Itoa(id))
				}
				r.rowsBecome(t, want...)
				if !between {
					break
				}
			}
		})
	}
}

// Other tables may come and go.
func TestOtherTablesOfThePublication(t *testing.T) {
	db := pool.Database(t)
	db.Exec(t, "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); CREATE PUBLICATION theirs FOR ALL TABLES")
	r := newRecorder(definition("a", "id"))
	follow(t, backend(t, postgres.Options{URL: db.URL(), Publication: "theirs"}), targetOf(r))
	r.rowsBecome(t)
	db.Exec(t, "CREATE TABLE c (id int PRIMARY KEY); DROP TABLE b")
	r.until(t, "some heartbeats", func() bool { return r.live })
	pause(t.Context(), 500*time.Millisecond)
	db.Exec(t, "INSERT INTO a VALUES (1)")
	r.rowsBecome(t, "1")
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.opened != 1 {
		t.Fatalf("opened %d times", r.opened)
	}
}

func TestForeignPublicationsThatCover(t *testing.T) {
	for name, sql := range map[string]string{
		"all tables": "CREATE PUBLICATION theirs FOR ALL TABLES",
		"schema":     "CREATE PUBLICATION theirs FOR TABLES IN SCHEMA public",
	} {
		t.Run(name, func(t *testing.T) {
			db := pool.Database(t)
			db.Exec(t, "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); "+sql)
			r := newRecorder(definition("a", "id"))
			follow(t, backend(t, postgres.Options{URL: db.URL(), Publication: "theirs"}), targetOf(r))
			r.rowsBecome(t)
			db.Exec(t, "INSERT INTO b VALUES (1); INSERT INTO a VALUES (1)")
			r.rowsBecome(t, "1")
		})
	}
}

// durable is a test of a named slot.
type durable struct {
	*testing.T
	db   *testpg.Database
	b    source.Backend
	slot string
}

func newDurable(t *testing.T) *durable {
	t.Helper()
	db := pool.Database(t)
	db.Exec(t, "CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE b (id int PRIMARY KEY); INSERT INTO a VALUES (1, 'x')")
	slot := "slot_" + db.Name
	return &durable{T: t, db: db, slot: slot, b: backend(t, postgres.Options{URL: db.URL(), Slot: slot})}
}

// follow goes on from where the recorders stand.
func (d *durable) follow(rs ...*recorder) *running {
	d.Helper()
	var targets []source.Target
	for _, r := range rs {
		r.mu.Lock()
		tg := source.Target{Def: r.def, Sink: asking{r}}
		if r.rel != nil {
			tg.Resume = source.Position{Identity: r.rel.Identity, Frontier: r.frontier}
		}
		r.mu.Unlock()
		targets = append(targets, tg)
	}
	return follow(d.T, d.b, targets...)
}

func (d *durable) counts(r *recorder, snapshots, resumes int) {
	d.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.snaps != snapshots || r.resumes != resumes {
		d.Fatalf("%d snapshots and %d resumes, want %d and %d", r.snaps, r.resumes, snapshots, resumes)
	}
}

// free waits until nobody uses the slot.
func (d *durable) free() {
	d.Helper()
	deadline := time.Now().Add(patience)
	for d.db.Text(d, "SELECT active::text FROM pg_replication_slots WHERE slot_name = $1", d.slot) == "true" && time.Now().Before(deadline) {
		pause(d.Context(), 10*time.Millisecond)
	}
}

func TestNamedSlotResumes(t *testing.T) {
	d := newDurable(t)
	ra, rb := newRecorder(definition("a", "id")), newRecorder(definition("b", "id"))
	run := d.follow(ra)
	ra.rowsBecome(t, "1|x")
	d.db.Exec(t, "INSERT INTO a VALUES (2, 'y')")
	ra.rowsBecome(t, "1|x", "2|y")
	run.stop(t)

	d.db.Exec(t, "UPDATE a SET v = 'z' WHERE id = 1; DELETE FROM a WHERE id = 2; INSERT INTO b VALUES (5)")
	run = d.follow(ra, rb) // a resumes, b is new
	ra.rowsBecome(t, "1|z")
	rb.rowsBecome(t, "5")
	d.db.Exec(t, "INSERT INTO b VALUES (6); INSERT INTO a VALUES (3, '')")
	ra.rowsBecome(t, "1|z", "3|")
	rb.rowsBecome(t, "5", "6")
	d.counts(ra, 1, 1)
	d.counts(rb, 1, 0)
	// While it is in use, nobody else gets it.
	wantError(t, d.follow(newRecorder(definition("a", "id")), newRecorder(definition("b", "id"))).end(t), source.Retry, "in use")
	run.stop(t)
}

func TestNamedSlotThatCannotGoOn(t *testing.T) {
	d := newDurable(t)
	ra := newRecorder(definition("a", "id"))
	run := d.follow(ra)
	ra.rowsBecome(t, "1|x")
	run.stop(t)

	d.free() // the slot is gone: a snapshot
	d.db.Exec(t, "SELECT pg_drop_replication_slot('"+d.slot+"')")
	d.db.Exec(t, "DELETE FROM a")
	run = d.follow(ra)
	ra.rowsBecome(t)
	run.stop(t)
	d.counts(ra, 2, 0)

	d.db.Exec(t, "SET synchronous_commit = on; INSERT INTO a VALUES (9, 'n')")
	d.free() // somebody has moved it past our position: a snapshot
	d.db.Exec(t, "SELECT pg_replication_slot_advance('"+d.slot+"', pg_current_wal_flush_lsn())")
	run = d.follow(ra)
	ra.rowsBecome(t, "9|n")
	run.stop(t)
	d.counts(ra, 3, 0)

	d.free() // the table was altered meanwhile: a snapshot
	d.db.Exec(t, "ALTER TABLE a ADD w int DEFAULT 5")
	run = d.follow(ra)
	ra.rowsBecome(t, "9|n|5")
	run.stop(t)
	d.counts(ra, 4, 0)

	d.free() // the table was out of the publication meanwhile: a snapshot
	d.db.Exec(t, "ALTER PUBLICATION tycostream DROP TABLE a")
	d.db.Exec(t, "INSERT INTO a VALUES (10, 'o')")
	d.db.Exec(t, "ALTER PUBLICATION tycostream ADD TABLE ONLY a")
	run = d.follow(ra)
	ra.rowsBecome(t, "10|o|5", "9|n|5")
	run.stop(t)
	d.counts(ra, 5, 0)

	d.free() // a program of another kind owns the name
	d.db.Exec(t, "SELECT pg_drop_replication_slot('"+d.slot+"')")
	d.db.Exec(t, "SELECT pg_create_logical_replication_slot('"+d.slot+"', 'test_decoding')")
	wantError(t, d.follow(ra).end(t), source.Config, "another program", d.slot)
}

func TestSinkRefuses(t *testing.T) {
	db := pool.Database(t)
	db.Exec(t, "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY)")
	ra, rb, rc := newRecorder(definition("a", "id")), newRecorder(definition("b", "id")), newRecorder(definition("c", "id"))
	refusal := &source.Error{Class: source.Slow, Text: "too many rows"}
	rc.openErr = refusal
	follow(t, backend(t, postgres.Options{URL: db.URL()}), targetOf(ra), targetOf(rb), targetOf(rc))
	rb.rowsBecome(t)
	rc.fails(t, source.Slow, "too many rows")
	rb.until(t, "the stream", func() bool { rb.reject = refusal; return true })
	db.Exec(t, "INSERT INTO b VALUES (1); INSERT INTO a VALUES (1); INSERT INTO c VALUES (1)")
	rb.fails(t, source.Slow, "too many rows")
	ra.rowsBecome(t, "1")
}
