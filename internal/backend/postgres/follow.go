package postgres

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tycostream/tycostream/internal/backend/postgres/pgcatalog"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
)

// follow is one call of Backend.Follow.
type follow struct {
	b       *Backend
	targets []*target
	sql     *pgcatalog.Session // catalog, snapshot, then the watch
	repl    *pgconn.PgConn     // slot and stream
	slot    string
	start   uint64 // where the stream starts
}

// Follow connects once and feeds the targets until something ends that.
func (b *Backend) Follow(ctx context.Context, targets []source.Target) error {
	f := &follow{b: b}
	for _, t := range targets {
		f.targets = append(f.targets, &target{Target: t})
	}
	err := f.run(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (f *follow) run(ctx context.Context) (err error) {
	if f.sql, err = f.b.open(ctx); err != nil {
		return err
	}
	defer hangUp(f.sql.Conn)
	if err := f.openTargets(ctx); err != nil {
		return err
	}
	before, err := f.publish(ctx)
	if err != nil {
		return err
	}
	if len(f.tables()) > 0 {
		if f.repl, err = f.b.connect(ctx, true); err != nil {
			return replicationError(err, f.b.user())
		}
		defer hangUp(f.repl)
		defer interrupt(ctx, f.repl)()
		if err := f.position(ctx, before); err != nil {
			return err
		}
	}
	w := newWatch(f)
	watching, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	wg.Go(func() { w.run(watching) })
	if f.repl == nil {
		return w.only(ctx)
	}
	return newStream(f, w).run(ctx)
}

// interrupt makes reads from conn end when ctx does. The returned function
// takes that back.
func interrupt(ctx context.Context, conn *pgconn.PgConn) func() bool {
	return context.AfterFunc(ctx, func() {
		_ = conn.Conn().SetDeadline(time.Unix(1, 0)) // a broken connection ends reads as well
	})
}

// live yields the targets that still take part.
func (f *follow) live() iter.Seq[*target] {
	return func(yield func(*target) bool) {
		for _, t := range f.targets {
			if !t.failed && !yield(t) {
				return
			}
		}
	}
}

func (f *follow) tables() []*pgcatalog.Table {
	var tables []*pgcatalog.Table
	for t := range f.live() {
		tables = append(tables, t.table)
	}
	return tables
}

// openTargets looks every target up; those that cannot be followed fail alone.
func (f *follow) openTargets(ctx context.Context) error {
	srv, err := pgcatalog.AskServer(ctx, f.sql)
	switch {
	case err != nil:
		return err
	case srv.Standby:
		return pgcatalog.Mistake(source.Config, "the server is a standby: connect to the primary")
	case srv.WALLevel != "logical":
		return pgcatalog.WALLevelError(srv.WALLevel)
	}
	for _, t := range f.targets {
		t.table, err = f.b.inspect(ctx, f.sql, t.Def)
		if retry(err) {
			return err
		}
		if err == nil {
			t.opened = t.table.Fingerprint(t.Def)
			err = t.open()
		}
		if err != nil {
			t.fail(err)
		}
	}
	return nil
}

// retry reports whether an error concerns the connection and not one source.
func retry(err error) bool {
	e, ok := errors.AsType[*source.Error](err)
	return ok && e.Class == source.Retry
}

// replicationError explains why a replication connection was refused.
func replicationError(err error, user string) error {
	if pgcatalog.HasCode(err, pgcatalog.InsufficientPrivilege) {
		return pgcatalog.ToRun("the database role may not replicate", err, "ALTER ROLE "+pgcatalog.Quote(user)+" REPLICATION",
			"-- or, on Amazon RDS: GRANT rds_replication TO "+pgcatalog.Quote(user))
	}
	return err
}

// position brings every target to a known position, by resuming or by a
// snapshot, and leaves slot and start set.
func (f *follow) position(ctx context.Context, before *pgcatalog.Publication) error {
	if f.b.opts.Slot == "" {
		return f.snapshot(ctx)
	}
	f.slot = f.b.opts.Slot
	confirmed, err := f.durableSlot(ctx)
	if err != nil {
		return err
	}
	f.start = ^uint64(0)
	var fresh int
	followed := f.b.swapTies(f.ties())
	for t := range f.live() {
		if t.canResume(confirmed, before) && followed[t.table.OID] == before.Tie(t.table) {
			t.resumed, t.frontier = true, t.Resume.Frontier
			f.start = min(f.start, t.frontier.Time+1)
			if t.memory != nil {
				t.memory.partial = true
			}
		} else {
			fresh++
		}
	}
	if fresh > 0 {
		if err := f.snapshot(ctx); err != nil {
			return err
		}
	}
	for t := range f.live() {
		if t.resumed {
			if err := t.Sink.Live(t.frontier, true); err != nil {
				t.fail(err)
			}
		}
	}
	return nil
}

// ties are those of all tables that take part to the publication.
func (f *follow) ties() map[uint32]string {
	ties := map[uint32]string{}
	for t := range f.live() {
		ties[t.table.OID] = t.tie
	}
	return ties
}

// swapTies notes how the tables that are followed now are tied to the publication,
// and returns how those were that were followed before. Positions are of use to
// one process only, so this need not be remembered for longer.
func (b *Backend) swapTies(now map[uint32]string) (before map[uint32]string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before, b.ties = b.ties, now
	return before
}

// canResume reports whether the stream can go on where the target's rows
// stand.
func (t *target) canResume(confirmed uint64, before *pgcatalog.Publication) bool {
	return t.Resume.Identity != "" && t.Resume.Frontier.Time+1 >= confirmed && confirmed != 0 &&
		t.Resume.Identity == t.table.Identity(t.Def) && before.Covers(t.table)
}

const slotSQL = `
SELECT confirmed_flush_lsn - '0/0'::pg_lsn, plugin, database, wal_status FROM pg_replication_slots WHERE slot_name = $1`

// durableSlot returns the named slot's position, or 0 after creating it.
func (f *follow) durableSlot(ctx context.Context) (confirmed uint64, err error) {
	rows, err := f.sql.Query(ctx, "look up the replication slot", slotSQL, f.slot)
	if err != nil {
		return 0, err
	}
	if len(rows) > 0 {
		r := rows[0]
		if r.Text(1) != plugin || r.Text(2) != f.database() {
			return 0, pgcatalog.Mistake(source.Config, "replication slot %s belongs to another program or database: choose another name", f.slot)
		}
		if r.Text(3) != "lost" {
			confirmed, err = strconv.ParseUint(r.Text(0), 10, 64)
			return confirmed, pgcatalog.Classify("read the slot's position", err)
		}
		f.b.log.Warn("replication slot has lost its log and is made anew", "slot", f.slot)
		if err := f.dropSlot(ctx); err != nil {
			return 0, err
		}
	}
	_, err = f.createSlot(ctx, f.slot, pglogrepl.CreateReplicationSlotOptions{SnapshotAction: "NOEXPORT_SNAPSHOT"})
	if err != nil {
		return 0, err
	}
	f.b.log.Info("replication slot created", "slot", f.slot)
	return 0, nil
}

func (f *follow) database() string {
	for _, t := range f.targets {
		if t.table != nil {
			return t.table.Server.Database
		}
	}
	return ""
}

func (f *follow) dropSlot(ctx context.Context) error {
	err := pglogrepl.DropReplicationSlot(ctx, f.repl, f.slot, pglogrepl.DropReplicationSlotOptions{})
	return pgcatalog.Classify("drop the replication slot", err)
}

// slotPatience is how long a slot may take before the log says why.
const slotPatience = 5 * time.Second

// createSlot waits as long as the server does: until every transaction that
// writes now has ended. Meanwhile the other connection shows that the server
// is still there.
func (f *follow) createSlot(
	ctx context.Context, name string, o pglogrepl.CreateReplicationSlotOptions,
) (made pglogrepl.CreateReplicationSlotResult, err error) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() {
		beat := time.NewTicker(f.b.opts.Heartbeat)
		defer beat.Stop()
		patience := time.NewTimer(slotPatience)
		defer patience.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-patience.C:
				f.b.log.Warn("the snapshot waits for transactions that were open before it: end them if they are forgotten (see pg_stat_activity)")
				continue
			case <-beat.C:
			}
			// Not ctx: canceling a statement would cost the connection.
			if f.sql.Exec(context.WithoutCancel(ctx), "look for the server", "SELECT 1") != nil {
				cancel()
				return
			}
		}
	})
	o.Mode = pglogrepl.LogicalReplication
	made, err = pglogrepl.CreateReplicationSlot(ctx, f.repl, name, plugin, o)
	if pgcatalog.HasCode(err, pgcatalog.InsufficientPrivilege) {
		return made, replicationError(err, f.b.user())
	}
	return made, pgcatalog.Classify("create a replication slot", err)
}

