package catalog

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tycostream/tycostream/internal/config/schemafile"
)

// checkPublication: the tables must be in the publication, or the role must be
// able to put them there, which takes the ownership of both.
func (d *Database) checkPublication(ctx context.Context, r *Report, f *schemafile.File, tables []string) error {
	rows, err := d.Queries.Query(ctx, "SELECT p.puballtables, pg_has_role(p.pubowner, 'USAGE') FROM pg_publication p WHERE p.pubname = "+literal(d.Publication))
	if err != nil {
		return fmt.Errorf("read the publication: %w", err)
	}
	exists := len(rows) > 0
	if exists && rows[0].Text(0) == "t" {
		return nil
	}
	mayChange := exists && rows[0].Text(1) == "t"
	if !exists {
		rows, err = d.Queries.Query(ctx, "SELECT has_database_privilege(current_database(), 'CREATE')")
		if err != nil {
			return fmt.Errorf("ask for rights on the database: %w", err)
		}
		mayChange = rows[0].Text(0) == "t"
	}
	missing, err := d.outsidePublication(ctx, tables, mayChange)
	if err != nil || len(missing) == 0 {
		return err
	}
	if exists {
		r.Mistakes.Add(f.Path, 0, 0, "the publication lacks tables, and the role %s may not add them: "+
			"run as their owner ALTER PUBLICATION %s ADD TABLE %s", d.User, quote(d.Publication), strings.Join(missing, ", "))
		return nil
	}
	r.Mistakes.Add(f.Path, 0, 0, "there is no publication %s, and the role %s may not create it: "+
		"run as the tables' owner CREATE PUBLICATION %s FOR TABLE %s WITH (publish_via_partition_root = true)",
		d.Publication, d.User, quote(d.Publication), strings.Join(tables, ", "))
	return nil
}

// outsidePublication are the tables that are not published and that the role
// cannot add.
func (d *Database) outsidePublication(ctx context.Context, tables []string, mayChange bool) (missing []string, err error) {
	for _, t := range slices.Compact(slices.Sorted(slices.Values(tables))) {
		rows, err := d.Queries.Query(ctx, "SELECT pg_has_role(c.relowner, 'USAGE'), EXISTS (SELECT FROM pg_publication_tables t "+
			"JOIN pg_namespace n ON n.nspname = t.schemaname WHERE t.pubname = "+literal(d.Publication)+
			" AND t.tablename = c.relname AND n.oid = c.relnamespace) FROM pg_class c WHERE c.oid = "+literal(t)+"::regclass")
		if err != nil {
			return nil, fmt.Errorf("look for %s in the publication: %w", t, err)
		}
		owner, published := rows[0].Text(0) == "t", rows[0].Text(1) == "t"
		if !published && (!mayChange || !owner) {
			missing = append(missing, t)
		}
	}
	return missing, nil
}
