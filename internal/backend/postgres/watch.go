package postgres

import (
	"context"
	"iter"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tycostream/tycostream/internal/backend/postgres/pgcatalog"
	"github.com/tycostream/tycostream/internal/source"
)

// watch looks at the catalog while the stream runs: the stream does not say
// that a table came, went or changed until a row of it does. It also
// marks the clock. It owns the SQL connection.
type watch struct {
	f      *follow
	clock  *clock
	checks []check
	ties   map[uint32]string // of the tables to the publication, as they were opened
	events chan event

	// seen is up to where in the log every table that is followed is known to
	// have been the one that was opened, and in the publication. The stream tells
	// of a table's own changes, but not that its name belongs to another table
	// now, nor that its changes are left out.
	seen atomic.Uint64
}

// check is what the watch knows of a target. The target itself belongs to the
// stream's goroutine.
type check struct {
	t       *target
	def     *source.Definition
	opened  string           // of the table as it was opened; empty when it could not be
	live    bool             // it took part when the watch began
	table   *pgcatalog.Table // as it was opened, of a live one
	missing bool             // reported
}

// event is news for the stream's goroutine.
type event struct {
	fail *target // it alone cannot go on, for the reason err
	err  error
}

func newWatch(f *follow) *watch {
	w := &watch{f: f, clock: &clock{}, ties: f.ties(), events: make(chan event, len(f.targets)+1)}
	w.seen.Store(f.start)
	for _, t := range f.targets {
		c := check{t: t, def: t.Def, opened: t.opened, live: !t.failed}
		if c.live {
			c.table = t.table
		}
		w.checks = append(w.checks, c)
	}
	return w
}

// run returns when ctx ends or after the event that ends the Follow.
func (w *watch) run(ctx context.Context) {
	beat := time.NewTicker(w.f.b.opts.Heartbeat)
	defer beat.Stop()
	poll := time.NewTicker(w.f.b.opts.Poll)
	defer poll.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			err = w.mark(ctx)
		case <-poll.C:
			err = w.poll(ctx)
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			w.events <- event{err: err} // room: each target sends one at most, this is the last
			return
		}
	}
}

const markSQL = `SELECT pg_current_wal_flush_lsn() - '0/0'::pg_lsn, (extract(epoch FROM clock_timestamp()) * 1000000)::int8`

// mark notes how far the log goes and what time it is, once the tables are
// known to be those that were opened, and published, up to there. The position
// is read first: a table that was exchanged before it is seen to be.
func (w *watch) mark(ctx context.Context) error {
	rows, err := w.f.sql.Query(ctx, "read the log's position", markSQL)
	if err != nil {
		return err
	}
	lsn, err := strconv.ParseUint(rows[0].Text(0), 10, 64)
	if err != nil {
		return pgcatalog.Classify("read the log's position", err)
	}
	wall, err := strconv.ParseInt(rows[0].Text(1), 10, 64)
	if err != nil {
		return pgcatalog.Classify("read the clock", err)
	}
	same, err := w.same(ctx)
	if same && err == nil {
		same, err = w.published(ctx)
	}
	switch {
	case err != nil:
		return err
	case !same:
		return w.poll(ctx) // it says why
	}
	w.seen.Store(lsn)
	w.clock.mark(mark{lsn, wall})
	return nil
}

// same reports whether the names of all tables that are followed still belong
// to the tables that were opened.
func (w *watch) same(ctx context.Context) (bool, error) {
	var names strings.Builder
	want := map[string]bool{}
	for c := range w.followed() {
		if names.Len() > 0 {
			names.WriteString(", ")
		}
		names.WriteString(c.table.NameLiteral())
		want[strconv.FormatUint(uint64(c.table.OID), 10)] = true
	}
	if len(want) == 0 {
		return true, nil
	}
	rows, err := w.f.sql.Query(ctx, "look for the tables", `
SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE (n.nspname, c.relname) IN (`+names.String()+`)`)
	if err != nil {
		return false, err
	}
	for _, r := range rows {
		delete(want, r.Text(0))
	}
	return len(want) == 0, nil
}

// poll compares every table with how it was opened. An error ends the Follow.
func (w *watch) poll(ctx context.Context) error {
	var followed, others []*pgcatalog.Table
	for i := range w.checks {
		c := &w.checks[i]
		t, err := w.f.b.inspect(ctx, w.f.sql, c.def)
		switch {
		case retry(err):
			return err
		case err != nil && c.live && !c.missing:
			c.missing = true
			w.events <- event{fail: c.t, err: err}
		case err != nil:
			c.opened = "" // so that its return is noticed
		case c.opened == "" || c.missing:
			return pgcatalog.Mistake(source.Retry, "%s can be followed now", t.Title())
		case t.Fingerprint(c.def) != c.opened:
			return pgcatalog.Mistake(source.Compacted, "table %s was altered", t.Title())
		case c.live:
			followed = append(followed, t)
		default:
			others = append(others, t)
		}
	}
	return w.pollPublication(ctx, followed, others)
}

func (w *watch) pollPublication(ctx context.Context, followed, others []*pgcatalog.Table) error {
	p, err := w.publication(ctx, append(followed, others...))
	if err != nil || p == nil {
		return err
	}
	for _, t := range others {
		if p.Covers(t) {
			return pgcatalog.Mistake(source.Retry, "the publication holds %s now", t.Title())
		}
	}
	for _, t := range followed {
		if !p.Covers(t) || p.Tie(t) != w.ties[t.OID] {
			return pgcatalog.Mistake(source.Compacted, "somebody took table %s out of the publication: "+
				"gateways that follow different tables need publications of different names", t.Title())
		}
	}
	return nil
}

// followed yields the tables that are, as far as the watch knows.
func (w *watch) followed() iter.Seq[*check] {
	return func(yield func(*check) bool) {
		for i := range w.checks {
			if c := &w.checks[i]; c.table != nil && !c.missing && !yield(c) {
				return
			}
		}
	}
}

// publication reads the publication; nil when there is no table to look for.
func (w *watch) publication(ctx context.Context, tables []*pgcatalog.Table) (*pgcatalog.Publication, error) {
	if len(tables) == 0 {
		return nil, nil //nolint:nilnil // see above
	}
	return pgcatalog.ReadPublication(ctx, w.f.sql, w.f.b.opts.Publication, tables[0].Server.Version)
}

// published reports whether the changes of all tables that are followed come as
// they did when these were opened.
func (w *watch) published(ctx context.Context) (bool, error) {
	var tables []*pgcatalog.Table
	for c := range w.followed() {
		tables = append(tables, c.table)
	}
	p, err := w.publication(ctx, tables)
	if err != nil {
		return false, err
	}
	for _, t := range tables {
		if p.Tie(t) != w.ties[t.OID] {
			return false, nil
		}
	}
	return true, nil
}

// news takes what the watch has found, on the stream's goroutine.
func (w *watch) news(ctx context.Context) error {
	for {
		select {
		case e := <-w.events:
			if e.fail == nil {
				return e.err
			}
			e.fail.fail(e.err)
		default:
			return ctx.Err()
		}
	}
}

// only waits for the watch's news when there is no stream.
func (w *watch) only(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e := <-w.events:
			if e.fail == nil {
				return e.err
			}
			e.fail.fail(e.err)
		}
	}
}
