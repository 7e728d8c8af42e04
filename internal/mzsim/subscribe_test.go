package mzsim_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tycostream/tycostream/internal/mzsim"
	"github.com/tycostream/tycostream/internal/mzsim/pgerr"
	"github.com/tycostream/tycostream/internal/relation"
)

// masked replaces timestamps by T, as the vectors do (in a bubble they have 12 digits).
var masked = regexp.MustCompile(`\b\d{12,20}\b`)

// fetch runs a statement and returns its rows, timestamps masked.
func (w *wire) fetch(sql string) []string {
	w.t.Helper()
	var rows []string
	for _, l := range w.query(sql) {
		switch {
		case strings.HasPrefix(l, "D "):
			rows = append(rows, masked.ReplaceAllString(l[2:], "T"))
		case strings.HasPrefix(l, "E "):
			rows = append(rows, l)
		}
	}
	return rows
}

// cursor opens a transaction with cursor c.
func (w *wire) cursor(subscribe string) {
	w.t.Helper()
	w.query("ROLLBACK")
	lines := w.query("BEGIN; DECLARE c CURSOR FOR " + subscribe)
	if lines[len(lines)-1] != "Z T" {
		w.t.Fatalf("%s: %q", subscribe, lines)
	}
}

func TestOutputColumns(t *testing.T) { // V13 to V16
	sim := manual(t)
	create(t, sim, "t", mzsim.ObjectOptions{}, "a integer", "b integer")
	w := session(t, sim)
	for sql, want := range map[string]string{
		"SUBSCRIBE t":                                                 "T mz_timestamp mz_diff a b",
		"SUBSCRIBE TO t WITH (PROGRESS)":                              "T mz_timestamp mz_progressed mz_diff a b",
		"SUBSCRIBE t ENVELOPE UPSERT (KEY (a))":                       "T mz_timestamp mz_state a b",
		"SUBSCRIBE t ENVELOPE UPSERT (KEY (a)) WITH (PROGRESS)":       "T mz_timestamp mz_progressed mz_state a b",
		"SUBSCRIBE t WITH (PROGRESS = true) ENVELOPE UPSERT (KEY(a))": "T mz_timestamp mz_progressed mz_state a b",
		"SUBSCRIBE t ENVELOPE UPSERT (KEY (b))":                       "T mz_timestamp mz_state b a",
		"SUBSCRIBE (SELECT a + 1 AS x FROM t) WITH (PROGRESS=false)":  "T mz_timestamp mz_diff x",
	} {
		w.cursor(sql)
		same(t, w.query("FETCH 0 c"), want, "C FETCH 0", "Z T")
	}
	w.query("ROLLBACK")
	same(t, w.query("SUBSCRIBE t ENVELOPE UPSERT (KEY (invalid_key))"), `E ERROR XX000 column "invalid_key" does not exist`, "Z I") // V24
}

