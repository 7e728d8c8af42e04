package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
)

// server is what a connection says about the database behind it.
type server struct {
	version  int // 150014
	database string
	identity string // system identifier and timeline
	walLevel string
	standby  bool
}

// oldest is the oldest server whose publications can publish partitioned
// tables as one.
const oldest = 130000

const serverSQL = `
SELECT current_setting('server_version_num'), current_database(), s.system_identifier::text || '/' ||
       CASE WHEN pg_is_in_recovery() THEN c.timeline_id::text
            ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int::text END,
       current_setting('wal_level'), pg_is_in_recovery()
FROM pg_control_system() s, pg_control_checkpoint() c`

func askServer(ctx context.Context, conn *session) (*server, error) {
	rows, err := conn.query(ctx, "ask the server who it is", serverSQL)
	if err != nil {
		return nil, err
	}
	r := rows[0]
	s := &server{database: r.text(1), identity: r.text(2), walLevel: r.text(3), standby: r.bool(4)}
	if _, err := fmt.Sscan(r.text(0), &s.version); err != nil {
		return nil, classify("read the server's version", err)
	}
	if s.version < oldest {
		return nil, mistake(source.Config, "the server is older than PostgreSQL 13")
	}
	return s, nil
}

// table is a relation as the catalog describes it.
type table struct {
	server  *server
	oid     uint32
	schema  string
	name    string
	kind    byte // r table, p partitioned, v view, m materialized view, f foreign
	logged  bool
	part    bool // a partition of another table
	ident   byte // replica identity
	rls     bool // row-level security applies to this role
	reads   bool // the role may use the schema
	columns []column
	indexes []index
	leaves  []leaf   // of a partitioned table
	above   []uint32 // of a partition: the tables it is part of
}

type column struct {
	source.CatalogColumn

	typ       uint32
	generated bool
	readable  bool
	large     bool // values may be stored outside the row
}

// index is a unique index over plain columns, without a condition.
type index struct {
	table     uint32
	name      string
	columns   []string
	primary   bool
	identity  bool // chosen by REPLICA IDENTITY USING INDEX
	immediate bool
	notNull   bool // all its columns are
}

type leaf struct {
	oid    uint32
	schema string
	name   string
	kind   byte
	ident  byte
	file   uint32 // changes when the partition is truncated, which the stream of the whole table does not tell
}

func (t *table) sqlName() string { return quote(t.schema) + "." + quote(t.name) }

func (t *table) title() string { return t.schema + "." + t.name }

const tableSQL = `
SELECT c.oid, n.nspname, c.relname, c.relkind, c.relpersistence = 'p', c.relispartition, c.relreplident,
       row_security_active(c.oid), has_schema_privilege(n.oid, 'USAGE')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND CASE WHEN $2 = '' THEN n.nspname = ANY (current_schemas(true)) ELSE n.nspname = $2 END
ORDER BY array_position(current_schemas(true), n.nspname) LIMIT 1`

const columnsSQL = `
WITH RECURSIVE a AS (
  SELECT attnum, attname, atttypid, atttypmod, attnotnull, attgenerated <> '' AS generated, attstorage <> 'p' AS large,
         has_column_privilege(attrelid, attnum, 'SELECT') AS readable
  FROM pg_attribute WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped
), walk AS (
  SELECT attnum, atttypid AS typ, false AS elem FROM a
  UNION ALL
  SELECT w.attnum, n.typ, n.elem FROM walk w JOIN pg_type t ON t.oid = w.typ,
    LATERAL (SELECT t.typbasetype, w.elem WHERE t.typtype = 'd'
             UNION ALL SELECT e.oid, true FROM pg_type e WHERE e.typarray = t.oid AND NOT w.elem) n (typ, elem)
), base AS (
  SELECT attnum, typ, elem FROM walk JOIN pg_type t ON t.oid = typ AND t.typtype <> 'd'
)
SELECT a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull, a.generated, a.readable, a.atttypid,
       b.typ, coalesce(e.typ, 0), a.large
FROM a JOIN base b ON b.attnum = a.attnum AND NOT b.elem LEFT JOIN base e ON e.attnum = a.attnum AND e.elem
ORDER BY a.attnum`

