package mzsim

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/tycostream/tycostream/internal/mzsim/catalog"
	"github.com/tycostream/tycostream/internal/mzsim/pgerr"
	"github.com/tycostream/tycostream/internal/mzsim/pipe"
	"github.com/tycostream/tycostream/internal/mzsim/store"
	"github.com/tycostream/tycostream/internal/mzsim/subscribe"
	"github.com/tycostream/tycostream/internal/mzsim/world"
)

// ErrClosed is returned by the methods of a closed Sim.
var ErrClosed = errors.New("mzsim: closed")

// Sim is the stand-in. The embedded Store holds its collections.
type Sim struct {
	*store.Store

	opts   Options
	world  *world.World
	faults *Faults
	done   chan struct{} // closed by Close
	wg     sync.WaitGroup

	mu        sync.Mutex
	closed    bool
	nextPID   uint32
	sessions  map[uint32]*session
	listeners map[net.Listener]struct{}
}

// New starts a stand-in.
func New(opts Options) *Sim {
	s := &Sim{
		Store: store.New(nil), opts: opts.withDefaults(), done: make(chan struct{}), nextPID: 1,
		sessions: make(map[uint32]*session), listeners: make(map[net.Listener]struct{}),
	}
	s.faults = newFaults(s)
	if opts.World != nil {
		o := *opts.World
		if o.Seed == 0 {
			o.Seed = opts.Seed
		}
		s.world = world.New(s.Store, o)
	}
	if !opts.Manual {
		s.wg.Go(s.tick)
	}
	return s
}

// World returns the moving world, or nil without Options.World.
func (s *Sim) World() *world.World { return s.world }

// Faults returns the fault injector.
func (s *Sim) Faults() *Faults { return s.faults }

func (s *Sim) tick() {
	t := time.NewTicker(s.opts.TickInterval)
	defer t.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-t.C:
			s.Step()
		}
	}
}

// Step is one tick: the world moves, and time does.
func (s *Sim) Step() {
	defer s.HoldUpper()() // one batch, with one progress row
	if s.world != nil {
		s.world.Step(s.opts.TickInterval)
	}
	s.Tick()
}

// Dial opens a connection in this process.
func (s *Sim) Dial(ctx context.Context) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.faults.refusal(); err != nil {
		return nil, err
	}
	client, server := pipe.New(s.opts.PipeBuffer)
	if err := s.accept(server); err != nil {
		_ = client.Close()
		return nil, err
	}
	return client, nil
}

// Serve accepts connections until the listener fails or the Sim is closed,
// which closes the listener too.
func (s *Sim) Serve(l net.Listener) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	s.listeners[l] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.listeners, l)
		s.mu.Unlock()
	}()
	for {
		conn, err := l.Accept()
		if err != nil {
			if s.isClosed() {
				return ErrClosed
			}
			return err
		}
		if s.faults.refusal() != nil {
			_ = conn.Close()
			continue
		}
		if err := s.accept(conn); err != nil {
			return err
		}
	}
}

func (s *Sim) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// accept starts a session.
func (s *Sim) accept(conn net.Conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = conn.Close()
		return ErrClosed
	}
	pid := s.nextPID
	s.nextPID++
	ses := newSession(s, pid, conn)
	s.sessions[pid] = ses
	s.wg.Go(func() {
		ses.serve()
		s.mu.Lock()
		delete(s.sessions, pid)
		s.mu.Unlock()
	})
	return nil
}

// Sessions returns the number of open connections.
func (s *Sim) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

// Streams returns the number of running subscriptions.
func (s *Sim) Streams() int {
	n := 0
	s.eachSession(func(ses *session) {
		if ses.streaming.Load() {
			n++
		}
	})
	return n
}

func (s *Sim) eachSession(f func(*session)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ses := range s.sessions {
		f(ses)
	}
}

// cancel asks a session to give up its statement, if secret is that session's.
func (s *Sim) cancel(pid uint32, secret string) bool {
	ses := s.session(pid)
	return ses != nil && ses.secret == secret && ses.inject(pgerr.Canceled())
}

func (s *Sim) session(pid uint32) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[pid]
}

// Close ends every session, listener and goroutine.
func (s *Sim) Close() {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.done)
	}
	for l := range s.listeners {
		_ = l.Close()
	}
	for _, ses := range s.sessions {
		ses.kill()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

// server is what the catalog says about the server.
func (s *Sim) server() *catalog.Server {
	return &catalog.Server{
		Version: s.opts.Version, Environment: s.opts.Environment, Clusters: s.opts.Clusters,
		Sessions: func() (list []catalog.Session) {
			s.eachSession(func(o *session) {
				list = append(list, catalog.Session{PID: o.pid, Streaming: o.streaming.Load()})
			})
			return list
		},
		Cancel: func(pid uint32) bool {
			target := s.session(pid)
			return target != nil && target.inject(pgerr.Canceled())
		},
	}
}

func (s *Sim) subscribing() subscribe.Options {
	return subscribe.Options{
		Seed: s.opts.Seed, MaxResultSize: s.opts.MaxResultSize, MaxBacklog: s.opts.MaxBacklog, MaxBatch: s.opts.MaxBatch,
	}
}
