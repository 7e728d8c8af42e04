package webhook

import (
	"context"
	"errors"
	"hash/fnv"
	"io"
	"maps"
	"slices"
	"time"
)

// Kind says what a delivery tells its receiver.
type Kind uint8

// The kinds of a transition.
const (
	Fire  Kind = iota + 1
	Clear      // the row no longer matches, or is gone
	Test       // a marked sample, asked for by a person
)

// String returns the name that payloads and logs use.
func (k Kind) String() string {
	switch k {
	case Fire:
		return "FIRE"
	case Clear:
		return "CLEAR"
	case Test:
		return "TEST"
	}
	return "UNKNOWN"
}

// Transition is one FIRE or CLEAR of one row, a TEST, or, when Silent, a change
// of the row's stored state that nobody is told.
type Transition struct {
	Trigger string    // stable id of the trigger: letters, digits, - and _; a re-created trigger has another
	Key     string    // the row's key text, as it is; of a Test, anything
	Kind    Kind      // of a silent transition: not read
	ID      string    // webhook-id of every attempt; fixed before the transition is appended
	Time    time.Time // of the event
	Body    []byte    // the JSON that is posted; nil when Silent
	Silent  bool      // state only
	State   []byte    // the row's state from here on, opaque; empty: at rest, forgotten once all is delivered. Not read for a Test
	Prev    uint64    // sequence of the row's last transition; 0 when that left the row at rest, or there is none. Later ones of the row in the same Append chain by themselves
}

// Errors of a store. Wrapped, with the row or path in question.
var (
	ErrConflict = errors.New("the row has changed since")            // Prev is not the row's last sequence: nothing was written
	ErrTooLarge = errors.New("the payload is too large")             // nothing was written
	ErrLocked   = errors.New("the data directory is in use")         // another process holds it
	ErrClosed   = errors.New("the outbox is closed")                 // Append after Close
	ErrNotFound = errors.New("no such delivery")                     // it is delivered, forgotten, or never was
	ErrFailed   = errors.New("the outbox cannot be written")         // a write failed: what is on disk is sound, and the store tries to go on with it
	ErrNotTaken = errors.New("the lane has no delivery to conclude") // a lane concluded twice
)

// Log is the durable half that belongs to triggers: the store, as their owner
// sees it.
type Log interface {
	// Append writes transitions, durably and in order, and returns the
	// sequence of each. Concurrent calls share one durable barrier. A
	// conflict is found before anything is written.
	Append(ctx context.Context, ts []Transition) ([]uint64, error)

	// States calls yield with the last sequence and state of every row of the
	// trigger that is not at rest; all others have Prev 0.
	States(ctx context.Context, trigger string, yield func(key string, seq uint64, state []byte) bool) error

	// Forget drops the rows, deliveries and dead letters of a trigger. The
	// caller no longer appends to it.
	Forget(ctx context.Context, trigger string) error

	// Triggers returns the ids that have rows, deliveries or dead letters: one
	// without a definition was being deleted when the process ended.
	Triggers(ctx context.Context) ([]string, error)

	// PutDefinition, DeleteDefinition and Definitions keep documents by name.
	PutDefinition(ctx context.Context, name string, doc []byte) error
	DeleteDefinition(ctx context.Context, name string) error
	Definitions(ctx context.Context) (map[string][]byte, error)
}

// Lane is a row, or a resent or test delivery beside the rows, with something
// to deliver: a handle that a [Deliverer] gives back to its [Outbox].
type Lane interface {
	// Trigger is the id of the lane's trigger.
	Trigger() string
}

// Attempts is what has been tried for a delivery.
type Attempts struct {
	Count   int       // attempts that failed, or the number of the one that succeeded
	Last    time.Time // of the newest
	Next    time.Time // not before; zero: at once
	Status  int       // HTTP status of the newest; 0: there was no answer
	Excerpt string    // of the answer, or the error: at most [ExcerptBytes], cleaned
}

