package catalog

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tycostream/tycostream/internal/mzsim/eval"
	"github.com/tycostream/tycostream/internal/mzsim/pgval"
	"github.com/tycostream/tycostream/internal/mzsim/sqlparse"
	"github.com/tycostream/tycostream/internal/mzsim/store"
)

// systemColumns declares the system tables that the stand-in knows, by name.
func systemColumns(name string) []store.Column {
	switch name {
	case "mz_columns":
		return store.Columns("id text not null", "name text not null", "position uint8 not null", "nullable boolean not null", "type text not null", "default text", "type_oid oid not null", "type_mod integer not null")
	case "mz_object_fully_qualified_names":
		return store.Columns("id text not null", "name text not null", "object_type text not null", "schema_id text not null", "schema_name text not null", "database_id text", "database_name text", "cluster_id text")
	case "mz_objects", "mz_relations":
		return store.Columns("id text not null", "oid oid not null", "schema_id text not null", "name text not null", "type text not null", "owner_id text not null", "cluster_id text")
	case "mz_tables", "mz_views", "mz_materialized_views", "mz_sources":
		return store.Columns("id text not null", "oid oid not null", "schema_id text not null", "name text not null", "owner_id text not null", "cluster_id text")
	case "mz_schemas":
		return store.Columns("id text not null", "oid oid not null", "database_id text", "name text not null", "owner_id text not null")
	case "mz_databases":
		return store.Columns("id text not null", "oid oid not null", "name text not null", "owner_id text not null")
	case "mz_indexes":
		return store.Columns("id text not null", "oid oid not null", "name text not null", "on_id text not null", "cluster_id text not null", "owner_id text not null")
	case "mz_index_columns":
		return store.Columns("index_id text not null", "index_position uint8 not null", "on_position uint8", "on_expression text", "nullable boolean not null")
	case "mz_clusters":
		return store.Columns("id text not null", "name text not null", "owner_id text not null", "managed boolean not null", "size text", "replication_factor uint4")
	case "mz_cluster_replicas":
		return store.Columns("id text not null", "name text not null", "cluster_id text not null", "size text", "owner_id text not null")
	case "mz_roles":
		return store.Columns("id text not null", "oid oid not null", "name text not null", "inherit boolean not null")
	case "mz_history_retention_strategies":
		return store.Columns("id text not null", "strategy text not null", "value jsonb not null")
	case "mz_frontiers":
		return store.Columns("object_id text not null", "read_frontier mz_timestamp", "write_frontier mz_timestamp")
	case "mz_hydration_statuses":
		return store.Columns("object_id text not null", "replica_id text", "hydrated boolean not null")
	case "mz_wallclock_global_lag":
		return store.Columns("object_id text not null", "lag interval")
	case "pg_class": // what psql's \d lists
		return store.Columns("oid oid not null", "relname text not null", "relnamespace oid not null", "relkind text not null", "relowner oid not null")
	case "pg_namespace":
		return store.Columns("oid oid not null", "nspname text not null")
	case "mz_subscriptions":
		return store.Columns("id text not null", "session_id uuid not null", "cluster_id text not null", "created_at timestamptz not null", "referenced_object_ids text list not null")
	case "mz_sessions":
		return store.Columns("id uuid not null", "connection_id uint4 not null", "role_id text not null", "connected_at timestamptz not null")
	}
	return nil
}

// systemTable finds a system table by its bare name or in its schema.
func (v *View) systemTable(name sqlparse.Ident) *eval.Source {
	schema := ""
	if len(name) > 1 {
		schema = name[len(name)-2]
	}
	table := name[len(name)-1]
	right := schema == "" || schema == "mz_catalog" || schema == "mz_internal"
	if strings.HasPrefix(table, "pg_") {
		right = schema == "" || schema == "pg_catalog"
	}
	if len(name) > 2 || !right {
		return nil
	}
	decl := systemColumns(table)
	if decl == nil {
		return nil
	}
	cols := make([]eval.Column, len(decl))
	for i, c := range decl {
		cols[i] = eval.Column{Name: c.Name, Type: c.Type, Nullable: c.Nullable}
	}
	return &eval.Source{Columns: cols, Rows: func(*eval.Runtime) ([]eval.Row, error) { return v.systemRows(table), nil }}
}

