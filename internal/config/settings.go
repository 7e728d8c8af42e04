package config

import (
	"slices"
	"strings"
)

// Kind is the type of a setting's text.
type Kind uint8

// The kinds of settings.
const (
	Text      Kind = iota
	Integer        // a whole number
	Port           // 0 to 65535
	Duration       // 250ms, 30s, 5m
	Size           // bytes: 512, 64KiB, 1MB
	Boolean        // true, false, 1, 0, yes, no, on, off
	Choice         // one of Values
	Level          // a log level
	Origins        // web origins, separated by commas
	URL            // a connection URL, which may hold a password
	List           // texts, separated by commas
	Durations      // the same of durations
)

var kindNames = [...]string{
	"text", "number", "port", "duration", "size", "boolean", "choice", "level", "list", "URL", "list", "list",
}

func (k Kind) String() string { return kindNames[k] }

// Setting describes one setting. Everything else about settings follows from
// the table that [Settings] returns.
type Setting struct {
	Key     string   // in the file, dots for nesting
	Env     []string // the documented variable, then older names that also work
	Flag    string   // without the dashes
	Kind    Kind
	Default string
	Values  []string // of a Choice
	Min     int64    // of numbers and sizes
	Max     int64    // 0: no limit
	Secret  bool     // masked when printed; Env also works with _FILE appended
	Blank   bool     // empty is a value of its own, where it is given, and not the default
	Help    string

	// Serving marks what concerns only the commands that serve, and not how
	// the database is reached.
	Serving bool
}

// Group is the key without its last part, "" at the top level.
func (s *Setting) Group() string {
	g, _, ok := strings.Cut(s.Key, ".")
	if !ok {
		return ""
	}
	return g
}

// DefaultText is the default as people should read it.
func (s *Setting) DefaultText() string {
	switch {
	case s.Key == "database.port":
		return "6875, or 5432 with engine postgres"
	case s.Default == "" && s.Key == "listen.host":
		return "all interfaces"
	case s.Default == "" && s.Key == "allowed_origins":
		return "same origin and loopback"
	case s.Default == "":
		return "none"
	}
	return s.Default
}

// Settings returns the table of all settings, in the order in which they are
// documented.
func Settings() []Setting {
	all := slices.Concat(
		serving("", topLevel()),
		serving("listen", listening()),
		serving("tls", encryption()),
		group("database", database()),
		serving("postgres", postgres()),
		serving("retry", retry()),
		serving("triggers", triggers()),
		serving("webhook", webhooks()),
		group("log", logging()),
		serving("limits", limits()),
	)
	for i := range all {
		s := &all[i]
		if len(s.Env) == 0 {
			s.Env = []string{"TYCOSTREAM_" + strings.ToUpper(strings.ReplaceAll(s.Key, ".", "_"))}
		}
		if s.Flag == "" {
			s.Flag = strings.NewReplacer(".", "-", "_", "-").Replace(s.Key)
		}
	}
	return all
}

func group(name string, list []Setting) []Setting {
	for i := range list {
		if name != "" {
			list[i].Key = name + "." + list[i].Key
		}
	}
	return list
}

func serving(name string, list []Setting) []Setting {
	for i := range list {
		list[i].Serving = list[i].Key != "schema_path"
	}
	return group(name, list)
}

