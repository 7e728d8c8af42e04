package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/backend/postgres"
	"github.com/tycostream/tycostream/internal/source"
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

func TestDurableSlot(t *testing.T) {
	db := pool.Database(t)
	db.Exec(t, "CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE b (id int PRIMARY KEY); INSERT INTO a VALUES (1, 'x')")
	slot := "slot_" + db.Name
	b := backend(t, postgres.Options{URL: db.URL(), Slot: slot})
	ra, rb := newRecorder(definition("a", "id")), newRecorder(definition("b", "id"))
	position := func(r *recorder) source.Position {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.rel == nil {
			return source.Position{}
		}
		return source.Position{Identity: r.rel.Identity, Frontier: r.frontier}
	}
	with := func(rs ...*recorder) []source.Target {
		var ts []source.Target
		for _, r := range rs {
			ts = append(ts, source.Target{Def: r.def, Sink: asking{r}, Resume: position(r)})
		}
		return ts
	}
	count := func(r *recorder) [2]int {
		r.mu.Lock()
		defer r.mu.Unlock()
		return [2]int{r.snaps, r.resumes}
	}

	run := follow(t, b, with(ra)...)
	ra.rowsBecome(t, "1|x")
	db.Exec(t, "INSERT INTO a VALUES (2, 'y')")
	ra.rowsBecome(t, "1|x", "2|y")
	run.stop(t)

	db.Exec(t, "UPDATE a SET v = 'z' WHERE id = 1; DELETE FROM a WHERE id = 2; INSERT INTO b VALUES (5)")
	run = follow(t, b, with(ra, rb)...) // a resumes, b is new
	ra.rowsBecome(t, "1|z")
	rb.rowsBecome(t, "5")
	db.Exec(t, "INSERT INTO b VALUES (6); INSERT INTO a VALUES (3, '')")
	ra.rowsBecome(t, "1|z", "3|")
	rb.rowsBecome(t, "5", "6")
	if count(ra) != [2]int{1, 1} || count(rb) != [2]int{1, 0} {
		t.Fatalf("snapshots and resumes: %v %v", count(ra), count(rb))
	}
	run.stop(t)

	// The slot is gone: a snapshot.
	drop := func() {
		deadline := time.Now().Add(patience)
		for db.Text(t, "SELECT active::text FROM pg_replication_slots WHERE slot_name = $1", slot) == "true" && time.Now().Before(deadline) {
			pause(t.Context(), 10*time.Millisecond)
		}
		db.Exec(t, "SELECT pg_drop_replication_slot('"+slot+"')")
	}
	drop()
	db.Exec(t, "DELETE FROM a")
	run = follow(t, b, with(ra, rb)...)
	ra.rowsBecome(t)
	run.stop(t)

	// Somebody has moved the slot past our position: a snapshot.
	stood := position(ra)
	db.Exec(t, "INSERT INTO a VALUES (9, 'n')")
	deadline := time.Now().Add(patience)
	for db.Text(t, "SELECT active::text FROM pg_replication_slots WHERE slot_name = $1", slot) == "true" && time.Now().Before(deadline) {
		pause(t.Context(), 10*time.Millisecond)
	}
	db.Exec(t, "SELECT pg_replication_slot_advance('"+slot+"', pg_current_wal_flush_lsn())")
	before := count(ra)
	run = follow(t, b, with(ra, rb)...)
	ra.rowsBecome(t, "9|n")
	if after := count(ra); after[0] != before[0]+1 || stood.Identity == "" {
		t.Fatalf("snapshots and resumes: %v, before %v", after, before)
	}
	// While it is in use, nobody else gets it.
	wantError(t, follow(t, b, with(newRecorder(definition("b", "id")))...).end(t), source.Retry, "in use")
	run.stop(t)

	// A program of another kind owns the name.
	drop()
	db.Exec(t, "SELECT pg_create_logical_replication_slot('"+slot+"', 'test_decoding')")
	err := follow(t, b, with(ra)...).end(t)
	wantError(t, err, source.Config, "another program")
	if !strings.Contains(err.Error(), slot) {
		t.Fatal(err)
	}
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