// cells makes a row of strings; the empty string is NULL.
func cells(texts ...string) eval.Row {
	row := make(eval.Row, len(texts))
	for i, t := range texts {
		if t != "" {
			row[i] = eval.Of(t)
		}
	}
	return row
}

func itoa[N int | int32 | uint32](n N) string { return strconv.FormatInt(int64(n), 10) }

func oidOf(id string) string {
	n, _ := strconv.Atoi(strings.TrimLeft(id, "us"))
	return itoa(20000 + n)
}

func databaseID(n store.Name) string {
	if n.Database == store.DefaultDatabase {
		return "u1"
	}
	return "ud_" + n.Database
}

func schemaID(n store.Name) string {
	if n.Database == store.DefaultDatabase && n.Schema == store.DefaultSchema {
		return "u3"
	}
	return "us_" + n.Database + "_" + n.Schema
}

// namespaceOID makes one number of a schema's name.
func namespaceOID(n store.Name) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(n.Database + "." + n.Schema)) // never fails
	return itoa(int(h.Sum32()>>2) + 30000)
}

const clusterID = "u1"

// systemRows computes a system table as it is now.
func (v *View) systemRows(table string) []eval.Row {
	var rows []eval.Row
	each := func(f func(i store.Info) eval.Row) {
		for _, i := range v.Store.List() {
			if r := f(i); r != nil {
				rows = append(rows, r)
			}
		}
	}
	switch table {
	case "mz_columns":
		for _, i := range v.Store.List() {
			rows = append(rows, columnRows(i)...)
		}
	case "mz_object_fully_qualified_names":
		each(func(i store.Info) eval.Row {
			return cells(i.ID, i.Name.Name, i.Type, schemaID(i.Name), i.Name.Schema, databaseID(i.Name), i.Name.Database, clusterID)
		})
	case "mz_objects", "mz_relations":
		each(func(i store.Info) eval.Row {
			return cells(i.ID, oidOf(i.ID), schemaID(i.Name), i.Name.Name, strings.ReplaceAll(i.Type, " ", "-"), "u1", clusterID)
		})
	case "mz_tables", "mz_views", "mz_materialized_views", "mz_sources":
		each(func(i store.Info) eval.Row {
			if strings.ReplaceAll(i.Type, " ", "_")+"s" != strings.TrimPrefix(table, "mz_") {
				return nil
			}
			return cells(i.ID, oidOf(i.ID), schemaID(i.Name), i.Name.Name, "u1", clusterID)
		})
	case "mz_schemas":
		return v.schemaRows()
	case "mz_databases":
		return v.databaseRows()
	case "pg_class":
		each(func(i store.Info) eval.Row {
			kind := map[string]string{"view": "v", "materialized view": "m"}[i.Type]
			if kind == "" {
				kind = "r"
			}
			return cells(oidOf(i.ID), i.Name.Name, namespaceOID(i.Name), kind, "20000")
		})
	case "pg_namespace":
		each(func(i store.Info) eval.Row { return cells(namespaceOID(i.Name), i.Name.Schema) })
		return firstOfEach(rows)
	case "mz_indexes":
		each(func(i store.Info) eval.Row {
			if !i.Indexed {
				return nil
			}
			return cells(i.ID+"i", oidOf(i.ID)+"1", i.Name.Name+"_primary_idx", i.ID, clusterID, "u1")
		})
	case "mz_index_columns":
		each(func(i store.Info) eval.Row {
			if !i.Indexed {
				return nil
			}
			return cells(i.ID+"i", "1", "1", "", "f")
		})
	default:
		return v.runtimeRows(table)
	}
	return rows
}