func TestUpsertRows(t *testing.T) { // V25, V26, V27
	sim := manual(t)
	create(t, sim, "t1", mzsim.ObjectOptions{}, "key integer", "value integer")
	create(t, sim, "t2", mzsim.ObjectOptions{}, "value integer", "key integer")
	write(t, sim, new(mzsim.Tx).Insert("t1", 1, 2).Insert("t1", 2, 3).Insert("t2", 2, 1).Insert("t2", 3, 2))
	for name, cells := range map[string]func(key, value any) []any{
		"t1": func(k, v any) []any { return []any{k, v} },
		"t2": func(k, v any) []any { return []any{v, k} },
	} {
		t.Run(name, func(t *testing.T) {
			w := session(t, sim)
			w.cursor("SUBSCRIBE (SELECT * FROM " + name + ") ENVELOPE UPSERT (KEY (key))")
			same(t, w.fetch("FETCH 2 c"), "T upsert 1 2", "T upsert 2 3")
			write(t, sim, new(mzsim.Tx).Delete(name, cells(1, 2)...).Insert(name, cells(1, 4)...))
			same(t, w.fetch("FETCH c"), "T upsert 1 4")
			write(t, sim, new(mzsim.Tx).Delete(name, cells(1, 4)...))
			same(t, w.fetch("FETCH c"), "T delete 1 <null>")
			// An update of the key: key order, so the upsert may come first.
			write(t, sim, new(mzsim.Tx).Delete(name, cells(2, 3)...).Insert(name, cells(0, 3)...))
			same(t, w.fetch("FETCH 2 c"), "T upsert 0 3", "T delete 2 <null>")
			// Violations: two values at once, one value twice, a plain doubling.
			write(t, sim, new(mzsim.Tx).Insert(name, cells(5, 1)...).Insert(name, cells(5, 2)...).Insert(name, cells(nil, 7)...).Insert(name, cells(nil, 7)...))
			same(t, w.fetch("FETCH 2 c"), "T key_violation 5 <null>", "T key_violation <null> <null>")
			// Across times there is no memory.
			write(t, sim, new(mzsim.Tx).Insert(name, cells(5, 3)...))
			same(t, w.fetch("FETCH c"), "T upsert 5 3")
			write(t, sim, new(mzsim.Tx).Delete(name, cells(5, 3)...))
			same(t, w.fetch("FETCH c"), "T delete 5 <null>")
			// What nets to nothing is not sent.
			write(t, sim, new(mzsim.Tx).Insert(name, cells(9, 9)...).Delete(name, cells(9, 9)...))
			same(t, w.fetch("FETCH ALL c WITH (TIMEOUT = '0s')"))
		})
	}
	w := session(t, sim)
	create(t, sim, "t3", mzsim.ObjectOptions{}, "value integer", "key integer")
	write(t, sim, new(mzsim.Tx).Insert("t3", 3, 2))
	w.cursor("SUBSCRIBE t3 WITH (PROGRESS, SNAPSHOT) ENVELOPE UPSERT (KEY (key))")
	for _, want := range []string{"T t <null> <null> <null>", "T f upsert 2 3", "T t <null> <null> <null>"} {
		same(t, w.fetch("FETCH 1 c"), want)
	}
}

func TestMaintainedQueries(t *testing.T) { // V29, V32, V33
	sim := manual(t)
	create(t, sim, "t3", mzsim.ObjectOptions{}, "a integer", "b integer")
	create(t, sim, "inserts", mzsim.ObjectOptions{}, "a integer")
	create(t, sim, "deletes", mzsim.ObjectOptions{}, "a integer")
	write(t, sim, new(mzsim.Tx).Insert("t3", 1, 2).Insert("t3", 3, 4).Insert("t3", 5, 6).Insert("t3", 7, 8).
		Insert("inserts", 123).Insert("inserts", 123).Insert("inserts", nil))
	w := session(t, sim)
	sorted := func(rows []string) []string { slices.Sort(rows); return rows }

	w.cursor("SUBSCRIBE (SELECT * FROM t3 ORDER BY a DESC, b LIMIT 3)")
	same(t, sorted(w.fetch("FETCH 3 c")), "T 1 3 4", "T 1 5 6", "T 1 7 8")
	write(t, sim, new(mzsim.Tx).Insert("t3", 9, 9))
	same(t, sorted(w.fetch("FETCH 2 c")), "T -1 3 4", "T 1 9 9")

	w.cursor("SUBSCRIBE (SELECT * FROM inserts EXCEPT ALL SELECT * FROM deletes)")
	same(t, sorted(w.fetch("FETCH 2 c")), "T 1 <null>", "T 2 123")
	write(t, sim, new(mzsim.Tx).Insert("deletes", 123).Insert("deletes", 123).Insert("deletes", nil).Insert("deletes", 999))
	same(t, sorted(w.fetch("FETCH 2 c")), "T -1 <null>", "T -2 123")

	w.query("ROLLBACK")
	got := w.query("SUBSCRIBE (WITH a(x) AS (SELECT 'a') SELECT generate_series(1,2), x FROM a)")
	rows := sorted(got[2:4])
	same(t, rows, "D 18446744073709551615 1 1 a", "D 18446744073709551615 1 2 a")
	same(t, got[4:], "C SELECT 2", "Z I")

	w.cursor("SUBSCRIBE (SELECT a, b FROM t3 WHERE a > 4) WITH (SNAPSHOT = false)")
	same(t, w.fetch("FETCH ALL c WITH (timeout = '0s')"))
	write(t, sim, new(mzsim.Tx).Delete("t3", 5, 6).Insert("t3", 2, 6).Insert("t3", 6, 6))
	same(t, sorted(w.fetch("FETCH 2 c")), "T -1 5 6", "T 1 6 6")
}

