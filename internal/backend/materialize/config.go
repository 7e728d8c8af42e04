package materialize

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tycostream/tycostream/internal/copytext"
	"github.com/tycostream/tycostream/internal/source"
)

// Defaults of Config.
const (
	DefaultStall       = 30 * time.Second
	DefaultResubscribe = time.Minute
	defaultConnect     = 10 * time.Second
)

// Config says how to reach the database.
type Config struct {
	// ConnString is a connection URL or keyword string as libpq knows them:
	// host, port, user, password, database, sslmode (disable, prefer, require,
	// verify-ca, verify-full), sslrootcert, connect_timeout, ...
	ConnString string

	// Cluster is where the SUBSCRIBEs run; empty: the role's default.
	Cluster string

	// Dial replaces the network, for tests and the built-in stand-in.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Stall ends a stream on which nothing has arrived for this long: a healthy
	// one has a progress row every second. 0 means never, for views that are
	// refreshed on a schedule. Before the first row of a snapshot silence is
	// normal (the view hydrates) and never ends a stream.
	Stall time.Duration

	// Resubscribe is how long a finite input, which ends its stream, is taken
	// for unchanged before it is read again; 0: DefaultResubscribe.
	Resubscribe time.Duration

	Log *slog.Logger // nil: discarded
}

// Backend is a source.Backend over one Materialize.
type Backend struct {
	pg          *pgconn.Config
	cluster     string
	stall       time.Duration
	resubscribe time.Duration
	log         *slog.Logger
}

var _ source.Backend = (*Backend)(nil)

// New checks the configuration; it does not connect.
func New(c Config) (*Backend, error) {
	pg, err := pgconn.ParseConfig(c.ConnString)
	if err != nil {
		return nil, fmt.Errorf("database address: %w", err)
	}
	if c.Dial != nil {
		pg.DialFunc = c.Dial
		pg.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	}
	if pg.ConnectTimeout == 0 {
		pg.ConnectTimeout = defaultConnect
	}
	// Materialize speaks SCRAM without channel binding and takes the mere
	// mention of it for an error.
	pg.ChannelBinding = "disable"
	pg.MaxProtocolMessageBodyLen = copytext.MaxLine
	if pg.RuntimeParams["application_name"] == "" {
		pg.RuntimeParams["application_name"] = "tycostream"
	}
	pg.RuntimeParams["options"] = options(pg.RuntimeParams["options"], c.Cluster)
	b := &Backend{pg: pg, cluster: c.Cluster, stall: c.Stall, resubscribe: c.Resubscribe, log: c.Log}
	if b.resubscribe == 0 {
		b.resubscribe = DefaultResubscribe
	}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	return b, nil
}

// options adds our settings to the start-up options that the user gave.
func options(given, cluster string) string {
	out := strings.TrimSpace(given + " --welcome_message=off")
	if cluster != "" {
		out += " --cluster=" + strings.NewReplacer(`\`, `\\`, " ", `\ `).Replace(cluster)
	}
	return out
}

// Name returns "materialize".
func (*Backend) Name() string { return "materialize" }

// Shared returns false: each source has a stream of its own.
func (*Backend) Shared() bool { return false }
