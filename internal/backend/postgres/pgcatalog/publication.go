package pgcatalog

import (
	"context"
	"slices"
	"strings"
)

// Publication is a publication as the catalog has it.
type Publication struct {
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

// ReadPublication reads a publication, which need not exist.
func ReadPublication(ctx context.Context, conn *Session, name string, version int) (*Publication, error) {
	p := &Publication{members: map[uint32]bool{}, schemas: map[string]bool{}}
	rows, err := conn.Query(ctx, "read the publication", publicationSQL, name)
	if err != nil || len(rows) == 0 {
		return p, err
	}
	r := rows[0]
	p.exists, p.id, p.all, p.whole, p.viaRoot = true, r.Text(0), r.Bool(1), r.Bool(2), r.Bool(3)
	plain := "true"
	if version >= withFilters {
		plain = "prqual IS NULL AND prattrs IS NULL"
	}
	rows, err = conn.Query(ctx, "read the publication",
		"SELECT prrelid, "+plain+" FROM pg_publication_rel WHERE prpubid = $1::oid", p.id)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		p.members[r.OID(0)] = r.Bool(1)
	}
	if version < withFilters {
		return p, nil
	}
	rows, err = conn.Query(ctx, "read the publication",
		"SELECT n.nspname FROM pg_publication_namespace p JOIN pg_namespace n ON n.oid = p.pnnspid WHERE p.pnpubid = $1::oid", p.id)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		p.schemas[r.Text(0)] = true
	}
	return p, nil
}

// Covers reports whether all changes of the table come through the publication
// under the table's own name.
func (p *Publication) Covers(t *Table) bool {
	if !p.exists || !p.whole || t.Kind == 'p' && !p.viaRoot {
		return false
	}
	if p.viaRoot && t.part {
		if p.all {
			return false // they come under the root's name
		}
		for _, oid := range t.Above {
			if _, ok := p.members[oid]; ok {
				return false
			}
		}
	}
	return p.all || p.schemas[t.schema] || p.members[t.OID]
}

// Exactly reports whether the publication needs no change.
func (p *Publication) Exactly(tables []*Table) bool {
	oids := map[uint32]bool{} // sources may share a table
	for _, t := range tables {
		if !p.Covers(t) {
			return false
		}
		oids[t.OID] = true
	}
	return p.all || len(p.schemas) > 0 || len(p.members) == len(oids)
}

// Statements are what makes the publication hold exactly these tables.
func (p *Publication) Statements(name string, tables []*Table) []string {
	const options = "publish = 'insert, update, delete, truncate', publish_via_partition_root = true"
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = t.SQLName()
		if t.Kind != 'p' {
			names[i] = "ONLY " + names[i] // tables that inherit from it are not in its snapshot either
		}
	}
	slices.Sort(names)
	list := strings.Join(slices.Compact(names), ", ")
	if !p.exists {
		return []string{"CREATE PUBLICATION " + Quote(name) + " FOR TABLE " + list + " WITH (" + options + ")"}
	}
	var out []string
	if !p.whole || !p.viaRoot {
		out = append(out, "ALTER PUBLICATION "+Quote(name)+" SET ("+options+")")
	}
	if !p.all && len(p.schemas) == 0 {
		out = append(out, "ALTER PUBLICATION "+Quote(name)+" SET TABLE "+list)
	}
	return out
}