func topLevel() []Setting {
	return []Setting{
		{
			Key: "schema_path", Env: []string{"SCHEMA_PATH"}, Default: "./schema.yaml",
			Help: "The file that names the sources.",
		},
		{
			Key: "allowed_origins", Env: []string{"ALLOWED_ORIGINS", "FRONTEND_URL"}, Kind: Origins,
			Help: "Web origins that may call: https://app.example.com, https://*.example.com, or * for all.",
		},
		{
			Key: "data_dir", Env: []string{"DATA_DIR"}, Default: DefaultDataDir, Blank: true,
			Help: "Directory for what must outlive the gateway: triggers, what they know of rows, and deliveries. Given as empty: all in memory.",
		},
		{
			Key: "admin_secret", Env: []string{"ADMIN_SECRET", "HASURA_GRAPHQL_ADMIN_SECRET"}, Secret: true,
			Help: "When set, mutations need it as bearer token or in connection_init.",
		},
		{
			Key: "ready_max_staleness", Env: []string{"READY_MAX_STALENESS"}, Kind: Duration, Default: "0s",
			Help: "Fail /readyz when a required source is older than this; 0 keeps it ready once it was live.",
		},
		{
			Key: "stale_after", Kind: Duration, Default: "10s",
			Help: "A source whose database has been away this long is marked STALE.",
		},
		{
			Key: "query_wait", Kind: Duration, Default: "5s",
			Help: "How long a query waits for a source that is not live yet.",
		},
		{
			Key: "heartbeat", Kind: Duration, Default: "5s",
			Help: "A frame, if need be an empty one, is sent at least this often.",
		},
		{
			Key: "linger", Kind: Duration, Default: "5m",
			Help: "How long a lazy source stays connected after its last subscriber.",
		},
		{
			Key: "ring_bytes", Kind: Size, Default: "4MiB", Min: 64 << 10, Max: 1 << 30,
			Help: "Encoded changes kept for each view, so that clients that keep up get every one.",
		},
		{
			Key: "ring_total", Kind: Size, Default: "256MiB", Min: 64 << 10, Max: 1 << 40,
			Help: "ring_bytes of all views of a source together, but for 32 KiB each.",
		},
		{
			Key: "ring_chunks", Kind: Integer, Default: "1024", Min: 2, Max: 1 << 20,
			Help: "Upstream times kept for each view; the smaller of both bounds counts.",
		},
		{
			Key: "undo_age", Kind: Duration, Default: "5m",
			Help: "How far back clients can resume; after a start, as far as the view retains history.",
		},
		{
			Key: "undo_bytes", Kind: Size, Default: "64MiB", Min: 64 << 10, Max: 1 << 40,
			Help: "Changed rows kept of each source for resuming; the smaller of both bounds counts.",
		},
		{
			Key: "slow_client_timeout", Kind: Duration, Default: "10m",
			Help: "A client that takes not one byte for this long is disconnected.",
		},
		{
			Key: "shutdown_grace", Kind: Duration, Default: "10s",
			Help: "Time over which connections are closed after SIGTERM.",
		},
		{
			Key: "init_timeout", Kind: Duration, Default: "3s",
			Help: "Time a WebSocket client has for connection_init.",
		},
		{
			Key: "ping_interval", Kind: Duration, Default: "12s",
			Help: "Pause between pings on WebSockets and comments on event streams.",
		},
		{
			Key: "stall_timeout", Kind: Duration, Default: "30s",
			Help: "Reconnect when the database has been silent for this long.",
		},
	}
}

func listening() []Setting {
	return []Setting{
		{
			Key: "host", Env: []string{"LISTEN_HOST"},
			Help: "Address to listen on.",
		},
		{
			Key: "port", Env: []string{"GRAPHQL_PORT", "PORT"}, Flag: "port", Kind: Port, Default: "4000",
			Help: "Port for clients; 0 takes a free one.",
		},
		{
			Key: "internal_port", Env: []string{"INTERNAL_PORT"}, Flag: "internal-port", Kind: Port, Default: "0",
			Help: "Moves /metrics, /livez, /readyz and profiles to a port of their own; 0 leaves them on the first.",
		},
		{
			Key: "ui", Env: []string{"GRAPHQL_UI"}, Flag: "ui", Kind: Boolean, Default: "true",
			Help: "Serve the live page and the playground.",
		},
		{
			Key: "row_channels", Env: []string{"TYCOSTREAM_ROW_CHANNELS"}, Flag: "row-channels", Kind: Boolean, Default: "false",
			Help: "Serve row channels at /ws, for front ends of LISTEN/NOTIFY gateways.",
		},
	}
}

func encryption() []Setting {
	return []Setting{
		{
			Key: "cert", Env: []string{"TLS_CERT"},
			Help: "File with the certificate and its chain (PEM): the port for clients then speaks TLS only. A new one is taken without a restart.",
		},
		{
			Key: "key", Env: []string{"TLS_KEY"},
			Help: "File with the certificate's private key (PEM).",
		},
	}
}

func database() []Setting {
	return []Setting{
		{
			Key: "url", Env: []string{"DATABASE_URL"}, Kind: URL, Secret: true,
			Help: "postgres://user:password@host:port/name?sslmode=require; beats the single settings, which fill what it leaves out.",
		},
		{
			Key: "host", Env: []string{"DATABASE_HOST"}, Default: "localhost",
			Help: "Host of the database, or the directory of its socket.",
		},
		{
			Key: "port", Env: []string{"DATABASE_PORT"}, Kind: Port, Min: 1,
			Help: "Port of the database.",
		},
		{
			Key: "user", Env: []string{"DATABASE_USER"}, Default: "materialize",
			Help: "User name.",
		},
		{
			Key: "password", Env: []string{"DATABASE_PASSWORD"}, Default: "materialize", Secret: true,
			Help: "Password.",
		},
		{
			Key: "name", Env: []string{"DATABASE_NAME"}, Default: "materialize",
			Help: "Name of the database.",
		},
		{
			Key: "sslmode", Env: []string{"DATABASE_SSLMODE"}, Kind: Choice, Default: "prefer",
			Values: []string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"},
			Help:   "Encryption of the connection.",
		},
		{
			Key: "cluster", Env: []string{"DATABASE_CLUSTER"},
			Help: "Materialize cluster that runs the subscriptions; empty: the role's own.",
		},
		{
			Key: "engine", Env: []string{"DATABASE_ENGINE"}, Kind: Choice, Default: "auto",
			Values: []string{"auto", "materialize", "postgres"},
			Help:   "Kind of database; auto asks it.",
		},
		{
			Key: "connect_timeout", Kind: Duration, Default: "10s",
			Help: "Time one attempt to connect may take.",
		},
	}
}

