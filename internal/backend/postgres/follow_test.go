package postgres_test

import (
	"testing"

	"github.com/tycostream/tycostream/internal/backend/postgres"
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
