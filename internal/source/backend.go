package source

import (
	"context"
	"time"

	"github.com/tycostream/tycostream/internal/relation"
)

// Backend follows relations of one upstream database. A backend holds
// configuration only: every Follow opens its own connections and closes them
// before it returns.
type Backend interface {
	// Name is the backend's name in `sources`: "materialize" or "postgres".
	Name() string

	// Shared reports whether all sources travel on one upstream stream (one
	// replication slot for the whole gateway). Then the supervisor calls
	// Follow once with every target; otherwise once for each target.
	Shared() bool

	// Describe looks a source up in the catalog. It returns an *Error.
	Describe(ctx context.Context, def *Definition) (*Relation, error)

	// Follow connects once and delivers rows to the targets' sinks until ctx
	// ends (it then returns context.Cause(ctx)), the stream ends, or something
	// fails. It calls a sink from one goroutine at a time. Every error that it
	// returns or gives to Sink.Fail is an *Error whose Class says what to do.
	// A sink's own error is returned as it is.
	Follow(ctx context.Context, targets []Target) error
}

// Target is one source in a call of Follow.
type Target struct {
	Def    *Definition
	Resume Position // zero: take a snapshot
	Sink   Sink

	// History is how far in the past a snapshot may begin, if upstream still
	// knows what happened since and Sink is a HistorySink; 0: now.
	History time.Duration
}

// Position is where a stream stopped: a later Follow of the same Backend goes on
// behind it when upstream still has the history and Identity is unchanged.
type Position struct {
	Identity string
	Frontier relation.Frontier
}

// Sink takes one source's rows in. A Follow calls, in this order:
//
//	Open                            the relation as the catalog has it now
//	Snapshot*, then Live            a snapshot: rows in any number of calls, then the time they all stand at;
//	                                or, when it goes on from Target.Resume, Apply*, then Live, once it has
//	                                come to what was now when it connected: before that the rows are old
//	Apply*                          whole times, in order
//
// In a stream that several targets share, Fail ends one target's part in it.
// Rows and batches belong to the sink once handed over.
type Sink interface {
	// Open takes the relation and returns where each column of the source's
	// schema stands in it: layout[i] is the index into rel.Columns of schema
	// column i. Rows handed over later hold exactly the schema's cells in its
	// order. It returns an *Error when the relation does not fit the source.
	Open(rel *Relation) (schema *relation.Schema, layout []int, err error)

	// Snapshot takes some rows of a new snapshot. Nothing becomes visible
	// before Live. It returns an *Error when the source is over max_rows.
	Snapshot(rows []relation.Row) error

	// Live ends the snapshot, all of whose rows stand at f. The sink compares
	// it with the rows it has and passes on only what differs. Without any
	// Snapshot call since Open and with resumed true, it only says that the
	// stream has gone on from Target.Resume, and come to f.
	Live(f relation.Frontier, resumed bool) error

	// Apply takes whole upstream times in ascending order, possibly none, and
	// makes them visible together; f is at or after the last of them. It
	// returns an *Error when a claim of a change does not hold.
	Apply(batches []relation.Batch, f relation.Frontier) error

	// Fail says that this target alone cannot go on.
	Fail(err error)
}

// HistorySink is a Sink that can begin in the past, so that it knows what
// changed before it was there. Instead of Snapshot*, Live, a Follow may call
//
//	Snapshot*, Past             rows as they were at the time f
//	Apply*                      what happened since
//	Live                        resumed false, at the time of the last Apply: the sink has caught up
//
// Between Past and Live the rows are old, and nobody may take them for the
// source's.
type HistorySink interface {
	Sink

	// Past ends a snapshot of the past, all of whose rows stand at f.
	Past(f relation.Frontier) error
}

// Relation is what the catalog knows of a source.
type Relation struct {
	// Identity changes whenever rows before and after cannot be compared: a
	// hash over engine, server, catalog object id, key and columns; for
	// PostgreSQL the timeline too. Any gateway over the same relation computes
	// the same one.
	Identity string
	Name     string // fully qualified, for messages
	Type     string // "materialized view", "table", ...
	Columns  []CatalogColumn
}

// CatalogColumn is a column as the catalog describes it.
type CatalogColumn struct {
	Name     string
	SQLType  string        // "bigint", "timestamp with time zone", "text[]": for messages
	Kind     relation.Kind // what schema.yaml would call it
	Elem     relation.Kind // of an Array
	Zoned    bool          // of a Timestamp
	Nullable bool
}

// Class says what to do about an upstream error.
type Class uint8

// The classes, in order of growing patience.
const (
	Retry     Class = iota + 1 // the network, a restart: reconnect with back-off
	Compacted                  // the history behind Target.Resume is gone: take a snapshot
	Slow                       // a missing relation, poisoned data: state FAILED, retry slowly
	Config                     // credentials, permissions, a column that does not fit: state FAILED, retry slowly
)

// Error is an upstream error, classified. Text is safe to show to clients and
// says what to do: it names no host, SQL or user. Err holds the details for
// the log.
type Error struct {
	Class Class
	Text  string
	Err   error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Text
	}
	return e.Text + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }
