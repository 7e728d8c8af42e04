package robustness

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tycostream/tycostream/internal/testpg"
)

// postgres is a real PostgreSQL server behind a proxy. Transactions of
// different lanes are open at the same time and commit one after the other;
// the position of the log before and after a commit bounds its time. Each
// writes its number into a table of its own, so that after a crash it is
// known whether the last one happened.
type postgres struct {
	book
	db    *testpg.Database
	proxy *testpg.Proxy

	mu     sync.Mutex // guards what follows; held while somebody writes
	conns  [lanes]*pgconn.PgConn
	number int // of the last transaction that committed
	extra  int // columns added so far
}

var pgFaults = []string{
	"cut", "cut often", "stall", "long stall", "refused", "terminated", "restarted", "killed", "truncated", "replaced", "dropped",
	"another column", "rewritten", "publication dropped",
}

func newPostgres(t *testing.T, b book, db *testpg.Database, size int) *postgres {
	t.Helper()
	p := &postgres{book: b, db: db, proxy: testpg.NewProxy(t, db.Server.Addr())}
	db.Exec(t, "CREATE TYPE level AS ENUM ('"+strings.Join(levels, "', '")+"'); CREATE TABLE ledger (n bigint);"+p.table())
	t.Cleanup(p.hangUp)
	first := p.found(size)
	if err := p.connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, after, err := p.run(t.Context(), p.conns[0], first)
	if err != nil {
		t.Fatal(err)
	}
	p.commit(first, 0, after)
	return p
}

func (p *postgres) table() string {
	var d []string
	for _, c := range columns {
		d = append(d, c.name+" "+c.sql)
	}
	return "CREATE TABLE accounts (" + strings.Join(d, ", ") + ");"
}

func (p *postgres) settings() []string {
	return []string{"DATABASE_URL=" + p.db.URLVia(p.proxy), "DATABASE_ENGINE=postgres"}
}

func (p *postgres) hangUp() {
	for i, c := range p.conns {
		if c != nil {
			_ = c.Close(context.Background()) // the server may be gone
		}
		p.conns[i] = nil
	}
}

// connect replaces the connections, and finds out what became of the last
// transaction.
func (p *postgres) connect(ctx context.Context) error {
	p.hangUp()
	for i := range p.conns {
		var err error
		if p.conns[i], err = pgconn.Connect(ctx, p.db.URL()); err != nil {
			return err
		}
		// The test server forgets commits when it is killed, unless told so.
		if _, err = ask(ctx, p.conns[i], "SET synchronous_commit = on"); err != nil {
			return err
		}
	}
	return nil
}

// ask runs statements and returns the last one's only cell.
func ask(ctx context.Context, c *pgconn.PgConn, sql string) (string, error) {
	results, err := c.Exec(ctx, sql).ReadAll()
	if err != nil {
		return "", fmt.Errorf("%.300s: %w", sql, err)
	}
	if last := results[len(results)-1]; len(last.Rows) == 1 {
		return string(last.Rows[0][0]), nil
	}
	return "", nil
}

// position is where the server's log ends.
func position(ctx context.Context, c *pgconn.PgConn) (uint64, error) {
	text, err := ask(ctx, c, "SELECT pg_current_wal_insert_lsn()")
	if err != nil {
		return 0, err
	}
	var high, low uint64
	if _, err := fmt.Sscanf(text, "%X/%X", &high, &low); err != nil {
		return 0, err
	}
	return high<<32 | low, nil
}

// run begins and ends a transaction.
func (p *postgres) run(ctx context.Context, c *pgconn.PgConn, t *tx) (before, after uint64, err error) {
	if _, err := ask(ctx, c, "BEGIN;"+statements(t)); err != nil {
		return 0, 0, err
	}
	return p.end(ctx, c)
}

// end commits the transaction of a connection.
func (p *postgres) end(ctx context.Context, c *pgconn.PgConn) (before, after uint64, err error) {
	if _, err := ask(ctx, c, fmt.Sprintf("INSERT INTO ledger VALUES (%d)", p.number+1)); err != nil {
		return 0, 0, err
	}
	if before, err = position(ctx, c); err != nil {
		return 0, 0, err
	}
	if _, err = ask(ctx, c, "COMMIT"); err == nil {
		p.number++
		after, err = position(ctx, c)
		if err == nil {
			return before, after, nil
		}
		p.number-- // what is written below finds out again
	}
	return p.afterCrash(ctx, before, err)
}

// afterCrash returns the bounds of the commit that was under way, if it
// happened.
func (p *postgres) afterCrash(ctx context.Context, before uint64, cause error) (_, after uint64, err error) {
	for end := time.Now().Add(most); time.Now().Before(end) && ctx.Err() == nil; rest(ctx, 20*time.Millisecond) {
		if p.connect(ctx) != nil {
			continue
		}
		text, err := ask(ctx, p.conns[0], "SELECT coalesce(max(n), 0) FROM ledger")
		if err != nil {
			continue
		}
		if text != strconv.Itoa(p.number+1) {
			return 0, 0, cause
		}
		if after, err = position(ctx, p.conns[0]); err == nil {
			p.number++
			return before, after, nil
		}
	}
	return 0, 0, cause
}

func (p *postgres) write(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	err := p.writeLocked(ctx)
	if err != nil && ctx.Err() == nil {
		_ = p.connect(ctx) // it may take a while: the next write tries again
	}
	return err
}

