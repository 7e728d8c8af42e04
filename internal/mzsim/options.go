package mzsim

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/tycostream/tycostream/internal/mzsim/pgerr"
	"github.com/tycostream/tycostream/internal/mzsim/store"
	"github.com/tycostream/tycostream/internal/mzsim/world"
)

// Names of the packages below, so that tests need only this one.
type (
	// Column is one column of a collection.
	Column = store.Column
	// ObjectOptions say what a collection is.
	ObjectOptions = store.Options
	// Tx is a set of updates for one time.
	Tx = store.Tx
	// Error is an ErrorResponse; package pgerr makes those that matter.
	Error = pgerr.Error
	// WorldOptions configure the world of instruments and trades.
	WorldOptions = world.Options
)

// Columns reads column declarations such as "id integer not null".
func Columns(declarations ...string) []Column { return store.Columns(declarations...) }

// AuthMethod is how clients log in.
type AuthMethod uint8

// The methods.
const (
	AuthNone      AuthMethod = iota
	AuthCleartext            // password in the clear
	AuthSCRAM                // SCRAM-SHA-256
)

// Options configure a Sim. The zero value is a server without login that
// ticks once a second.
type Options struct {
	// TickInterval is how often the upper follows the clock; zero: 1 s.
	TickInterval time.Duration
	// Manual leaves ticking to the caller.
	Manual bool
	// Seed of everything random; the same seed gives the same world and the
	// same order of rows.
	Seed uint64
	// World, when set, fills the catalog with instruments, trades,
	// market_data and live_pnl, and moves them at every tick.
	World *WorldOptions
	// Auth is how clients log in, Users their passwords. With AuthNone
	// everybody may.
	Auth  AuthMethod
	Users map[string]string
	// TLS, when set, is offered to clients; RequireTLS refuses the others.
	TLS        *tls.Config
	RequireTLS bool
	// Version is what mz_version() says.
	Version string
	// Environment is what mz_environment_id() says; empty: an id that no other
	// Sim has.
	Environment string
	// Era chooses the texts of some errors.
	Era pgerr.Era
	// MaxResultSize bounds a snapshot in bytes; zero: no bound.
	MaxResultSize int64
	// MaxBacklog is the number of bytes that a subscription may fall behind
	// before it is ended with 53200; zero: no bound.
	MaxBacklog int64
	// MaxBatch is the time that a batch of a subscription spans at most, so that
	// one that begins in the past comes to the present in steps, one for each
	// tick or write; zero: no bound.
	MaxBatch time.Duration
	// MaxConnections refuses further sessions; zero: no bound.
	MaxConnections int
	// Clusters by name with their number of replicas. Without any there are
	// quickstart and mz_catalog_server with one each.
	Clusters map[string]int
	// PipeBuffer is the size of Dial's buffers; zero: 64 KiB.
	PipeBuffer int
	// Logger takes what happens to sessions; nil: nothing.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.TickInterval == 0 {
		o.TickInterval = time.Second
	}
	if o.Version == "" {
		o.Version = "v26.16.0 (stand-in)"
	}
	if o.Environment == "" {
		o.Environment = fmt.Sprintf("stand-in-%016x-0", rand.Uint64()) //nolint:gosec // unique, not secret
	}
	if o.Clusters == nil {
		o.Clusters = map[string]int{"quickstart": 1, "mz_catalog_server": 1}
	}
	if o.PipeBuffer == 0 {
		o.PipeBuffer = 64 << 10
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}
