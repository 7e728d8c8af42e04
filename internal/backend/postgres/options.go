package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"regexp"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tycostream/tycostream/internal/backend/postgres/pgcatalog"
	"github.com/tycostream/tycostream/internal/source"
)

// Options configure a Backend. Only URL is needed.
type Options struct {
	// URL says where the database is, in any form that libpq takes: user,
	// password, sslmode, certificates, search_path.
	URL string

	// Publication is the publication's name, "tycostream" by default. The
	// backend makes it hold exactly the tables it follows: two gateways that
	// follow different tables of one database need different names.
	Publication string

	// Slot names a replication slot that outlives the connection. Empty: a
	// temporary slot, and a snapshot at each connect. A named slot makes the
	// server keep its log while the gateway is away: limit that with
	// max_slot_wal_keep_size, and drop the slot when the gateway is retired.
	Slot string

	// Poll is how often the catalog is looked at for tables that come, go or
	// change. 5 s by default.
	Poll time.Duration

	// Heartbeat is how often the stream is asked for a sign of life and the
	// position reached is reported. 1 s by default.
	Heartbeat time.Duration

	// Silence ends a stream on which nothing arrives for so long although it
	// was asked. 60 s by default: a server that decodes a huge transaction is
	// silent for a while.
	Silence time.Duration

	// Dial opens network connections; nil is the ordinary dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	// Logger takes what an operator wants to know; nil discards it.
	Logger *slog.Logger
}

// Backend is a source.Backend over logical replication.
type Backend struct {
	opts   Options
	config *pgconn.Config
	log    *slog.Logger

	mu   sync.Mutex        // guards ties
	ties map[uint32]string // of the tables that were followed last to the publication
}

var _ source.Backend = (*Backend)(nil)

var slotName = regexp.MustCompile(`^[a-z0-9_]{1,63}$`)

// New checks the options. It opens no connection.
func New(o Options) (*Backend, error) {
	config, err := pgconn.ParseConfig(o.URL)
	if err != nil {
		return nil, fmt.Errorf("database settings: %w", err)
	}
	if o.Publication == "" {
		o.Publication = "tycostream"
	}
	if o.Slot != "" && !slotName.MatchString(o.Slot) {
		return nil, fmt.Errorf("replication slot %q: use lower-case letters, digits and _", o.Slot)
	}
	if o.Poll <= 0 {
		o.Poll = 5 * time.Second
	}
	if o.Heartbeat <= 0 {
		o.Heartbeat = time.Second
	}
	if o.Silence <= 0 {
		o.Silence = time.Minute
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext
	}
	config.DialFunc = o.Dial
	if config.ConnectTimeout <= 0 || config.ConnectTimeout > o.Silence {
		config.ConnectTimeout = o.Silence
	}
	return &Backend{opts: o, config: config, log: o.Logger}, nil
}

// Name returns "postgres".
func (*Backend) Name() string { return "postgres" }

// Shared returns true: all sources travel on one replication stream.
func (*Backend) Shared() bool { return true }

// sessionSettings make the text of values the same on both connections and
// independent of defaults that somebody set for the role or the database, and
// keep such defaults from ending a long COPY.
var sessionSettings = map[string]string{ //nolint:gochecknoglobals // a constant
	"client_encoding": "UTF8", "DateStyle": "ISO", "TimeZone": "UTC", "IntervalStyle": "postgres",
	"extra_float_digits": "3", "bytea_output": "hex", "xmloption": "content",
	"statement_timeout": "0", "lock_timeout": "0", "idle_in_transaction_session_timeout": "0",
	"row_security": "off",
}

// connect opens an SQL connection, or one that speaks the replication protocol
// beside SQL.
func (b *Backend) connect(ctx context.Context, replication bool) (*pgconn.PgConn, error) {
	config := b.config.Copy()
	params := maps.Clone(config.RuntimeParams)
	if params == nil {
		params = map[string]string{}
	}
	maps.Copy(params, sessionSettings)
	if params["application_name"] == "" {
		params["application_name"] = "tycostream"
	}
	if replication {
		params["replication"] = "database"
	}
	config.RuntimeParams = params
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, pgcatalog.Classify("connect", err)
	}
	return conn, nil
}

// open opens an SQL connection.
func (b *Backend) open(ctx context.Context) (*pgcatalog.Session, error) {
	conn, err := b.connect(ctx, false)
	if err != nil {
		return nil, err
	}
	return &pgcatalog.Session{Conn: conn, Silence: b.opts.Silence}, nil
}

// hangUp ends a connection without waiting long for a server that may be gone.
func hangUp(conn *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx) // nothing left to say
}
