package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tycostream/tycostream/internal/backend"
	"github.com/tycostream/tycostream/internal/backend/materialize"
	"github.com/tycostream/tycostream/internal/backend/postgres"
	"github.com/tycostream/tycostream/internal/config"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
)

// Dial opens network connections; nil is the ordinary dialer.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Querier runs a statement in the simple protocol.
type Querier interface {
	Query(ctx context.Context, sql string) ([]relation.Row, error)
}

// Database is a database that is looked at.
type Database struct {
	Engine  string // materialize or postgres
	Backend source.Backend
	Queries Querier

	User        string // for the statements that messages propose
	Publication string // PostgreSQL: the one to follow
	Cluster     string // Materialize: where the gateway's subscriptions run; empty: the role's own

	conn *pgconn.PgConn
}

// address returns how to connect to the configured database.
func address(c *config.Config, dial Dial) (*pgconn.Config, error) {
	pg, err := pgconn.ParseConfig(c.Database.ConnString())
	if err != nil {
		return nil, fmt.Errorf("database address: %w", err)
	}
	if dial != nil {
		pg.DialFunc = pgconn.DialFunc(dial)
		pg.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	}
	pg.ConnectTimeout = c.Database.ConnectTimeout
	pg.ChannelBinding = "disable"
	return pg, nil
}

// Engine returns the configured engine or, with auto, asks the database what
// it is. The error says what to set.
func Engine(ctx context.Context, c *config.Config, dial Dial) (string, error) {
	if c.Database.Engine != "auto" {
		return c.Database.Engine, nil
	}
	pg, err := address(c, dial)
	if err != nil {
		return "", err
	}
	engine, err := backend.Recognize(ctx, pg)
	if err != nil {
		return "", unreachable(c, err)
	}
	return engine, nil
}

// Connect connects and, with engine auto, asks the database what it is.
func Connect(ctx context.Context, c *config.Config, dial Dial, log *slog.Logger) (*Database, error) {
	pg, err := address(c, dial)
	if err != nil {
		return nil, err
	}
	engine, err := Engine(ctx, c, dial)
	if err != nil {
		return nil, err
	}
	follow, err := NewBackend(engine, c, dial, log)
	if err != nil {
		return nil, err
	}
	conn, err := pgconn.ConnectConfig(ctx, pg)
	if err != nil {
		return nil, unreachable(c, err)
	}
	return &Database{
		Engine: engine, Backend: follow, Queries: session{conn},
		User: c.Database.User, Cluster: c.Database.Cluster, Publication: c.Postgres.Publication, conn: conn,
	}, nil
}

// NewBackend returns the backend of an engine, configured.
func NewBackend(engine string, c *config.Config, dial Dial, log *slog.Logger) (source.Backend, error) {
	if engine == backend.Postgres {
		return postgres.New(postgres.Options{
			URL: c.Database.ConnString(), Publication: c.Postgres.Publication, Slot: c.Postgres.Slot,
			Poll: c.Postgres.PollInterval, Dial: dial, Logger: log,
		})
	}
	return materialize.New(materialize.Config{
		ConnString: c.Database.ConnString(), Cluster: c.Database.Cluster, Stall: c.StallTimeout, Dial: dial, Log: log,
	})
}

// unreachable says what to set when there is no connection.
func unreachable(c *config.Config, err error) error {
	pg, refused := errors.AsType[*pgconn.PgError](err)
	switch {
	case refused && pg.Code == "28P01", refused && pg.Code == "28000":
		return fmt.Errorf("%s refuses the login of %q: set DATABASE_USER and DATABASE_PASSWORD (%s)",
			c.Database.Target(), c.Database.User, pg.Message)
	case refused && pg.Code == "3D000":
		return fmt.Errorf("%s: there is no such database: set DATABASE_NAME", c.Database.Target())
	}
	cause := strings.Join(strings.Fields(err.Error()), " ") // pgconn writes a line for each address it tries
	if broken, ok := errors.AsType[*net.OpError](err); ok {
		cause = broken.Err.Error()
	}
	return fmt.Errorf("cannot connect to %s (%s): start it, or set DATABASE_URL, or DATABASE_HOST and DATABASE_PORT",
		c.Database.Target(), cause)
}

// Close ends the connection.
func (d *Database) Close() {
	if d.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = d.conn.Close(ctx) // nothing left to say
}

// session is the Querier over a connection.
type session struct{ conn *pgconn.PgConn }

func (s session) Query(ctx context.Context, sql string) ([]relation.Row, error) {
	results, err := s.conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, err
	}
	var rows []relation.Row
	var cells relation.Builder
	for _, r := range results {
		for _, values := range r.Rows {
			for _, v := range values {
				if v == nil {
					cells.AppendNull()
				} else {
					cells.Append(v)
				}
			}
			rows = append(rows, cells.Row())
		}
	}
	return rows, nil
}
