package store

import (
	"context"
	"log/slog"
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
	broker *broker
	wg     sync.WaitGroup // the writer and the sweeper

	// writing serializes what changes the outbox stream: a group of appends, a
	// purge. It comes before mu.
	writing sync.Mutex

	mu       sync.Mutex
	triggers map[string]*trigger
	ready    func(webhook.Lane, time.Time)
	queue    []*request // appends that wait for the writer
	dirty    []*lane    // lanes with messages to purge
	bodies   cache
	failed   error // set once: the write that failed, or ErrClosed

	orphans []string // marks of nothing, until the sweeper has purged them; its own

	wakeWriter  chan struct{} // one slot
	wakeSweeper chan struct{} // one slot
	stop        chan struct{}
}

var _ webhook.Store = (*Store)(nil)

// Open takes the directory, starts the server in it and reads what is there.
func Open(ctx context.Context, o Options) (*Store, error) {
	o = o.withDefaults()
	b, err := startBroker(ctx, o)
	if err != nil {
		return nil, err
	}
	s := &Store{
		opts: o, broker: b, triggers: map[string]*trigger{}, bodies: newCache(o.Cache),
		wakeWriter: make(chan struct{}, 1), wakeSweeper: make(chan struct{}, 1), stop: make(chan struct{}),
	}
	if err := s.recover(ctx); err != nil {
		b.close()
		return nil, err
	}
	s.wg.Go(s.write)
	s.wg.Go(s.sweep)
	return s, nil
}

// Close finishes the appends that have begun and gives the directory back.
// Only a store that is no longer used may be closed.
func (s *Store) Close() error {
	s.mu.Lock()
	closed := s.failed != nil && s.stopped()
	if s.failed == nil {
		s.failed = webhook.ErrClosed
	}
	s.ready = nil
	s.mu.Unlock()
	if closed {
		return nil
	}
	close(s.stop)
	s.wg.Wait()
	s.broker.close()
	return nil
}

func (s *Store) stopped() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}

// wake puts a signal into a slot that may have one.
func wake(slot chan struct{}) {
	select {
	case slot <- struct{}{}:
	default:
	}
}
