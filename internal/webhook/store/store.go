package store

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/tycostream/tycostream/internal/webhook"
)

// Sync says when an append is durable.
type Sync string

// The ways to sync: TRIGGER_SYNC.
const (
	Always   Sync = "always"   // on disk before Append returns
	Interval Sync = "interval" // with the operating system; on disk after Options.Interval at the latest
)

// Options for [Open].
type Options struct {
	Dir      string        // "": nothing outlives the process
	Sync     Sync          // "": Always
	Interval time.Duration // of syncs under Interval; 0: 1 s
	DeadMax  int           // dead letters kept, of all triggers; 0: 10,000
	DeadAge  time.Duration // how long they are kept; 0: 30 days
	Cache    int           // bytes of bodies kept in memory for their first attempt; 0: 32 MiB
	Log      *slog.Logger  // nil: discard
}

func (o Options) withDefaults() Options {
	if o.Sync == "" {
		o.Sync = Always
	}
	if o.Interval == 0 {
		o.Interval = time.Second
	}
	if o.DeadMax == 0 {
		o.DeadMax = 10_000
	}
	if o.DeadAge == 0 {
		o.DeadAge = 30 * 24 * time.Hour
	}
	if o.Cache == 0 {
		o.Cache = 32 << 20
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Store is the outbox. Make one with [Open].
type Store struct {
	opts   Options
	lock   *os.File           // nil in memory
	ctx    context.Context    //nolint:containedctx // the goroutines' life, which Close ends
	cancel context.CancelFunc //
	wg     sync.WaitGroup     // the writer, the sweeper and the mender

	// life is held for reading by whoever uses the server, and for writing
	// while it is started anew. It comes before writing.
	life   sync.RWMutex
	broker *broker // nil while there is none

	// writing serializes what changes the outbox stream: a group of appends, a
	// purge. It comes before mu.
	writing sync.Mutex

	mu       sync.Mutex
	triggers map[string]*trigger
	ready    func(webhook.Lane, time.Time)
	queue    []*request // appends that wait for the writer
	dirty    []*lane    // lanes with messages to purge
	resting  []*lane    // lanes that are to go whole, see retire
	since    time.Time  // of the first of resting
	sweeping bool       // the sweeper is at work
	last     uint64     // sequence of the newest message that the index knows
	bodies   cache
	lanes    int   // in triggers
	failed   error // the write that failed, until the store is mended; or ErrClosed
	full     bool  // the disk is, as far as is known
	blind    bool  // the index does not know what is in the stream
	closed   bool

	defs    sync.Mutex          // held while a definition is written; comes before life
	defSeqs map[string][]uint64 // sequences of each definition's documents, the newest last

	leftovers leftovers // the sweeper's own

	wakeWriter  chan struct{} // one slot
	wakeSweeper chan struct{} // one slot
	wakeMender  chan struct{} // one slot
}

var _ webhook.Store = (*Store)(nil)

// Open takes the directory, starts the server in it and reads what is there.
func Open(ctx context.Context, o Options) (*Store, error) {
	o = o.withDefaults()
	s := &Store{
		opts: o, triggers: map[string]*trigger{}, bodies: newCache(o.Cache),
		wakeWriter: make(chan struct{}, 1), wakeSweeper: make(chan struct{}, 1), wakeMender: make(chan struct{}, 1),
	}
	if o.Dir != "" {
		var err error
		if s.lock, err = lockDir(o.Dir); err != nil {
			return nil, err
		}
	}
	if err := s.start(ctx); err != nil {
		s.unlock()
		return nil, err
	}
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.wg.Go(s.write)
	s.wg.Go(s.sweep)
	s.wg.Go(s.mend)
	return s, nil
}

// Close finishes the appends that have begun and gives the directory back.
// Only a store that is no longer used may be closed.
func (s *Store) Close() error {
	s.mu.Lock()
	closed := s.closed
	s.closed, s.failed, s.ready = true, webhook.ErrClosed, nil
	s.mu.Unlock()
	if closed {
		return nil
	}
	s.cancel()
	s.wg.Wait()
	s.life.Lock()
	defer s.life.Unlock()
	var err error
	if s.broker != nil {
		err = s.broker.end()
		s.broker = nil
	}
	s.unlock()
	return err
}

func (s *Store) unlock() {
	if s.lock != nil {
		_ = s.lock.Close()
	}
}

// use calls f with the server.
func (s *Store) use(f func(b *broker) error) error {
	s.life.RLock()
	defer s.life.RUnlock()
	if s.broker == nil {
		return webhook.ErrFailed
	}
	return f(s.broker)
}

func (s *Store) stopped() bool { return s.ctx.Err() != nil }

// wake puts a signal into a slot that may have one.
func wake(slot chan struct{}) {
	select {
	case slot <- struct{}{}:
	default:
	}
}