func TestSnapshotLeftOut(t *testing.T) { // V30
	sim := manual(t)
	create(t, sim, "t5", mzsim.ObjectOptions{}, "f1 text")
	tx := new(mzsim.Tx)
	for i := range 101 {
		tx.Insert("t5", fmt.Sprint("row ", i))
	}
	write(t, sim, tx)
	w := session(t, sim)
	w.cursor("SUBSCRIBE t5 WITH (SNAPSHOT = false)")
	same(t, w.fetch("FETCH ALL c WITH (TIMEOUT='0s')"))
	write(t, sim, new(mzsim.Tx).Insert("t5", "wow!"))
	same(t, w.fetch("FETCH 1 c"), "T 1 wow!")
}

func TestLargeDiffs(t *testing.T) { // V31, V40
	sim := manual(t)
	create(t, sim, "v1", mzsim.ObjectOptions{}, "a integer")
	write(t, sim, new(mzsim.Tx).AddCells("v1", 10_000_000, nil))
	w := session(t, sim)
	w.cursor("SUBSCRIBE v1")
	same(t, w.fetch("FETCH 1 c"), "T 10000000 <null>")
	same(t, w.fetch("FETCH 1 c WITH (timeout='10ms')"))
	write(t, sim, new(mzsim.Tx).Insert("v1", 7).Insert("v1", 7).Insert("v1", 7))
	same(t, w.fetch("FETCH 5 c WITH (timeout='10ms')"), "T 3 7")
}

func TestFetchLimits(t *testing.T) { // V34 and the limits of 1.5
	sim := manual(t)
	create(t, sim, "t", mzsim.ObjectOptions{}, "a integer")
	write(t, sim, new(mzsim.Tx).Insert("t", 123))
	w := session(t, sim)
	w.cursor("SUBSCRIBE t")
	same(t, w.fetch("FETCH 1 c WITH (timeout='1d')"), "T 1 123")
	for timeout, want := range map[string]string{
		"25h": "E ERROR XX000 timeout out of range: 25h",
		"-1s": "E ERROR XX000 invalid TIMEOUT: cannot convert negative interval to duration",
		"wat": "E ERROR 22023 invalid TIMEOUT: *",
	} {
		w.cursor("SUBSCRIBE t")
		same(t, w.fetch("FETCH 1 c WITH (timeout='"+timeout+"')"), want)
	}
	w.cursor("SUBSCRIBE t")
	w.send(&pgproto3.Parse{Query: "FETCH 3 c"}, &pgproto3.Bind{}, &pgproto3.Execute{MaxRows: 2}, &pgproto3.Sync{})
	same(t, w.until("Z"), "1", "2", "E ERROR 0A000 *", "Z E")
}

func TestConstants(t *testing.T) { // V36
	sim := manual(t)
	var rows []relation.Row
	for _, r := range [][]string{{"a", "b"}, {"c", "d"}, {"e", "f"}, {"g", "h"}} {
		rows = append(rows, relation.Texts(r...))
	}
	if err := sim.CreateView("v", mzsim.Columns("x text", "y text"), mzsim.ObjectOptions{Constant: true, Rows: rows}); err != nil {
		t.Fatal(err)
	}
	w := session(t, sim)
	for _, tail := range []string{"", " AS OF 42", " AS OF AT LEAST 42"} {
		got := w.query("SUBSCRIBE v" + tail)
		slices.Sort(got[2:6])
		same(t, got[2:], "D 18446744073709551615 1 a b", "D 18446744073709551615 1 c d", "D 18446744073709551615 1 e f", "D 18446744073709551615 1 g h", "C SELECT 4", "Z I")
	}
	w.cursor("SUBSCRIBE v")
	all := w.fetch("FETCH c")
	all = append(all, w.fetch("FETCH 2 c WITH (timeout='10s')")...)
	all = append(all, w.fetch("FETCH 2 c WITH (timeout='1s')")...)
	slices.Sort(all)
	same(t, all, "T 1 a b", "T 1 c d", "T 1 e f", "T 1 g h")
	same(t, w.fetch("FETCH c"))
	same(t, w.query("ROLLBACK"), "C ROLLBACK", "Z I")
	same(t, w.query("COPY (SUBSCRIBE (SELECT 1) WITH (PROGRESS)) TO STDOUT"), "H cccc",
		"d 18446744073709551615\tt\t\\N\t\\N\n", "d 18446744073709551615\tf\t1\t1\n", "c", "C COPY 2", "Z I")
}

