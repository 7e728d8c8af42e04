package postgres

import (
	"context"
	"slices"

	"github.com/tycostream/tycostream/internal/backend/postgres/pgcatalog"
	"github.com/tycostream/tycostream/internal/source"
)

// publish makes the publication hold the targets' tables. Targets that it does
// not reach fail with the statements that mend it. It returns the publication
// as it was before: what it did not cover then may have changed unseen. ties
// hold it as it is behind that.
func (f *follow) publish(ctx context.Context) (before *pgcatalog.Publication, err error) {
	f.refusePartitions()
	name := f.b.opts.Publication
	tables := f.tables()
	if len(tables) == 0 {
		return &pgcatalog.Publication{}, nil
	}
	version := tables[0].Server.Version
	before, err = pgcatalog.ReadPublication(ctx, f.sql, name, version)
	if err != nil {
		return nil, err
	}
	if before.Exactly(tables) {
		f.tie(before)
		return before, nil
	}
	statements := before.Statements(name, tables)
	var refused error
	for _, s := range statements {
		if refused = f.sql.Exec(ctx, "change the publication", s); refused != nil {
			break
		}
		f.b.log.Info("publication changed", "publication", name, "statement", s)
	}
	if retry(refused) {
		return nil, refused
	}
	after, err := pgcatalog.ReadPublication(ctx, f.sql, name, version)
	if err != nil {
		return nil, err
	}
	for t := range f.live() {
		if !after.Covers(t.table) {
			t.fail(pgcatalog.ToRun("the publication does not hold table "+t.table.Title()+" and the database role may not change it "+
				"(the statement is in the log)", refused, statements...))
		}
	}
	f.tie(after)
	return before, nil
}

// tie notes how the changes of the targets come through the publication.
func (f *follow) tie(p *pgcatalog.Publication) {
	for t := range f.live() {
		t.tie = p.Tie(t.table)
	}
}

// refusePartitions fails targets whose changes would come under the name of
// another target, which they are a partition of.
func (f *follow) refusePartitions() {
	for t := range f.live() {
		for o := range f.live() {
			if slices.Contains(t.table.Above, o.table.OID) {
				t.fail(pgcatalog.Mistake(source.Config, "table %s is a partition of %s, which another source follows: "+
					"PostgreSQL replicates it under that name only", t.table.Title(), o.table.Title()))
				break
			}
		}
	}
}
