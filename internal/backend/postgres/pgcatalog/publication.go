package pgcatalog

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Publication is a publication as the catalog has it.
type Publication struct {
	exists  bool
	id      string
	version string // another one after each change of its options
	all     bool   // FOR ALL TABLES
	whole   bool   // publishes inserts, updates, deletes and truncates
	viaRoot bool
	members map[uint32]member
	schemas map[string]string // FOR TABLES IN SCHEMA: the entry that says so
}

// member is a table that the publication names.
type member struct {
	entry string // the row of the catalog that says so: another one when the table was out in between
	plain bool   // without filter and column list
}

const publicationSQL = `
SELECT oid, xmin, puballtables, pubinsert AND pubupdate AND pubdelete AND pubtruncate, pubviaroot
FROM pg_publication WHERE pubname = $1`

// withFilters is the first version whose publications filter rows and columns
// and take whole schemas.
const withFilters = 150000

// ReadPublication reads a publication, which need not exist.
func ReadPublication(ctx context.Context, conn *Session, name string, version int) (*Publication, error) {
	p := &Publication{members: map[uint32]member{}, schemas: map[string]string{}}
	rows, err := conn.Query(ctx, "read the publication", publicationSQL, name)
	if err != nil || len(rows) == 0 {
		return p, err
	}
	r := rows[0]
	p.exists, p.id, p.version, p.all, p.whole, p.viaRoot = true, r.Text(0), r.Text(1), r.Bool(2), r.Bool(3), r.Bool(4)
	plain := "true"
	if version >= withFilters {
		plain = "prqual IS NULL AND prattrs IS NULL"
	}
	rows, err = conn.Query(ctx, "read the publication",
		"SELECT prrelid, oid, "+plain+" FROM pg_publication_rel WHERE prpubid = $1::oid", p.id)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		p.members[r.OID(0)] = member{r.Text(1), r.Bool(2)}
	}
	if version < withFilters {
		return p, nil
	}
	rows, err = conn.Query(ctx, "read the publication",
		"SELECT n.nspname, p.oid FROM pg_publication_namespace p JOIN pg_namespace n ON n.oid = p.pnnspid WHERE p.pnpubid = $1::oid", p.id)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		p.schemas[r.Text(0)] = r.Text(1)
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
	return p.all || p.schemas[t.schema] != "" || p.members[t.OID].plain
}

// Tie names what makes the table's changes come through the publication. It is
// another one when they may have come otherwise for a while, or not at all:
// publication or table were taken away and put back, or told to publish less.
func (p *Publication) Tie(t *Table) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", p.id, p.version)
	for _, oid := range append([]uint32{t.OID}, t.Above...) {
		fmt.Fprintf(&b, " %s", p.members[oid].entry)
	}
	if entry := p.schemas[t.schema]; entry != "" {
		fmt.Fprintf(&b, " schema %s", entry)
	}
	return b.String()
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