func TestAsOf(t *testing.T) { // V37, V38
	sim := manual(t)
	create(t, sim, "t", mzsim.ObjectOptions{}, "a integer")
	write(t, sim, new(mzsim.Tx).Insert("t", 123))
	w := session(t, sim)
	const bad = "E ERROR XX000 AS OF or UP TO should be castable to a (non-null) mz_timestamp value"
	for _, x := range []string{"NULL::timestamptz", "-1", "1E38", "1.2", "'xxx'", "7/0"} {
		got := w.fetch("SUBSCRIBE (SELECT 1) AS OF " + x)
		same(t, got, bad)
		same(t, w.fetch("SUBSCRIBE t UP TO "+x), bad)
	}
	for _, x := range []string{"mz_now()", "now()"} {
		same(t, w.fetch("SUBSCRIBE (SELECT 1) AS OF "+x), "E ERROR XX000 calling an unmaterializable function in AS OF or UP TO not yet supported")
	}
	same(t, w.fetch("SUBSCRIBE (SELECT 1) AS OF a"), `E ERROR XX000 column "a" does not exist`)
	same(t, w.fetch("SUBSCRIBE (SELECT 1) AS OF 192741824E4::numeric"), "T 1 1")

	w.cursor("SUBSCRIBE t AS OF -1")
	same(t, w.fetch("FETCH c"), bad)
	w.cursor("SUBSCRIBE t AS OF 0")
	same(t, w.fetch("FETCH c"), "E ERROR 22000 could not find a valid timestamp for the query")
	w.cursor("SUBSCRIBE t AS OF AT LEAST 0")
	same(t, w.fetch("FETCH c"), "T 1 123")
	w.cursor("SUBSCRIBE t AS OF 18446744073709551615")
	same(t, w.fetch("FETCH 1 c WITH (timeout = '10ms')"))

	// A time in the future waits for it.
	future := sim.Upper() + 5000
	w.cursor(fmt.Sprintf("SUBSCRIBE t AS OF %d", future))
	same(t, w.fetch("FETCH 1 c WITH (timeout = '10ms')"))
	sim.Advance(future + 1)
	same(t, w.query("FETCH 1 c"), "T mz_timestamp mz_diff a", fmt.Sprintf("D %d 1 123", future), "C FETCH 1", "Z T")

	// Times may be written as timestamps.
	at := time.UnixMilli(int64(sim.Upper() + 1000)).UTC()
	w.cursor("SUBSCRIBE t AS OF '" + at.Format("2006-01-02 15:04:05.000") + "'::timestamptz")
	sim.Advance(sim.Upper() + 2000)
	same(t, w.query("FETCH 1 c"), "T mz_timestamp mz_diff a", fmt.Sprintf("D %d 1 123", at.UnixMilli()), "C FETCH 1", "Z T")
}

func TestTimeTravel(t *testing.T) { // V39
	sim := manual(t)
	create(t, sim, "t", mzsim.ObjectOptions{Retain: time.Hour}, "a integer")
	var ts []uint64
	for i := range 3 {
		sim.Advance(sim.Upper() + 10)
		ts = append(ts, write(t, sim, new(mzsim.Tx).Insert("t", i)))
	}
	w := session(t, sim)
	rows := func(sql string) []string {
		w.cursor(sql)
		var got []string
		for _, l := range w.query("FETCH ALL c WITH (timeout = '1ms')") {
			if strings.HasPrefix(l, "D ") {
				got = append(got, l[2:])
			}
		}
		slices.Sort(got)
		return got
	}
	at := func(t uint64, row int) string { return fmt.Sprint(t, " 1 ", row) }
	for i, ti := range ts {
		var without, with, upTo []string
		for j, tj := range ts {
			if j >= i {
				without = append(without, at(tj, j))
				with = append(with, at(tj, j))
			} else {
				with = append(with, at(ti-1, j))
				upTo = append(upTo, at(max(tj, ts[0]), j))
			}
		}
		slices.Sort(with)
		same(t, rows(fmt.Sprintf("SUBSCRIBE t WITH (SNAPSHOT = false) AS OF %d", ti-1)), without...)
		same(t, rows(fmt.Sprintf("SUBSCRIBE t AS OF %d", ti-1)), with...)
		same(t, rows(fmt.Sprintf("SUBSCRIBE t AS OF %d UP TO %d", ts[0], ti)), upTo...)
		same(t, w.query("FETCH c"), "T mz_timestamp mz_diff a", "C FETCH 0", "Z T")
	}
	w.query("ROLLBACK")
	// No progress row at UP TO.
	got := w.query(fmt.Sprintf("COPY (SUBSCRIBE t WITH (PROGRESS) AS OF %d UP TO %d) TO STDOUT", ts[0], ts[1]))
	same(t, got, "H cccc", fmt.Sprintf("d %d\tt\t\\N\t\\N\n", ts[0]), fmt.Sprintf("d %d\tf\t1\t0\n", ts[0]), "c", "C COPY 2", "Z I")
	same(t, w.query(fmt.Sprintf("COPY (SUBSCRIBE t AS OF %d UP TO %d) TO STDOUT", ts[1], ts[1])),
		fmt.Sprintf("N NOTICE 00000 subscribe as of %d (inclusive) up to the same bound %d (exclusive) is guaranteed to be empty", ts[1], ts[1]),
		"H ccc", "c", "C COPY 0", "Z I")
	same(t, w.query(fmt.Sprintf("SUBSCRIBE t AS OF %d UP TO %d", ts[2], ts[1])),
		fmt.Sprintf("E ERROR 22000 subscription lower bound (`AS OF`) is greater than its upper bound (`UP TO`): %d > %d", ts[2], ts[1]), "Z I")
}

