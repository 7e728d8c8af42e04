package source

import (
	"time"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
)

// Stats is what a supervisor knows of a source at a moment. Sources that have
// no feed yet are seen here alone.
type Stats struct {
	Source  string
	Backend string

	State     feed.State
	Reason    string // why it is not LIVE, for clients
	Connected bool   // a stream runs and is live
	Known     bool   // the schema is known

	Connects   uint64 // attempts to follow
	Lives      uint64 // times it went live
	Reconnects uint64 // times it went live again
	Snapshots  uint64 // of these by a snapshot
	Resumes    uint64 // of these by going on from its position
	Errors     uint64
	Malformed  uint64 // of these because upstream could not be read
	Batches    uint64
	Changes    uint64

	LastError   string // with details: for logs and operators, not for clients
	LastErrorAt time.Time
	Frontier    relation.Frontier
}

func (in *intake) stats() Stats {
	in.mu.Lock()
	defer in.mu.Unlock()
	s := in.st
	s.Connected, s.Known = in.joined, in.feed != nil
	return s
}