func postgres() []Setting {
	return []Setting{
		{
			Key: "publication", Default: "tycostream",
			Help: "PostgreSQL publication to follow; created when it is missing and the user may.",
		},
		{
			Key:  "slot",
			Help: "PostgreSQL replication slot that outlives the gateway; empty: a temporary one.",
		},
		{
			Key: "poll_interval", Kind: Duration, Default: "5s",
			Help: "How often to look whether missing PostgreSQL tables have appeared.",
		},
	}
}

func retry() []Setting {
	return []Setting{
		{Key: "min", Kind: Duration, Default: "100ms", Help: "First pause before a reconnect; it doubles, with jitter."},
		{Key: "max", Kind: Duration, Default: "30s", Help: "Longest pause before a reconnect."},
		{Key: "slow", Kind: Duration, Default: "30s", Help: "Pause after an error that waiting alone does not mend."},
	}
}

func triggers() []Setting {
	return []Setting{
		{
			Key: "enabled", Env: []string{"TRIGGERS"}, Flag: "triggers", Kind: Boolean, Default: "on",
			Help: "Run triggers; off makes a replica that serves subscriptions only.",
		},
		{
			Key:  "at",
			Help: "Where clients are sent by a gateway that runs no triggers: the address of the one that does.",
		},
		{
			Key: "sync", Env: []string{"TRIGGER_SYNC"}, Flag: "trigger-sync", Kind: Choice, Default: "always",
			Values: []string{"always", "interval"},
			Help:   "When what triggers found is on disk: always before it is delivered, or every second.",
		},
	}
}

func webhooks() []Setting {
	return []Setting{
		{
			Key: "allow", Env: []string{"WEBHOOK_ALLOW"}, Kind: List,
			Help: "Private and loopback targets that clients' triggers may name: 10.0.0.5, 10.0.0.0/8, *.corp.example.",
		},
		{
			Key: "secrets", Env: []string{"WEBHOOK_SECRETS", "WEBHOOK_SECRET"}, Kind: List, Secret: true,
			Help: "What signs deliveries of triggers without secrets of their own; during a rotation several, the newest first.",
		},
		{
			Key: "timeout", Kind: Duration, Default: "15s",
			Help: "Time one attempt to deliver may take.",
		},
		{
			Key: "attempts", Kind: Integer, Default: "10", Min: 1, Max: 65,
			Help: "Attempts before a delivery becomes a dead letter; ten take some three days.",
		},
		{
			Key: "concurrency", Kind: Integer, Default: "16", Min: 1, Max: 1024,
			Help: "Deliveries at the same time to one webhook; a host gets four times as many.",
		},
		{
			Key: "delays", Kind: Durations,
			Help: "Pauses before the second and later attempts, as 5s,1m,10m; the last one holds for all beyond. Without it: 5s to 24h over three days.",
		},
	}
}

func logging() []Setting {
	return []Setting{
		{Key: "level", Env: []string{"LOG_LEVEL"}, Kind: Level, Default: "info", Help: "debug, info, warn or error."},
		{
			Key: "format", Kind: Choice, Default: "auto", Values: []string{"auto", "text", "json"},
			Help: "auto: text on a terminal, JSON otherwise.",
		},
	}
}

func limits() []Setting {
	return []Setting{
		{Key: "document_bytes", Kind: Size, Default: "256KiB", Help: "Length of a GraphQL document; like every limit, 0 means none."},
		{Key: "depth", Kind: Integer, Default: "32", Help: "Depth of a GraphQL document, of its selections and of its filters."},
		{Key: "fields", Kind: Integer, Default: "1000", Help: "Fields in a GraphQL document, fragments spread."},
		{Key: "operations", Kind: Integer, Default: "100", Help: "Operations at the same time on one connection."},
		{Key: "filter_size", Kind: Integer, Default: "20000", Help: "Operators, names and values in the filters of one operation."},
		{Key: "query_rows", Kind: Integer, Default: "100000", Help: "Rows in the answer of one query."},
		{Key: "connections", Kind: Integer, Default: "10000", Help: "Client connections at the same time."},
		{Key: "message_bytes", Kind: Size, Default: "1MiB", Help: "Length of one message or request body from a client."},
	}
}
