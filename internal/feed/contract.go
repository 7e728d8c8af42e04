package feed

import (
	"github.com/tycostream/tycostream/internal/relation"
)

// State is a source's state, SourceState in GraphQL.
type State uint8

// The states of a source.
const (
	Starting State = iota // no snapshot yet
	Live                  // rows follow upstream
	Stale                 // upstream is away for longer than stale_after; rows are the last known
	Failed                // cannot go on without somebody's help; Status.Error says why
)

var stateNames = [...]string{"STARTING", "LIVE", "STALE", "FAILED"}

func (s State) String() string { return stateNames[s] }

// Op is what an event does to a client's set of rows.
type Op uint8

// The row operations of GraphQL's RowOperation.
const (
	Insert Op = iota + 1
	Update
	Delete
)

var opNames = [...]string{"", "INSERT", "UPDATE", "DELETE"}

func (o Op) String() string { return opNames[o] }

// Event is one change of one row as a view sees it.
type Event struct {
	Op  Op
	Row relation.Row // INSERT, UPDATE: the row as it is. DELETE: the last row as the view held it

	// What an UPDATE changed: the columns that differ between Old and Row, or,
	// when Old is "", those in Changed.
	Old     relation.Row
	Changed relation.ColumnSet
}

// FrameKind is the kind of a frame, FrameKind in GraphQL.
type FrameKind uint8

// The kinds of frames.
const (
	Snapshot FrameKind = iota + 1
	LiveFrame
	Resumed
	Reset
)

var kindNames = [...]string{"", "SNAPSHOT", "LIVE", "RESUMED", "RESET"}

func (k FrameKind) String() string { return kindNames[k] }

// Frame is a set of events that belong together: one upstream time, whole, or
// for a reader that was behind a conflated range that ends at Time.
type Frame struct {
	Kind   FrameKind
	Events []Event
	Last   bool   // false: more of the same set follows
	Time   uint64 // upstream time
	Wall   int64  // wall clock of Time, microseconds since the Unix epoch
	Cursor string // where a client can resume behind this frame; empty while Last is false
	From   string // of a RESUMED frame: the cursor it continues
	State  State

	epoch uint64 // of Time, for the cursor
}

// Encoder turns frames into messages. An encoder is immutable and safe for
// concurrent use. One-row-per-message encoders append a message for each event
// and none for an empty frame; frame encoders append one for each frame, or
// whatever else they make of it.
type Encoder interface {
	// ID is equal for encoders that write the same bytes; their chunks are
	// shared.
	ID() string

	// Frames reports whether the encoder tells of frames: it is also given empty
	// ones, as proof of life and when the state changes, and its readers are
	// told RESET and begin anew where others end with CodeResync.
	Frames() bool

	// Encode appends the messages of f to dst, and to ends the end offset in
	// dst of each message.
	Encode(dst []byte, ends []int, f *Frame) ([]byte, []int)
}