// Delivery is one transition on its way to an endpoint.
type Delivery struct {
	Trigger  string
	Key      string
	Kind     Kind
	ID       string
	Seq      uint64
	Time     time.Time
	Body     []byte
	Resent   bool // a dead letter that was sent again
	Attempts Attempts
}

// Outbox is the durable half that belongs to deliveries. A lane that has been
// announced belongs to the deliverer until it calls Done, Retry or Bury: each
// lane is out once, and its order is the outbox's promise.
type Outbox interface {
	// Announce calls ready for every lane with a delivery, and from then on
	// for each that gets one. due is the time of the next attempt, zero for
	// at once. ready must not block; it may be called with locks held, and
	// must not call the outbox. A nil ready ends the announcements.
	Announce(ready func(lane Lane, due time.Time))

	// Load returns the lane's next delivery, or ErrNotFound when there is none
	// any more.
	Load(ctx context.Context, lane Lane) (Delivery, error)

	// Done records a success, Bury a failure for good: the delivery becomes a
	// dead letter. If the lane has more, it is announced again. Retry keeps
	// the delivery: the caller keeps the lane and tries again after a.Next.
	Done(lane Lane, a Attempts) error
	Retry(lane Lane, a Attempts) error
	Bury(ctx context.Context, lane Lane, a Attempts) error
}

// Status is where a delivery stands.
type Status uint8

// The states of a delivery.
const (
	Pending   Status = iota + 1
	Delivered        // remembered for the newest ones only
	Dead             // given up; kept for a while, and may be resent
)

// String returns the name that the API uses.
func (s Status) String() string {
	switch s {
	case Pending:
		return "PENDING"
	case Delivered:
		return "DELIVERED"
	case Dead:
		return "DEAD"
	}
	return "UNKNOWN"
}

// Page bounds a listing.
type Page struct {
	After uint64 // sequences above this only
	Limit int    // at most this many; 0: 100
}

// Admin is the part of a store that people look at.
type Admin interface {
	// PendingOf and DeadOf list the deliveries of a trigger, oldest first.
	PendingOf(ctx context.Context, trigger string, p Page) ([]Delivery, error)
	DeadOf(ctx context.Context, trigger string, p Page) ([]Delivery, error)

	// Resend queues the dead letter with this id again, ResendAll all of a
	// trigger; the first attempt is due at once. They keep their id and body,
	// and are delivered beside the row's order, not in it.
	Resend(ctx context.Context, trigger, id string) error
	ResendAll(ctx context.Context, trigger string) (int, error)

	// Pending and Dead count the deliveries of a trigger; "" is all of them.
	Pending(trigger string) int
	Dead(ctx context.Context, trigger string) (int, error)
}

// Store is all of it. Package store has the one that lasts.
type Store interface {
	Log
	Outbox
	Admin
	Close() error
}

// ExcerptBytes bounds what is kept of an answer.
const ExcerptBytes = 512

// Endpoint is where and how the deliveries of one trigger go.
type Endpoint struct {
	URL     string
	Header  map[string]string // custom headers; ours win
	Secrets []string          // newest first; every one signs. See package sign
	Private bool              // private and loopback targets are allowed
	Timeout time.Duration     // of an attempt; 0: that of the settings
	Delays  []time.Duration   // before the second and later attempts; nil: those of the settings
	Paused  bool
}

// stamp tells endpoints apart by what may decide whether a receiver takes a
// delivery. It is never 0.
func (e *Endpoint) stamp() uint64 {
	h := fnv.New64a()
	write := func(text string) { _, _ = io.WriteString(h, text+"\x00") } // never fails
	write(e.URL)
	for _, name := range slices.Sorted(maps.Keys(e.Header)) {
		write(name)
		write(e.Header[name])
	}
	for _, s := range e.Secrets {
		write(s)
	}
	return max(1, h.Sum64())
}
