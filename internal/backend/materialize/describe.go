package materialize

import (
	"context"
	"fmt"
	"strings"

	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
)

// Describe looks a source up in the catalog.
func (b *Backend) Describe(ctx context.Context, def *source.Definition) (*source.Relation, error) {
	c, err := b.connect(ctx)
	if err != nil {
		return nil, ended(ctx, err)
	}
	defer c.close()
	rel, _, err := b.describe(c, def)
	if err != nil {
		return nil, ended(ctx, err)
	}
	return rel, nil
}

// ended returns why ctx ended, if it did, else err.
func ended(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// object is what to write behind SUBSCRIBE, and its catalog id if it has one.
type object struct{ sql, id string }

// describe returns the relation and how to follow it.
func (b *Backend) describe(c *conn, def *source.Definition) (*source.Relation, object, error) {
	if def.Query != "" {
		return b.describeQuery(c, def)
	}
	text := def.Relation
	if text == "" {
		text = def.Name
	}
	n, err := parseName(text, b.pg.Database)
	if err != nil {
		return nil, object{}, err
	}
	rows, err := b.columns(c, n)
	if lower := (name{n.database, strings.ToLower(n.schema), strings.ToLower(n.object)}); err == nil && len(rows) == 0 && lower != n {
		// SQL folds names that are not quoted, and so may whoever wrote this one.
		if rows, err = b.columns(c, lower); len(rows) > 0 {
			n = lower
		}
	}
	if err != nil {
		return nil, object{}, classify(describing, err)
	}
	if len(rows) == 0 {
		return nil, object{}, &source.Error{
			Class: source.Slow,
			Text:  fmt.Sprintf("the relation %s does not exist (yet): create it, or correct `relation` in schema.yaml", n),
		}
	}
	rel := &source.Relation{Name: n.String(), Type: rows[0].Text(colObjectType)}
	for _, r := range rows {
		col := source.CatalogColumn{
			Name: r.Text(colName), SQLType: r.Text(colType), Nullable: r.Text(colNullable) != "f",
		}
		col.Kind, col.Elem, col.Zoned = kindByName(col.SQLType)
		rel.Columns = append(rel.Columns, col)
	}
	o := object{n.sql(), rows[0].Text(colObjectID)}
	if rel.Identity, err = b.identity(c, def, rel, o.id); err != nil {
		return nil, object{}, classify(describing, err)
	}
	return rel, o, nil
}

// The columns of the catalog queries.
const (
	colName = iota
	colNullable
	colType
	colObjectID
	colObjectType
)

// catalogQueries look a relation up: the first goes through a view of
// mz_internal, which may change or be out of bounds; the second does not.
var catalogQueries = []string{
	`SELECT c.name, c.nullable, c.type, o.id, o.object_type` +
		` FROM mz_catalog.mz_columns c` +
		` JOIN mz_internal.mz_object_fully_qualified_names o ON o.id = c.id` +
		` WHERE o.database_name %s AND o.schema_name = %s AND o.name = %s` +
		` ORDER BY c.position`,
	`SELECT c.name, c.nullable, c.type, o.id, o.type` +
		` FROM mz_catalog.mz_columns c` +
		` JOIN mz_catalog.mz_objects o ON o.id = c.id` +
		` JOIN mz_catalog.mz_schemas s ON s.id = o.schema_id` +
		` LEFT JOIN mz_catalog.mz_databases d ON d.id = s.database_id` +
		` WHERE d.name %s AND s.name = %s AND o.name = %s` +
		` ORDER BY c.position`,
}

// columns returns the rows of the first catalog query that the server answers.
func (b *Backend) columns(c *conn, n name) (rows []relation.Row, err error) {
	database := "IS NULL"
	if n.database != "" {
		database = "= " + quoteText(n.database)
	}
	for _, q := range catalogQueries {
		rows, err = b.query(c, fmt.Sprintf(q, database, quoteText(n.schema), quoteText(n.object)))
		if !refused(err) {
			break
		}
	}
	for _, r := range rows {
		if r.Len() != colObjectType+1 {
			return nil, fmt.Errorf("%w: the catalog answered %d columns", source.ErrMalformed, r.Len())
		}
	}
	return rows, err
}

// progressColumns stand before the relation's columns in the output of a
// SUBSCRIBE with progress: mz_timestamp, mz_progressed, mz_diff.
const progressColumns = 3

func (b *Backend) describeQuery(c *conn, def *source.Definition) (*source.Relation, object, error) {
	// On a line of its own, so that a comment at its end cannot hide the bracket.
	o := object{sql: "(" + strings.TrimRight(def.Query, "; \t\r\n") + "\n)"}
	fields, err := b.fields(c, "SUBSCRIBE "+o.sql+" WITH (PROGRESS)")
	if err != nil {
		return nil, object{}, classify(describing, err)
	}
	if len(fields) <= progressColumns {
		return nil, object{}, &source.Error{Class: source.Config, Text: "source " + def.Name + ": its query has no columns"}
	}
	rel := &source.Relation{Name: def.Name, Type: "query"}
	for _, f := range fields[progressColumns:] {
		col := source.CatalogColumn{Name: f.name, Nullable: true}
		col.SQLType, col.Kind, col.Elem, col.Zoned = kindByOID(f.oid)
		rel.Columns = append(rel.Columns, col)
	}
	inputs, err := b.inputs(c, def.Query)
	if err == nil {
		rel.Identity, err = b.identity(c, def, rel, inputs...)
	}
	if err != nil {
		return nil, object{}, classify(describing, err)
	}
	return rel, o, nil
}
