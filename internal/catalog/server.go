package catalog

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tycostream/tycostream/internal/backend"
	"github.com/tycostream/tycostream/internal/config/schemafile"
)

// checkServer looks at what concerns all sources together.
func (d *Database) checkServer(ctx context.Context, r *Report, f *schemafile.File) error {
	if d.Engine == backend.Materialize {
		return d.checkCluster(ctx, r, f)
	}
	return d.checkReplication(ctx, r, f)
}

// checkCluster: the cluster must exist, and be one that the role may use.
func (d *Database) checkCluster(ctx context.Context, r *Report, f *schemafile.File) error {
	if d.Cluster == "" {
		return nil
	}
	rows, err := d.Queries.Query(ctx, "SELECT name FROM mz_catalog.mz_clusters WHERE name = "+literal(d.Cluster))
	if err != nil {
		return fmt.Errorf("look up the cluster: %w", err)
	}
	if len(rows) == 0 {
		r.Mistakes.Add(f.Path, 0, 0, "the cluster %q does not exist: correct DATABASE_CLUSTER", d.Cluster)
	}
	return nil
}

const replicationSQL = `SELECT current_setting('wal_level'), ` +
	`(SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user), ` +
	`current_setting('max_replication_slots'), (SELECT count(*) FROM pg_replication_slots), ` +
	`current_setting('max_wal_senders'), pg_is_in_recovery()`

// checkReplication: PostgreSQL must be set up for logical replication and have
// a slot to spare.
func (d *Database) checkReplication(ctx context.Context, r *Report, f *schemafile.File) error {
	rows, err := d.Queries.Query(ctx, replicationSQL)
	if err != nil {
		return fmt.Errorf("ask the server for its settings: %w", err)
	}
	row := rows[0]
	if level := row.Text(0); level != "logical" {
		r.Mistakes.Add(f.Path, 0, 0, "the server's wal_level is %s: run ALTER SYSTEM SET wal_level = logical and restart it", level)
	}
	if row.Text(1) != "t" {
		r.Mistakes.Add(f.Path, 0, 0, "the role may not replicate: run ALTER ROLE %s REPLICATION", quote(d.User))
	}
	slots, errSlots := strconv.Atoi(row.Text(2))
	used, errUsed := strconv.Atoi(row.Text(3))
	if errSlots == nil && errUsed == nil && used >= slots {
		r.Warnings.Add(f.Path, 0, 0, "all %d replication slots are in use: raise max_replication_slots or drop one that nobody needs", slots)
	}
	if row.Text(4) == "0" {
		r.Mistakes.Add(f.Path, 0, 0, "max_wal_senders is 0, so nobody can replicate: raise it and restart the server")
	}
	if row.Text(5) == "t" {
		r.Mistakes.Add(f.Path, 0, 0, "the server is a standby: connect to the primary")
	}
	return nil
}

// comfortable is the history that outlives a restart of the gateway.
const comfortable = time.Minute

// checkHistory says what a reconnect will cost: with history in the database,
// a resume; without, a new snapshot.
func (c *sourceCheck) checkHistory(ctx context.Context) error {
	if c.def.Query != "" {
		c.warn("query", "source %s: a query is read anew after each lost connection; a materialized view could resume", c.def.Name)
		return nil
	}
	parts := strings.Split(c.rel.Name, ".")
	if len(parts) != 3 {
		return nil
	}
	object := "o.database_name = " + literal(parts[0]) + " AND o.schema_name = " + literal(parts[1]) + " AND o.name = " + literal(parts[2])
	rows, err := c.Queries.Query(ctx, "SELECT o.id, o.object_type FROM mz_internal.mz_object_fully_qualified_names o WHERE "+object)
	if err != nil || len(rows) == 0 {
		c.warn("relation", "source %s: how long the database keeps its history could not be read", c.def.Name)
		return nil //nolint:nilerr // mz_internal may be out of bounds; that is no fault of the source
	}
	id, kind := rows[0].Text(0), rows[0].Text(1)
	if kind == "view" {
		c.warn("relation", "source %s: %s is a plain view, which is computed anew after each lost connection; "+
			"a materialized view could resume", c.def.Name, c.rel.Name)
		return nil
	}
	if err := c.checkRetention(ctx, id, kind); err != nil {
		return err
	}
	return c.checkIndexTrap(ctx, id)
}

func (c *sourceCheck) checkRetention(ctx context.Context, id, kind string) error {
	rows, err := c.Queries.Query(ctx, "SELECT value FROM mz_internal.mz_history_retention_strategies WHERE id = "+literal(id))
	if err != nil {
		c.warn("relation", "source %s: how long the database keeps its history could not be read", c.def.Name)
		return nil //nolint:nilerr // as above
	}
	keeps := time.Second // the default
	if len(rows) > 0 {
		if ms, err := strconv.ParseInt(strings.Trim(rows[0].Text(0), `"`), 10, 64); err == nil {
			keeps = time.Duration(ms) * time.Millisecond
		}
	}
	if keeps < comfortable {
		c.warn("relation", "source %s: %s keeps %s of history, so a lost connection costs a new snapshot; "+
			"to resume, run ALTER %s %s SET (RETAIN HISTORY FOR '1hr')",
			c.def.Name, c.rel.Name, keeps, strings.ToUpper(strings.ReplaceAll(kind, "-", " ")), fromClause(c.def, c.rel))
	}
	return nil
}

// checkIndexTrap: a SUBSCRIBE that can read an index reads the index, whose
// own history is one second whatever the view keeps.
func (c *sourceCheck) checkIndexTrap(ctx context.Context, id string) error {
	cluster := c.Cluster
	if cluster == "" {
		rows, err := c.Queries.Query(ctx, "SHOW cluster")
		if err != nil || len(rows) == 0 {
			return err
		}
		cluster = rows[0].Text(0)
	}
	rows, err := c.Queries.Query(ctx, "SELECT i.name FROM mz_catalog.mz_indexes i JOIN mz_catalog.mz_clusters c ON c.id = i.cluster_id "+
		"WHERE i.on_id = "+literal(id)+" AND c.name = "+literal(cluster))
	if err != nil {
		return fmt.Errorf("look for indexes: %w", err)
	}
	if len(rows) > 0 {
		c.warn("relation", "source %s: the index %s in cluster %s makes resuming impossible, because an index keeps 1 s of history: "+
			"set DATABASE_CLUSTER to a cluster without an index on %s", c.def.Name, rows[0].Text(0), cluster, c.rel.Name)
	}
	return nil
}