func TestCompacted(t *testing.T) { // the tail of V39, in both texts
	for _, c := range []struct {
		era  pgerr.Era
		want string
	}{{pgerr.EraNewest, "22000 could not find a valid timestamp for the query"}, {pgerr.EraOld, "XX000 Timestamp (1) is not valid for all inputs: [Antichain { elements: [*"}} {
		sim := mzsim.New(mzsim.Options{Manual: true, Era: c.era})
		create(t, sim, "t", mzsim.ObjectOptions{}, "a integer")
		w := session(t, sim)
		w.send(&pgproto3.Query{String: "COPY (SUBSCRIBE t AS OF 1) TO STDOUT"})
		m, err := w.fe.Receive()
		if err != nil {
			t.Fatal(err)
		}
		same(t, []string{show(m)}, "E ERROR "+c.want)
		detail := m.(*pgproto3.ErrorResponse).Detail //nolint:forcetypeassert // shown above
		if c.era == pgerr.EraNewest && (!strings.HasPrefix(detail, "Constraints:") || !strings.Contains(detail, "lower:") || !strings.Contains(detail, "upper:")) {
			t.Errorf("detail %q", detail)
		}
		sim.Close()
	}
}

func TestHistoryWindow(t *testing.T) {
	sim := manual(t)
	create(t, sim, "short", mzsim.ObjectOptions{}, "a integer")
	create(t, sim, "long", mzsim.ObjectOptions{Retain: time.Hour}, "a integer")
	create(t, sim, "indexed", mzsim.ObjectOptions{Retain: time.Hour, Indexed: true}, "a integer")
	tx := func() *mzsim.Tx { return new(mzsim.Tx).Insert("short", 1).Insert("long", 1).Insert("indexed", 1) }
	ts := write(t, sim, tx())
	sim.Advance(ts + 10_000)
	w := session(t, sim)
	for name, compacted := range map[string]bool{"short": true, "indexed": true, "long": false} {
		w.cursor(fmt.Sprintf("SUBSCRIBE %s AS OF %d", name, ts))
		if got := w.fetch("FETCH c"); strings.HasPrefix(got[0], "E ") != compacted {
			t.Errorf("%s: %q", name, got)
		}
	}
	w.query("ROLLBACK")
	if err := sim.Compact("long", ts+1); err != nil {
		t.Fatal(err)
	}
	same(t, w.query(fmt.Sprintf("SUBSCRIBE long AS OF %d", ts)), "E ERROR 22000 *", "Z I")
	rows := w.query("SELECT strategy, value FROM mz_internal.mz_history_retention_strategies ORDER BY id")
	same(t, rows, "T strategy value", "D FOR 1000", "D FOR 3600000", "D FOR 3600000", "C SELECT 3", "Z I")
	since := w.fetch("SELECT read_frontier::text, write_frontier FROM mz_internal.mz_frontiers f JOIN mz_objects o ON f.object_id = o.id WHERE o.name = 'long'")
	same(t, since, "T T")

	// A running subscription keeps what it has not sent yet, however old.
	slow := session(t, sim)
	slow.cursor("SUBSCRIBE short WITH (SNAPSHOT = false)")
	same(t, slow.fetch("FETCH ALL c WITH (timeout = '0s')"))
	write(t, sim, tx())
	sim.Advance(sim.Upper() + 60_000)
	write(t, sim, tx())
	same(t, slow.fetch("FETCH 2 c"), "T 1 1", "T 1 1")
}

