package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tycostream/tycostream/internal/backend/postgres/pgcatalog"
	"github.com/tycostream/tycostream/internal/copytext"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
)

// copyTables copies every table that is not resumed, in one transaction that
// sees the exported snapshot. A table that cannot be copied fails alone.
func (f *follow) copyTables(ctx context.Context, snapshot string, at relation.Frontier) error {
	err := f.sql.Exec(ctx, "take the snapshot",
		"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT "+pgcatalog.Literal(snapshot))
	if err != nil {
		return err
	}
	for t := range f.live() {
		if t.resumed {
			continue
		}
		if err := f.copyTable(ctx, t); err != nil {
			if retry(err) {
				return err
			}
			t.fail(err)
			continue
		}
		t.frontier = at
		if err := t.Sink.Live(at, false); err != nil {
			t.fail(err)
		}
	}
	return f.sql.Exec(ctx, "end the snapshot", "COMMIT")
}

// copyTable copies one table. An error leaves the transaction usable unless
// the connection is lost.
func (f *follow) copyTable(ctx context.Context, t *target) error {
	if err := f.sql.Exec(ctx, "copy "+t.table.Title(), "SAVEPOINT one"); err != nil {
		return err
	}
	columns := pgcatalog.QuoteAll(t.columnNames())
	statement := "COPY " + t.table.SQLName() + " (" + columns + ") TO STDOUT"
	if t.table.Kind == 'p' {
		statement = "COPY (SELECT " + columns + " FROM " + t.table.SQLName() + ") TO STDOUT"
	}
	c := copier{conn: f.sql.Conn, silence: f.b.opts.Silence, t: t, width: len(t.schema.Columns)}
	err := c.run(ctx, statement)
	if retry(err) {
		return err
	}
	after := "RELEASE SAVEPOINT one"
	if err != nil {
		after = "ROLLBACK TO SAVEPOINT one"
	}
	if e := f.sql.Exec(ctx, "copy "+t.table.Title(), after); e != nil {
		return e
	}
	return err
}

// copier reads one COPY.
type copier struct {
	conn    *pgconn.PgConn
	silence time.Duration
	t       *target
	width   int
	split   copytext.Splitter
	record  copytext.Record
	builder relation.Builder
	rows    []relation.Row
}

// chunk is how many rows a sink gets at a time.
const chunk = 1024

// run reads until the server is ready for the next statement, even after the
// sink has refused the rows: the connection is needed further.
func (c *copier) run(ctx context.Context, statement string) error {
	defer c.conn.Conn().SetReadDeadline(time.Time{}) //nolint:errcheck // a broken connection shows at its next use
	defer interrupt(ctx, c.conn)()
	c.conn.Frontend().SendQuery(&pgproto3.Query{String: statement})
	if err := c.conn.Frontend().Flush(); err != nil {
		return pgcatalog.Classify("copy "+c.t.table.Title(), err)
	}
	var failed error
	for {
		if c.conn.Frontend().ReadBufferLen() == 0 {
			if err := c.conn.Conn().SetReadDeadline(time.Now().Add(c.silence)); err != nil {
				return pgcatalog.Classify("copy "+c.t.table.Title(), err)
			}
		}
		if err := ctx.Err(); err != nil { // interrupt may have come before the deadline was set
			return pgcatalog.Classify("copy "+c.t.table.Title(), err)
		}
		msg, err := c.conn.ReceiveMessage(context.Background()) // interrupt ends it
		if err != nil {
			return pgcatalog.Classify("copy "+c.t.table.Title(), err)
		}
		switch msg := msg.(type) {
		case *pgproto3.CopyData:
			if failed == nil {
				failed = c.take(msg.Data)
			}
		case *pgproto3.ErrorResponse:
			failed = pgcatalog.Classify("copy "+c.t.table.Title(), pgconn.ErrorResponseToPgError(msg))
		case *pgproto3.ReadyForQuery:
			if failed == nil {
				failed = c.flush()
			}
			return failed
		}
	}
}

func (c *copier) take(data []byte) error {
	c.split.Push(data)
	for {
		line, ok, err := c.split.Next()
		if err != nil {
			return c.garbled(err)
		}
		if !ok {
			return nil
		}
		if err := c.record.Parse(line, c.width); err != nil {
			return c.garbled(err)
		}
		for i := range c.width {
			if text, ok := c.record.Field(i); ok {
				c.builder.Append(text)
			} else {
				c.builder.AppendNull()
			}
		}
		if c.rows = append(c.rows, c.builder.Row()); len(c.rows) == chunk {
			if err := c.flush(); err != nil {
				return err
			}
		}
	}
}

func (c *copier) garbled(err error) error {
	return pgcatalog.Classify("copy", fmt.Errorf("rows of %s: %w: %w", c.t.table.Title(), source.ErrMalformed, err))
}

func (c *copier) flush() error {
	rows := c.rows
	c.rows = nil
	if len(rows) == 0 {
		return nil
	}
	if c.t.memory != nil {
		c.t.memory.load(rows)
	}
	return c.t.Sink.Snapshot(rows)
}