const plugin = "pgoutput"

// temporaryName is unique in the cluster.
func temporaryName() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return "tycostream_tmp_" + hex.EncodeToString(b[:])
}

// snapshot creates a temporary slot and copies the tables of the targets that
// do not resume as they stood where it starts. Without a named slot the stream
// goes on from this one.
func (f *follow) snapshot(ctx context.Context) error {
	wall, err := f.clock(ctx) // before the slot: everything until now is in the snapshot
	if err != nil {
		return err
	}
	name := temporaryName()
	made, err := f.createSlot(ctx, name, pglogrepl.CreateReplicationSlotOptions{Temporary: true, SnapshotAction: "EXPORT_SNAPSHOT"})
	if err != nil {
		return err
	}
	lsn, err := pglogrepl.ParseLSN(made.ConsistentPoint)
	if err != nil {
		return pgcatalog.Classify("read the snapshot's position", err)
	}
	// The first transaction of the stream may stand at lsn itself.
	at := relation.Frontier{Time: uint64(lsn) - 1, Wall: wall}
	if err := f.copyTables(ctx, made.SnapshotName, at); err != nil {
		return err
	}
	if f.b.opts.Slot == "" {
		f.slot, f.start = name, uint64(lsn)
		return nil
	}
	f.start = min(f.start, uint64(lsn))
	err = pglogrepl.DropReplicationSlot(ctx, f.repl, name, pglogrepl.DropReplicationSlotOptions{})
	return pgcatalog.Classify("drop the snapshot's slot", err)
}

// clock returns the server's time in microseconds since 1970.
func (f *follow) clock(ctx context.Context) (int64, error) {
	rows, err := f.sql.Query(ctx, "read the clock", "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8")
	if err != nil {
		return 0, err
	}
	wall, err := strconv.ParseInt(rows[0].Text(0), 10, 64)
	if err != nil {
		return 0, pgcatalog.Classify("read the clock", fmt.Errorf("%q: %w", rows[0].Text(0), err))
	}
	return wall, nil
}
