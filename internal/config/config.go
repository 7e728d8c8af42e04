package config

import (
	"log/slog"
	"net/url"
	"time"
)

// DefaultDataDir is where triggers are kept if nobody says where.
const DefaultDataDir = "./data"

// Config holds the effective settings. The tags are the keys of [Settings]; a
// test compares both.
type Config struct {
	SchemaPath        string        `koanf:"schema_path"`
	AllowedOrigins    []string      `koanf:"allowed_origins"`
	DataDir           string        `koanf:"data_dir"` // empty: in memory
	AdminSecret       string        `koanf:"admin_secret"`
	ReadyMaxStaleness time.Duration `koanf:"ready_max_staleness"` // 0: a source that was live once counts as ready
	StaleAfter        time.Duration `koanf:"stale_after"`
	QueryWait         time.Duration `koanf:"query_wait"`
	Heartbeat         time.Duration `koanf:"heartbeat"`
	Linger            time.Duration `koanf:"linger"`
	RingBytes         int           `koanf:"ring_bytes"`
	RingTotal         int           `koanf:"ring_total"`
	RingChunks        int           `koanf:"ring_chunks"`
	UndoAge           time.Duration `koanf:"undo_age"`
	UndoBytes         int           `koanf:"undo_bytes"`
	SlowClientTimeout time.Duration `koanf:"slow_client_timeout"`
	ShutdownGrace     time.Duration `koanf:"shutdown_grace"`
	InitTimeout       time.Duration `koanf:"init_timeout"`
	PingInterval      time.Duration `koanf:"ping_interval"`
	StallTimeout      time.Duration `koanf:"stall_timeout"`

	Database Database `koanf:"database"`
	Postgres Postgres `koanf:"postgres"`
	Listen   Listen   `koanf:"listen"`
	TLS      TLS      `koanf:"tls"`
	Triggers Triggers `koanf:"triggers"`
	Webhook  Webhook  `koanf:"webhook"`
	Log      Log      `koanf:"log"`
	Retry    Retry    `koanf:"retry"`
	Limits   Limits   `koanf:"limits"`
}

// Listen says where the gateway is reached.
type Listen struct {
	Host         string `koanf:"host"` // empty: all interfaces
	Port         int    `koanf:"port"`
	InternalPort int    `koanf:"internal_port"` // 0: metrics and health are served on Port
	UI           bool   `koanf:"ui"`
	RowChannels  bool   `koanf:"row_channels"`
}

// TLS names the files with which the port for clients is encrypted: both or
// none.
type TLS struct {
	Cert string `koanf:"cert"`
	Key  string `koanf:"key"`
}

// Triggers says whether triggers run, and how durably.
type Triggers struct {
	Enabled bool   `koanf:"enabled"`
	At      string `koanf:"at"`   // the gateway that runs them, when this one does not
	Sync    string `koanf:"sync"` // always or interval
}

// Webhook says how triggers' deliveries are sent.
type Webhook struct {
	Allow       []string        `koanf:"allow"`
	Secrets     []string        `koanf:"secrets"` // newest first
	Timeout     time.Duration   `koanf:"timeout"`
	Attempts    int             `koanf:"attempts"`
	Concurrency int             `koanf:"concurrency"` // to one webhook
	Delays      []time.Duration `koanf:"delays"`      // before the second and later attempts; nil: the usual ones
}

// Log says what is logged and how.
type Log struct {
	Level  slog.Level `koanf:"level"`
	Format string     `koanf:"format"` // auto, text or json
}

// Retry is the pace of reconnects.
type Retry struct {
	Min  time.Duration `koanf:"min"`
	Max  time.Duration `koanf:"max"`
	Slow time.Duration `koanf:"slow"` // for what waiting alone does not mend
}

// Postgres holds what concerns logical replication alone.
type Postgres struct {
	Publication  string        `koanf:"publication"`
	Slot         string        `koanf:"slot"` // empty: a temporary slot
	PollInterval time.Duration `koanf:"poll_interval"`
}

// Limits bound what one client can ask for. A setting of 0 means no limit and
// stands here as -1.
type Limits struct {
	DocumentBytes int `koanf:"document_bytes"`
	Depth         int `koanf:"depth"`
	Fields        int `koanf:"fields"`
	Operations    int `koanf:"operations"` // at the same time on one connection
	FilterSize    int `koanf:"filter_size"`
	QueryRows     int `koanf:"query_rows"`
	Connections   int `koanf:"connections"`
	MessageBytes  int `koanf:"message_bytes"`
}

// Secrets returns the texts that must never be printed.
func (c *Config) Secrets() []string {
	secrets := append([]string{c.AdminSecret}, c.Webhook.Secrets...)
	switch p := c.Database.Password; p {
	case "materialize", "postgres", c.Database.User: // no secrets, but words that logs are full of
	default:
		secrets = append(secrets, p, url.QueryEscape(p), url.PathEscape(p))
	}
	return secrets
}

// unlimited turns zeros into -1.
func (l *Limits) unlimited() {
	for _, p := range []*int{
		&l.DocumentBytes, &l.Depth, &l.Fields, &l.Operations, &l.FilterSize, &l.QueryRows, &l.Connections, &l.MessageBytes,
	} {
		if *p == 0 {
			*p = -1
		}
	}
}