const indexesSQL = `
SELECT i.indrelid, c.relname, i.indisprimary, i.indisreplident, i.indimmediate, bool_and(a.attnotnull),
       to_json(array_agg(a.attname ORDER BY k.at))
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid,
     unnest(i.indkey::int2[]) WITH ORDINALITY k (attnum, at), pg_attribute a
WHERE i.indrelid = ANY ($1::oid[]) AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
  AND k.at <= i.indnkeyatts AND a.attrelid = i.indrelid AND a.attnum = k.attnum
GROUP BY i.indrelid, i.indexrelid, c.relname, i.indisprimary, i.indisreplident, i.indimmediate
ORDER BY i.indrelid, NOT i.indisprimary, c.relname`

const leavesSQL = `
SELECT c.oid, n.nspname, c.relname, c.relkind, c.relreplident, c.relfilenode
FROM pg_partition_tree($1::oid::regclass) p JOIN pg_class c ON c.oid = p.relid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE p.isleaf ORDER BY c.oid`

const aboveSQL = `SELECT relid::oid FROM pg_partition_ancestors($1::oid::regclass) WHERE relid <> $1::oid`

// lookUp reads a relation from the catalog. A relation that does not exist is
// an error of class Slow.
func lookUp(ctx context.Context, conn *session, def *source.Definition) (*table, error) {
	if def.Query != "" {
		return nil, mistake(source.Config, "PostgreSQL cannot stream a query: name a table with relation")
	}
	srv, err := askServer(ctx, conn)
	if err != nil {
		return nil, err
	}
	name, err := parseName(def.Relation)
	if err != nil {
		return nil, err
	}
	if name.database != "" && name.database != srv.database {
		return nil, mistake(source.Config, "%s is in another database than the one connected to, %s", def.Relation, srv.database)
	}
	rows, err := conn.query(ctx, "look up "+def.Relation, tableSQL, name.name, name.schema)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, mistake(source.Slow, "%s does not exist yet", def.Relation)
	}
	r := rows[0]
	t := &table{
		server: srv, oid: r.oid(0), schema: r.text(1), name: r.text(2), kind: r.char(3), logged: r.bool(4), part: r.bool(5),
		ident: r.char(6), rls: r.bool(7), reads: r.bool(8),
	}
	if err := errors.Join(t.readColumns(ctx, conn), t.readPartitions(ctx, conn), t.readIndexes(ctx, conn)); err != nil {
		return nil, classify("look up "+def.Relation, err)
	}
	return t, nil
}

func (t *table) id() string { return fmt.Sprint(t.oid) }

func (t *table) readColumns(ctx context.Context, conn *session) error {
	rows, err := conn.query(ctx, "read columns", columnsSQL, t.id())
	if err != nil {
		return err
	}
	for _, r := range rows {
		c := column{generated: r.bool(3), readable: r.bool(4), typ: r.oid(5), large: r.bool(8)}
		c.Name, c.SQLType, c.Nullable = r.text(0), r.text(1), r.bool(2)
		if elem := r.oid(7); elem != 0 {
			c.Kind = relation.Array
			c.Elem, _ = kindOf(elem)
		} else {
			c.Kind, c.Zoned = kindOf(r.oid(6))
		}
		t.columns = append(t.columns, c)
	}
	return nil
}

func (t *table) readPartitions(ctx context.Context, conn *session) error {
	if t.part {
		rows, err := conn.query(ctx, "read partitions", aboveSQL, t.id())
		if err != nil {
			return err
		}
		for _, r := range rows {
			t.above = append(t.above, r.oid(0))
		}
	}
	if t.kind != 'p' {
		return nil
	}
	rows, err := conn.query(ctx, "read partitions", leavesSQL, t.id())
	if err != nil {
		return err
	}
	for _, r := range rows {
		t.leaves = append(t.leaves, leaf{r.oid(0), r.text(1), r.text(2), r.char(3), r.char(4), r.oid(5)})
	}
	return nil
}

