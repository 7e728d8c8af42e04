package pgcatalog

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
)

// Server is what a connection says about the database behind it.
type Server struct {
	Version  int // 150014
	Database string
	WALLevel string
	Standby  bool
	identity string // system identifier and timeline
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

// AskServer returns what the connection says about the server.
func AskServer(ctx context.Context, conn *Session) (*Server, error) {
	rows, err := conn.Query(ctx, "ask the server who it is", serverSQL)
	if err != nil {
		return nil, err
	}
	r := rows[0]
	s := &Server{Database: r.Text(1), identity: r.Text(2), WALLevel: r.Text(3), Standby: r.Bool(4)}
	if _, err := fmt.Sscan(r.Text(0), &s.Version); err != nil {
		return nil, Classify("read the server's version", err)
	}
	if s.Version < oldest {
		return nil, Mistake(source.Config, "the server is older than PostgreSQL 13")
	}
	return s, nil
}

// Table is a relation as the catalog describes it.
type Table struct {
	Server  *Server
	OID     uint32
	Kind    byte // r table, p partitioned, v view, m materialized view, f foreign
	Ident   byte // replica identity: d default, n nothing, f full, i index
	Columns []Column
	Leaves  []Leaf   // of a partitioned table
	Above   []uint32 // of a partition: the tables it is part of

	schema  string
	name    string
	logged  bool
	part    bool // a partition of another table
	rls     bool // row-level security applies to this role
	reads   bool // the role may use the schema
	indexes []index
}

// NameLiteral returns the table's schema and name as a row of SQL literals.
func (t *Table) NameLiteral() string { return "(" + Literal(t.schema) + ", " + Literal(t.name) + ")" }

// Column is a column of a Table.
type Column struct {
	source.CatalogColumn

	Type      uint32 // OID of its type
	Large     bool   // values may be stored outside the row
	generated bool
	readable  bool
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

// Leaf is a partition that holds rows.
type Leaf struct {
	OID    uint32
	Kind   byte
	Ident  byte
	schema string
	name   string
	file   uint32 // changes when the partition is truncated, which the stream of the whole table does not tell
}

// SQLName is the table's name, quoted for statements.
func (t *Table) SQLName() string { return Quote(t.schema) + "." + Quote(t.name) }

// Title is the table's name for messages.
func (t *Table) Title() string { return t.schema + "." + t.name }

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

// LookUp reads a relation from the catalog. A relation that does not exist is
// an error of class Slow.
func LookUp(ctx context.Context, conn *Session, def *source.Definition) (*Table, error) {
	if def.Query != "" {
		return nil, Mistake(source.Config, "PostgreSQL cannot stream a query: name a table with relation")
	}
	srv, err := AskServer(ctx, conn)
	if err != nil {
		return nil, err
	}
	name, err := parseName(def.Relation)
	if err != nil {
		return nil, err
	}
	if name.database != "" && name.database != srv.Database {
		return nil, Mistake(source.Config, "%s is in another database than the one connected to, %s", def.Relation, srv.Database)
	}
	rows, err := conn.Query(ctx, "look up "+def.Relation, tableSQL, name.name, name.schema)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, Mistake(source.Slow, "%s does not exist yet", def.Relation)
	}
	r := rows[0]
	t := &Table{
		Server: srv, OID: r.OID(0), schema: r.Text(1), name: r.Text(2), Kind: r.char(3), logged: r.Bool(4), part: r.Bool(5),
		Ident: r.char(6), rls: r.Bool(7), reads: r.Bool(8),
	}
	if err := errors.Join(t.readColumns(ctx, conn), t.readPartitions(ctx, conn), t.readIndexes(ctx, conn)); err != nil {
		return nil, Classify("look up "+def.Relation, err)
	}
	return t, nil
}

func (t *Table) id() string { return strconv.FormatUint(uint64(t.OID), 10) }

func (t *Table) readColumns(ctx context.Context, conn *Session) error {
	rows, err := conn.Query(ctx, "read columns", columnsSQL, t.id())
	if err != nil {
		return err
	}
	for _, r := range rows {
		c := Column{generated: r.Bool(3), readable: r.Bool(4), Type: r.OID(5), Large: r.Bool(8)}
		c.Name, c.SQLType, c.Nullable = r.Text(0), r.Text(1), r.Bool(2)
		if elem := r.OID(7); elem != 0 {
			c.Kind = relation.Array
			c.Elem, _ = kindOf(elem)
		} else {
			c.Kind, c.Zoned = kindOf(r.OID(6))
		}
		t.Columns = append(t.Columns, c)
	}
	return nil
}

func (t *Table) readPartitions(ctx context.Context, conn *Session) error {
	if t.part {
		rows, err := conn.Query(ctx, "read partitions", aboveSQL, t.id())
		if err != nil {
			return err
		}
		for _, r := range rows {
			t.Above = append(t.Above, r.OID(0))
		}
	}
	if t.Kind != 'p' {
		return nil
	}
	rows, err := conn.Query(ctx, "read partitions", leavesSQL, t.id())
	if err != nil {
		return err
	}
	for _, r := range rows {
		t.Leaves = append(t.Leaves, Leaf{OID: r.OID(0), schema: r.Text(1), name: r.Text(2), Kind: r.char(3), Ident: r.char(4), file: r.OID(5)})
	}
	return nil
}

func (t *Table) readIndexes(ctx context.Context, conn *Session) error {
	oids := []string{t.id()}
	for _, l := range t.Leaves {
		oids = append(oids, strconv.FormatUint(uint64(l.OID), 10))
	}
	rows, err := conn.Query(ctx, "read indexes", indexesSQL, "{"+strings.Join(oids, ",")+"}")
	if err != nil {
		return err
	}
	for _, r := range rows {
		names, err := r.list(6)
		if err != nil {
			return err
		}
		t.indexes = append(t.indexes, index{
			table: r.OID(0), name: r.Text(1), columns: names,
			primary: r.Bool(2), identity: r.Bool(3), immediate: r.Bool(4), notNull: r.Bool(5),
		})
	}
	return nil
}

// Relation describes the table to a sink. Generated columns are left out:
// replication does not carry them.
func (t *Table) Relation(def *source.Definition) *source.Relation {
	rel := &source.Relation{Name: t.Server.Database + "." + t.Title(), Type: t.typeName(), Identity: t.Identity(def)}
	for i := range t.Columns {
		if !t.Columns[i].generated {
			rel.Columns = append(rel.Columns, t.Columns[i].CatalogColumn)
		}
	}
	return rel
}

func (t *Table) typeName() string {
	switch t.Kind {
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

// Identity is a hash over what must be equal for rows to be comparable: the
// server's history, the table, and the columns that the source uses.
func (t *Table) Identity(def *source.Definition) string {
	var h strings.Builder
	fmt.Fprintf(&h, "postgres\n%s\n%q\n%d\n%q\n", t.Server.identity, t.Server.Database, t.OID, def.Key)
	for i := range t.Columns {
		if c := &t.Columns[i]; t.uses(def, c) {
			fmt.Fprintf(&h, "%q %q %d\n", c.Name, c.SQLType, c.Type)
		}
	}
	sum := sha256.Sum256([]byte(h.String()))
	return base64.RawURLEncoding.EncodeToString(sum[:18])
}

// uses reports whether the source takes the column: the declared ones, or all
// that can be replicated.
func (t *Table) uses(def *source.Definition, c *Column) bool {
	if len(def.Columns) == 0 {
		return !c.generated
	}
	return slices.ContainsFunc(def.Columns, func(d source.ColumnDefinition) bool { return d.Name == c.Name })
}

// Fingerprint changes whenever a stream that was opened on this table has to
// be opened again.
func (t *Table) Fingerprint(def *source.Definition) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %q %q %c", t.Identity(def), t.schema, t.name, t.Ident)
	for _, l := range t.Leaves {
		fmt.Fprintf(&b, " %d/%d%c", l.OID, l.file, l.Ident)
	}
	return b.String()
}