func TestTwoSubscribes(t *testing.T) { // V43
	sim := manual(t)
	create(t, sim, "t", mzsim.ObjectOptions{}, "a integer")
	w := session(t, sim)
	w.cursor("SUBSCRIBE t")
	w.query("FETCH 0 c")
	lines := w.query("DECLARE d CURSOR FOR SUBSCRIBE t; FETCH 0 d")
	same(t, lines, "C DECLARE CURSOR", "E ERROR 25000 SUBSCRIBE in transactions must be the only read statement", "Z E")
	w.cursor("SUBSCRIBE t")
	w.query("FETCH 0 c")
	lines = w.query("DECLARE d CURSOR FOR SUBSCRIBE t AS OF 18446744073709551615; FETCH 0 d")
	same(t, lines, "C DECLARE CURSOR", "T mz_timestamp mz_diff a", "C FETCH 0", "Z T")
}

func TestNoReplicas(t *testing.T) { // V42
	sim := mzsim.New(mzsim.Options{Manual: true, Clusters: map[string]int{"empty": 0}})
	defer sim.Close()
	w := session(t, sim, "cluster", "empty")
	same(t, w.query("SUBSCRIBE (SELECT generate_series(1,1))"), `E ERROR 0A000 CLUSTER "empty" has no replicas available to service request`, "Z I")
}

func TestProgressOfBatches(t *testing.T) {
	sim := manual(t)
	create(t, sim, "t", mzsim.ObjectOptions{}, "a integer")
	w := session(t, sim)
	w.send(&pgproto3.Query{String: "COPY (SUBSCRIBE t WITH (PROGRESS)) TO STDOUT"})
	first := w.until("d")
	a, _ := strconv.ParseUint(strings.Fields(first[1])[1], 10, 64)
	same(t, []string{w.next()}, fmt.Sprintf("d %d\tt\t\\N\t\\N\n", a+1)) // an empty view: A, then above A

	// Idle ticks are progress.
	sim.Tick()
	same(t, []string{w.next()}, fmt.Sprintf("d %d\tt\t\\N\t\\N\n", sim.Upper()))

	// Several times, one progress row; order inside a time is shuffled, so
	// that over many times additions come before removals, too.
	release := sim.HoldUpper()
	var times []uint64
	addFirst := 0
	for i := range 64 {
		times = append(times, write(t, sim, new(mzsim.Tx).Delete("t", i).Insert("t", i+1)))
	}
	release()
	for i, ts := range times {
		lines := []string{w.next(), w.next()}
		if lines[0] == fmt.Sprintf("d %d\tf\t1\t%d\n", ts, i+1) {
			addFirst++
		}
		slices.Sort(lines)
		same(t, lines, fmt.Sprintf("d %d\tf\t-1\t%d\n", ts, i), fmt.Sprintf("d %d\tf\t1\t%d\n", ts, i+1))
	}
	if addFirst == 0 || addFirst == len(times) {
		t.Errorf("+1 came first %d times of %d", addFirst, len(times))
	}
	same(t, []string{w.next()}, fmt.Sprintf("d %d\tt\t\\N\t\\N\n", times[63]+1))
}

func TestEvaluationErrors(t *testing.T) {
	sim := manual(t)
	create(t, sim, "t", mzsim.ObjectOptions{}, "a integer")
	w := session(t, sim)
	w.send(&pgproto3.Query{String: "COPY (SUBSCRIBE t WITH (PROGRESS)) TO STDOUT"})
	w.until("d")
	if err := sim.Poison("t", "division by zero"); err != nil {
		t.Fatal(err)
	}
	lines := w.until("Z")
	same(t, lines[len(lines)-2:], "E ERROR XX000 Evaluation error: division by zero", "Z I")
	same(t, w.query("SUBSCRIBE t"), "E ERROR XX000 Evaluation error: division by zero", "Z I")
	same(t, w.query("SELECT * FROM t"), "E ERROR XX000 Evaluation error: division by zero", "Z I")
	if err := sim.Poison("t", ""); err != nil {
		t.Fatal(err)
	}
	same(t, w.query("SELECT * FROM t"), "T a", "C SELECT 0", "Z I")
	// The same from a query of our own, in the middle of a stream.
	w.send(&pgproto3.Query{String: "COPY (SUBSCRIBE (SELECT 1 / a AS x FROM t) WITH (PROGRESS)) TO STDOUT"})
	w.until("d")
	write(t, sim, new(mzsim.Tx).Insert("t", 0))
	lines = w.until("Z")
	same(t, lines[len(lines)-2:], "E ERROR XX000 Evaluation error: division by zero", "Z I")
}