func (t *table) readIndexes(ctx context.Context, conn *session) error {
	oids := []string{t.id()}
	for _, l := range t.leaves {
		oids = append(oids, fmt.Sprint(l.oid))
	}
	rows, err := conn.query(ctx, "read indexes", indexesSQL, "{"+strings.Join(oids, ",")+"}")
	if err != nil {
		return err
	}
	for _, r := range rows {
		names, err := r.list(6)
		if err != nil {
			return err
		}
		t.indexes = append(t.indexes, index{
			table: r.oid(0), name: r.text(1), columns: names,
			primary: r.bool(2), identity: r.bool(3), immediate: r.bool(4), notNull: r.bool(5),
		})
	}
	return nil
}

// relation describes the table to a sink. Generated columns are left out:
// replication does not carry them.
func (t *table) relation(def *source.Definition) *source.Relation {
	rel := &source.Relation{Name: t.server.database + "." + t.title(), Type: t.typeName(), Identity: t.identity(def)}
	for i := range t.columns {
		if !t.columns[i].generated {
			rel.Columns = append(rel.Columns, t.columns[i].CatalogColumn)
		}
	}
	return rel
}

func (t *table) typeName() string {
	switch t.kind {
	case 'p':
		return "partitioned table"
	case 'v':
		return "view"
	case 'm':
		return "materialized view"
	case 'f':
		return "foreign table"
	}
	return "table"
}

// identity is a hash over what must be equal for rows to be comparable: the
// server's history, the table, and the columns that the source uses.
func (t *table) identity(def *source.Definition) string {
	var h strings.Builder
	fmt.Fprintf(&h, "postgres\n%s\n%q\n%d\n%q\n", t.server.identity, t.server.database, t.oid, def.Key)
	for i := range t.columns {
		if c := &t.columns[i]; t.uses(def, c) {
			fmt.Fprintf(&h, "%q %q %d\n", c.Name, c.SQLType, c.typ)
		}
	}
	sum := sha256.Sum256([]byte(h.String()))
	return base64.RawURLEncoding.EncodeToString(sum[:18])
}

// uses reports whether the source takes the column: the declared ones, or all
// that can be replicated.
func (t *table) uses(def *source.Definition, c *column) bool {
	if len(def.Columns) == 0 {
		return !c.generated
	}
	return slices.ContainsFunc(def.Columns, func(d source.ColumnDefinition) bool { return d.Name == c.Name })
}

// fingerprint changes whenever a stream that was opened on this table has to
// be opened again.
func (t *table) fingerprint(def *source.Definition) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %q %q %c", t.identity(def), t.schema, t.name, t.ident)
	for _, l := range t.leaves {
		fmt.Fprintf(&b, " %d/%d%c", l.oid, l.file, l.ident)
	}
	return b.String()
}

// Describe looks a source up in the catalog and checks that it can be followed.
func (b *Backend) Describe(ctx context.Context, def *source.Definition) (*source.Relation, error) {
	conn, err := b.open(ctx)
	if err != nil {
		return nil, err
	}
	defer hangUp(conn.conn)
	t, err := b.inspect(ctx, conn, def)
	if err != nil {
		return nil, err
	}
	return t.relation(def), nil
}

// inspect looks a source up and checks that it can be followed.
func (b *Backend) inspect(ctx context.Context, conn *session, def *source.Definition) (*table, error) {
	t, err := lookUp(ctx, conn, def)
	if err != nil {
		return nil, err
	}
	if err := t.check(def, b.user()); err != nil {
		return nil, err
	}
	return t, nil
}

func (b *Backend) user() string { return b.config.User }
