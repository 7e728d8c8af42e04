package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/backend/postgres"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
)

func TestSnapshotThenStream(t *testing.T) {
	db := pool.Database(t)
	db.Exec(t, `CREATE TABLE pnl (id int PRIMARY KEY, book text, pv numeric(12,2));
		INSERT INTO pnl VALUES (1, 'x', 1.5), (2, E'tab\there \\ back', NULL)`)
	r := newRecorder(definition("pnl", "id"))
	run := follow(t, backend(t, postgres.Options{URL: db.URL()}), targetOf(r))
	r.rowsBecome(t, "1|x|1.50", "2|tab\there \\ back|∅")
	db.Exec(t, "INSERT INTO pnl VALUES (3, '', 0)")
	r.rowsBecome(t, "1|x|1.50", "2|tab\there \\ back|∅", "3||0.00")
	db.Exec(t, "UPDATE pnl SET pv = pv + 1; DELETE FROM pnl WHERE id = 2")
	r.rowsBecome(t, "1|x|2.50", "3||1.00")
	run.stop(t)
	noSlots(t, db)
}

func TestSourcesThatShareATable(t *testing.T) {
	db := pool.Database(t)
	db.Exec(t, "CREATE TABLE t (id int PRIMARY KEY, v text UNIQUE NOT NULL, n int); ALTER TABLE t REPLICA IDENTITY FULL")
	one, two := newRecorder(definition("t", "id")), newRecorder(definition("public.t", "v"))
	two.def.Columns = []source.ColumnDefinition{{Name: "v", Kind: relation.String}}
	supervise(t, backend(t, postgres.Options{URL: db.URL()}), one, two)
	one.rowsBecome(t)
	two.rowsBecome(t)
	db.Exec(t, "INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2); UPDATE t SET v = 'c' WHERE id = 1")
	one.rowsBecome(t, "1|c|1", "2|b|2")
	two.rowsBecome(t, "b", "c")
	db.Exec(t, "TRUNCATE t; INSERT INTO t VALUES (3, 'd', 3)")
	one.rowsBecome(t, "3|d|3")
	two.rowsBecome(t, "d")
}

// counter is a sink that only counts.
type counter struct {
	def  *source.Definition
	rows chan int
	sum  int
}

func (c *counter) Open(rel *source.Relation) (*relation.Schema, []int, error) {
	schema, layout, _, err := c.def.Resolve(rel)
	return schema, layout, err
}
func (c *counter) Snapshot(rows []relation.Row) error { c.sum += len(rows); return nil }

func (c *counter) Live(relation.Frontier, bool) error { c.rows <- c.sum; return nil }

func (c *counter) Apply(batches []relation.Batch, _ relation.Frontier) error {
	for i := range batches {
		c.sum += len(batches[i].Changes)
	}
	if len(batches) > 0 {
		c.rows <- c.sum
	}
	return nil
}
func (*counter) Fail(err error) { panic(err) }

// reach waits until so many rows have come.
func (c *counter) reach(want int) {
	n := 0
	for n < want {
		n = <-c.rows
	}
}

// BenchmarkIngest measures a snapshot and a stream of single-row transactions
// and of large ones, from a real server on the same machine.
func BenchmarkIngest(b *testing.B) {
	const rows = 200_000
	db := pool.Database(b)
	db.Exec(b, `CREATE TABLE t (id int PRIMARY KEY, symbol text, position int8, price numeric, value numeric, cost numeric, pnl numeric)`)
	fill := func(from int) string {
		return fmt.Sprintf("INSERT INTO t SELECT i, 'S' || i, i, i * 1.25, i * 2.5, i * 0.5, i * 3.75 FROM generate_series(%d, %d) i", from, from+rows-1)
	}
	db.Exec(b, fill(1))
	for b.Loop() {
		backend, err := postgres.New(postgres.Options{URL: db.URL()})
		if err != nil {
			b.Fatal(err)
		}
		c := &counter{def: definition("t", "id"), rows: make(chan int, 1<<20)}
		start := time.Now()
		run := follow(b, backend, source.Target{Def: c.def, Sink: c})
		c.reach(rows)
		b.ReportMetric(rows/time.Since(start).Seconds(), "snapshot-rows/s")
		start = time.Now()
		db.Exec(b, "UPDATE t SET price = price + 1")
		written := time.Since(start)
		c.reach(2 * rows)
		b.ReportMetric(rows/(time.Since(start)-written).Seconds(), "one-transaction-rows/s")
		start = time.Now()
		db.Exec(b, "DO $$ BEGIN FOR i IN 1..20000 LOOP UPDATE t SET price = price + 1 WHERE id = i; COMMIT; END LOOP; END $$")
		written = time.Since(start)
		c.reach(2*rows + 20000)
		b.ReportMetric(20000/time.Since(start).Seconds(), "transactions/s")
		b.ReportMetric(float64(time.Since(start)-written)/1e6, "ms-behind")
		run.cancel()
		<-run.done
	}
}