// runtimeRows are the system tables about what runs.
func (v *View) runtimeRows(table string) []eval.Row {
	var rows []eval.Row
	for _, i := range v.Store.List() {
		since, upper := strconv.FormatUint(i.Since, 10), strconv.FormatUint(i.Upper, 10)
		if i.Constant {
			upper = ""
		}
		switch table {
		case "mz_history_retention_strategies":
			rows = append(rows, cells(i.ID, "FOR", strconv.FormatInt(i.Retain.Milliseconds(), 10)))
		case "mz_frontiers":
			rows = append(rows, cells(i.ID, since, upper))
		case "mz_hydration_statuses":
			rows = append(rows, eval.Row{eval.Of(i.ID), eval.Of("u1"), eval.Bool(i.Hydrated)})
		case "mz_wallclock_global_lag":
			lag := max(time.Now().UnixMilli()-int64(i.Upper), 0) //nolint:gosec // a time of this century, or constant
			rows = append(rows, cells(i.ID, pgval.FormatDuration(time.Duration(lag)*time.Millisecond)))
		}
	}
	switch table {
	case "mz_roles":
		return []eval.Row{cells("s1", "16384", "mz_system", "t"), cells("u1", "20000", v.User, "t")}
	case "mz_clusters", "mz_cluster_replicas":
		return v.clusterRows(table == "mz_cluster_replicas")
	case "mz_sessions", "mz_subscriptions":
		return v.sessionRows(table == "mz_subscriptions")
	}
	return rows
}

func columnRows(i store.Info) []eval.Row {
	rows := make([]eval.Row, len(i.Columns))
	for n, c := range i.Columns {
		rows[n] = eval.Row{
			eval.Of(i.ID), eval.Of(c.Name), eval.Of(itoa(n + 1)), eval.Bool(c.Nullable), eval.Of(c.Type.Name),
			{},
			eval.Of(itoa(c.Type.OID)), eval.Of(itoa(c.Type.Typmod)),
		}
	}
	return rows
}

func (v *View) schemaRows() []eval.Row {
	rows := []eval.Row{
		cells("s1", "16385", "", "mz_catalog", "s1"), cells("s4", "16386", "", "mz_internal", "s1"),
		cells("u3", "20001", "u1", store.DefaultSchema, "u1"),
	}
	for _, i := range v.Store.List() {
		rows = append(rows, cells(schemaID(i.Name), "20002", databaseID(i.Name), i.Name.Schema, "u1"))
	}
	return firstOfEach(rows)
}

func (v *View) databaseRows() []eval.Row {
	rows := []eval.Row{cells("u1", "20000", store.DefaultDatabase, "u1")}
	for _, i := range v.Store.List() {
		rows = append(rows, cells(databaseID(i.Name), "20003", i.Name.Database, "u1"))
	}
	return firstOfEach(rows)
}

// firstOfEach keeps the first row of every id.
func firstOfEach(rows []eval.Row) []eval.Row {
	slices.SortStableFunc(rows, func(a, b eval.Row) int { return cmp.Compare(a[0].Text, b[0].Text) })
	return slices.CompactFunc(rows, func(a, b eval.Row) bool { return a[0].Text == b[0].Text })
}

func (v *View) clusterRows(replicas bool) []eval.Row {
	names := make([]string, 0, len(v.Server.Clusters))
	for n := range v.Server.Clusters {
		names = append(names, n)
	}
	slices.Sort(names)
	var rows []eval.Row
	for i, n := range names {
		id, count := "u"+itoa(i+1), v.Server.Clusters[n]
		if !replicas {
			rows = append(rows, cells(id, n, "u1", "t", "100cc", itoa(count)))
			continue
		}
		for r := range count {
			rows = append(rows, cells(id+"r"+itoa(r+1), "r"+itoa(r+1), id, "100cc", "u1"))
		}
	}
	return rows
}

func sessionID(pid uint32) string {
	return "00000000-0000-0000-0000-" + strings.Repeat("0", 12-len(itoa(pid))) + itoa(pid)
}

func (v *View) sessionRows(subscriptions bool) []eval.Row {
	var rows []eval.Row
	at := pgval.FormatTime(time.Now())
	for _, o := range v.Server.Sessions() {
		switch {
		case !subscriptions:
			rows = append(rows, cells(sessionID(o.PID), itoa(o.PID), "u1", at))
		case o.Streaming:
			rows = append(rows, cells("s"+itoa(o.PID), sessionID(o.PID), clusterID, at, "{}"))
		}
	}
	return rows
}