func (p *postgres) writeLocked(ctx context.Context) error {
	var open []*tx
	for lane := range 1 + p.ledger.r.IntN(lanes) {
		t := p.ledger.draw(lane)
		if p.conns[lane] == nil || p.conns[lane].IsClosed() {
			return fmt.Errorf("lane %d is not connected", lane)
		}
		if _, err := ask(ctx, p.conns[lane], "BEGIN;"+statements(t)); err != nil {
			return err
		}
		open = append(open, t)
	}
	conns := p.conns
	for lane, t := range open {
		before, after, err := p.end(ctx, p.conns[lane])
		if err != nil {
			return err
		}
		p.commit(t, before, after)
		if p.conns != conns {
			return nil // this one was saved from a crash, and the others are lost
		}
	}
	return nil
}

// quote writes a cell as SQL.
func quote(c string) string {
	if c == null {
		return "NULL"
	}
	return "'" + strings.ReplaceAll(c, "'", "''") + "'"
}

func insert(r *record) string {
	values := make([]string, len(r.cells))
	for i, c := range r.cells {
		values[i] = quote(c)
	}
	return "INSERT INTO accounts VALUES (" + strings.Join(values, ", ") + ");"
}

func statements(t *tx) string {
	var b strings.Builder
	for _, o := range t.ops {
		switch {
		case o.row == nil:
			fmt.Fprintf(&b, "DELETE FROM accounts WHERE id = %s;", o.key)
		case o.old == nil:
			b.WriteString(insert(o.row))
		default:
			set := []string{"owner = owner"}
			for i := 1; i < len(columns); i++ { // what did not change is not written: long values stay out of the log
				if o.old.cells[i] != o.row.cells[i] {
					set = append(set, columns[i].name+" = "+quote(o.row.cells[i]))
				}
			}
			if len(set) > 1 {
				set = set[1:]
			}
			fmt.Fprintf(&b, "UPDATE accounts SET %s WHERE id = %s;", strings.Join(set, ", "), o.key)
		}
	}
	return b.String()
}

func (p *postgres) strike(ctx context.Context, fault string) (mend func()) {
	mend = func() {}
	switch fault {
	case "cut":
		p.proxy.Cut()
	case "cut often":
		for range 8 {
			p.proxy.Cut()
			rest(ctx, 40*time.Millisecond)
		}
	case "stall", "long stall":
		p.proxy.Stall(true)
		mend = func() { p.proxy.Stall(false) }
	case "refused":
		p.proxy.Refuse(true)
		p.proxy.Cut()
		mend = func() { p.proxy.Refuse(false) }
	case "terminated":
		p.db.Terminate(p.t, "tycostream%")
	case "restarted", "killed":
		if err := p.db.Server.Restart(ctx, fault == "killed"); err != nil {
			p.t.Error(err)
		}
	case "publication dropped":
		streams := p.streams()
		p.db.Exec(p.t, "DROP PUBLICATION tycostream")
		mend = func() { p.noticed(ctx, streams) }
	default:
		p.mu.Lock()
		defer p.mu.Unlock()
		p.rebuildLocked(ctx, fault)
	}
	return mend
}

// streams are the gateways', by the names of their slots.
func (p *postgres) streams() string {
	return p.db.Text(p.t, "SELECT coalesce(string_agg(slot_name, ',' ORDER BY slot_name), '') FROM pg_replication_slots WHERE database = current_database()")
}

// noticed waits until all of these streams have ended: nobody is told that the
// publication is gone, and one gateway that finds out makes it again before the
// others have looked.
func (p *postgres) noticed(ctx context.Context, streams string) {
	left := strings.Split(streams, ",")
	for end := time.Now().Add(patience); ; rest(ctx, 10*time.Millisecond) {
		now := strings.Split(p.streams(), ",")
		left = slices.DeleteFunc(left, func(s string) bool { return !slices.Contains(now, s) })
		switch {
		case len(left) == 0:
			return
		case time.Now().After(end):
			p.t.Errorf("%d gateways did not notice in %v that the publication had been dropped", len(left), patience)
			return
		}
	}
}

// rebuildLocked changes the table and keeps the rows.
func (p *postgres) rebuildLocked(ctx context.Context, fault string) {
	var sql strings.Builder
	_, now := p.model.last()
	switch fault {
	case "truncated":
		sql.WriteString("TRUNCATE accounts;")
	case "replaced":
		sql.WriteString("DROP TABLE accounts;" + p.table())
	case "dropped":
		if err := p.alter(ctx, "ALTER TABLE accounts RENAME TO gone"); err != nil {
			return
		}
		rest(ctx, 300*time.Millisecond)
		sql.WriteString("DROP TABLE gone;" + p.table())
	case "another column":
		p.extra++
		_ = p.alter(ctx, fmt.Sprintf("ALTER TABLE accounts ADD COLUMN extra%d text DEFAULT 'x'", p.extra))
		return
	case "rewritten":
		_ = p.alter(ctx, "ALTER TABLE accounts ALTER COLUMN ratio TYPE float8 USING ratio * 1.0")
		return
	default:
		p.t.Errorf("there is no fault %q", fault)
	}
	for _, r := range now.rows {
		sql.WriteString(insert(r))
	}
	if err := p.alter(ctx, sql.String()); err != nil {
		p.t.Errorf("%s: %v", fault, err)
	}
}

// alter is a transaction after which the rows are what they were.
func (p *postgres) alter(ctx context.Context, sql string) error {
	if p.conns[0] == nil || p.conns[0].IsClosed() {
		if err := p.connect(ctx); err != nil {
			return err
		}
	}
	if _, err := ask(ctx, p.conns[0], "BEGIN;"+sql); err != nil {
		return err
	}
	before, after, err := p.end(ctx, p.conns[0])
	if err != nil {
		return err
	}
	p.commit(&tx{rows: p.ledger.rows}, before, after)
	return nil
}
