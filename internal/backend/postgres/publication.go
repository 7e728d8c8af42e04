package postgres

import (
	"context"
	"slices"
	"strings"

	"github.com/tycostream/tycostream/internal/source"
)

// publication is a publication as the catalog has it.
type publication struct {
	exists  bool
	id      string
	all     bool // FOR ALL TABLES
	whole   bool // publishes inserts, updates, deletes and truncates
	viaRoot bool
	members map[uint32]bool // table: without filter and column list
	schemas map[string]bool // FOR TABLES IN SCHEMA
}

const publicationSQL = `
SELECT oid, puballtables, pubinsert AND pubupdate AND pubdelete AND pubtruncate, pubviaroot
FROM pg_publication WHERE pubname = $1`

// withFilters is the first version whose publications filter rows and columns
// and take whole schemas.
const withFilters = 150000

func readPublication(ctx context.Context, conn *session, name string, version int) (*publication, error) {
	p := &publication{members: map[uint32]bool{}, schemas: map[string]bool{}}
	rows, err := conn.query(ctx, "read the publication", publicationSQL, name)
	if err != nil || len(rows) == 0 {
		return p, err
	}
	r := rows[0]
	p.exists, p.id, p.all, p.whole, p.viaRoot = true, r.text(0), r.bool(1), r.bool(2), r.bool(3)
	plain := "true"
	if version >= withFilters {
		plain = "prqual IS NULL AND prattrs IS NULL"
	}
	rows, err = conn.query(ctx, "read the publication",
		"SELECT prrelid, "+plain+" FROM pg_publication_rel WHERE prpubid = $1::oid", p.id)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		p.members[r.oid(0)] = r.bool(1)
	}
	if version < withFilters {
		return p, nil
	}
	rows, err = conn.query(ctx, "read the publication",
		"SELECT n.nspname FROM pg_publication_namespace p JOIN pg_namespace n ON n.oid = p.pnnspid WHERE p.pnpubid = $1::oid", p.id)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		p.schemas[r.text(0)] = true
	}
	return p, nil
}

// covers reports whether all changes of the table come through the publication
// under the table's own name.
func (p *publication) covers(t *table) bool {
	if !p.exists || !p.whole || t.kind == 'p' && !p.viaRoot {
		return false
	}
	if p.viaRoot && t.part {
		if p.all {
			return false // they come under the root's name
		}
		for _, oid := range t.above {
			if _, ok := p.members[oid]; ok {
				return false
			}
		}
	}
	return p.all || p.schemas[t.schema] || p.members[t.oid]
}

// exactly reports whether the publication needs no change.
func (p *publication) exactly(tables []*table) bool {
	oids := map[uint32]bool{} // sources may share a table
	for _, t := range tables {
		if !p.covers(t) {
			return false
		}
		oids[t.oid] = true
	}
	return p.all || len(p.schemas) > 0 || len(p.members) == len(oids)
}

// statements are what makes the publication hold exactly these tables.
func (p *publication) statements(name string, tables []*table) []string {
	const options = "publish = 'insert, update, delete, truncate', publish_via_partition_root = true"
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = t.sqlName()
		if t.kind != 'p' {
			names[i] = "ONLY " + names[i] // tables that inherit from it are not in its snapshot either
		}
	}
	slices.Sort(names)
	list := strings.Join(slices.Compact(names), ", ")
	if !p.exists {
		return []string{"CREATE PUBLICATION " + quote(name) + " FOR TABLE " + list + " WITH (" + options + ")"}
	}
	var out []string
	if !p.whole || !p.viaRoot {
		out = append(out, "ALTER PUBLICATION "+quote(name)+" SET ("+options+")")
	}
	if !p.all && len(p.schemas) == 0 {
		out = append(out, "ALTER PUBLICATION "+quote(name)+" SET TABLE "+list)
	}
	return out
}

// publish makes the publication hold the targets' tables. Targets that it does
// not reach fail with the statements that mend it. It returns the publication
// as it was before: what it did not cover then may have changed unseen.
func (f *follow) publish(ctx context.Context) (before *publication, err error) {
	f.refusePartitions()
	name := f.b.opts.Publication
	tables := f.tables()
	if len(tables) == 0 {
		return &publication{}, nil
	}
	version := tables[0].server.version
	before, err = readPublication(ctx, f.sql, name, version)
	if err != nil || before.exactly(tables) {
		return before, err
	}
	statements := before.statements(name, tables)
	var refused error
	for _, s := range statements {
		if refused = f.sql.exec(ctx, "change the publication", s); refused != nil {
			break
		}
		f.b.log.Info("publication changed", "publication", name, "statement", s)
	}
	if retry(refused) {
		return nil, refused
	}
	after, err := readPublication(ctx, f.sql, name, version)
	if err != nil {
		return nil, err
	}
	for t := range f.live() {
		if !after.covers(t.table) {
			t.fail(toRun("the publication does not hold table "+t.table.title()+" and the database role may not change it "+
				"(the statement is in the log)", refused, statements...))
		}
	}
	return before, nil
}

// refusePartitions fails targets whose changes would come under the name of
// another target, which they are a partition of.
func (f *follow) refusePartitions() {
	for t := range f.live() {
		for o := range f.live() {
			if slices.Contains(t.table.above, o.table.oid) {
				t.fail(mistake(source.Config, "table %s is a partition of %s, which another source follows: "+
					"PostgreSQL replicates it under that name only", t.table.title(), o.table.title()))
				break
			}
		}
	}
}