func TestColdView(t *testing.T) {
	sim := manual(t)
	create(t, sim, "t", mzsim.ObjectOptions{Cold: true}, "a integer")
	write(t, sim, new(mzsim.Tx).Insert("t", 1))
	w := session(t, sim)
	w.cursor("SUBSCRIBE t WITH (PROGRESS)")
	same(t, w.fetch("FETCH ALL c WITH (timeout = '0s')"), "T t <null> <null>")
	sim.Tick()
	same(t, w.fetch("FETCH ALL c WITH (timeout = '5ms')"))
	if err := sim.Hydrate("t"); err != nil {
		t.Fatal(err)
	}
	same(t, w.fetch("FETCH 2 c"), "T f 1 1", "T t <null> <null>")
}

func TestLimitsOfTheServer(t *testing.T) {
	sim := mzsim.New(mzsim.Options{Manual: true, MaxResultSize: 1 << 20, MaxBacklog: 4096})
	defer sim.Close()
	create(t, sim, "t", mzsim.ObjectOptions{}, "a text")
	write(t, sim, new(mzsim.Tx).Insert("t", strings.Repeat("x", 1<<20+1)))
	create(t, sim, "u", mzsim.ObjectOptions{Denied: true}, "a text")
	create(t, sim, "v", mzsim.ObjectOptions{}, "a text")
	w := session(t, sim)
	same(t, w.query("COPY (SUBSCRIBE t) TO STDOUT"), "H ccc", "E ERROR XX000 total result exceeds max size of 1.0 MiB", "Z I")
	same(t, w.query("COPY (SUBSCRIBE u) TO STDOUT"), `E ERROR 42501 permission denied for TABLE "materialize.public.u"`, "Z I")
	same(t, w.query("SELECT * FROM u"), `E ERROR 42501 permission denied for TABLE "materialize.public.u"`, "Z I")
	w.send(&pgproto3.Query{String: "COPY (SUBSCRIBE v WITH (PROGRESS)) TO STDOUT"})
	w.until("d")
	write(t, sim, new(mzsim.Tx).Insert("v", strings.Repeat("x", 5000)))
	lines := w.until("Z")
	same(t, lines[len(lines)-2:], "E ERROR 53200 SUBSCRIBE fell behind: *", "Z I")
}

// TestMaxBatch: a subscription from the past comes to the present in steps, none
// of which spans more than it may.
func TestMaxBatch(t *testing.T) {
	sim := mzsim.New(mzsim.Options{Manual: true, MaxBatch: 100 * time.Millisecond})
	t.Cleanup(sim.Close)
	create(t, sim, "t", mzsim.ObjectOptions{Retain: time.Hour}, "a integer")
	begin := write(t, sim, new(mzsim.Tx).Insert("t", 1))
	sim.Advance(begin + 151)
	last := write(t, sim, new(mzsim.Tx).Insert("t", 2))
	sim.Advance(max(last, begin+151) + 100)
	w := session(t, sim)
	w.send(&pgproto3.Query{String: fmt.Sprintf("COPY (SUBSCRIBE t WITH (PROGRESS) AS OF %d) TO STDOUT", begin)})
	var times []uint64
	for upto := begin; upto <= last; sim.Tick() {
		lines := w.until("d ")
		text, _, _ := strings.Cut(strings.TrimPrefix(lines[len(lines)-1], "d "), "\t")
		at, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		times, upto = append(times, at), at
	}
	for i, at := range times[1:] {
		if at > times[i]+100 {
			t.Errorf("from %d to %d in one step", times[i], at)
		}
	}
	if len(times) < 4 {
		t.Errorf("times %d", times)
	}
}
