package source

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
)

// Feed is the writer's side of a feed.Feed.
type Feed interface {
	// Schema is the shape of the rows.
	Schema() *relation.Schema

	// Load stages rows of a new snapshot, Commit makes them the whole content
	// at f, Abort drops them. Apply makes whole times visible together.
	Load(rows []relation.Row) error
	Commit(f relation.Frontier) error
	Abort()
	Apply(batches []relation.Batch, f relation.Frontier) error

	// SetState and SetEpoch tell readers how the source is doing and which
	// positions can be compared.
	SetState(s feed.State, reason string)
	SetEpoch(identity string)

	// Demand returns the number of readers, and a channel that is closed when
	// it changes.
	Demand() (readers int, changed <-chan struct{})
}

var _ Feed = (*feed.Feed)(nil)

// Source is what a Supervisor keeps in step. Feed may be nil if the definition
// declares no columns: it then comes from Settings.OnSchema.
type Source struct {
	Def  *Definition
	Feed Feed
}

// Settings holds a Supervisor's times. Zero means the default.
type Settings struct {
	RetryMin   time.Duration // first wait after a lost connection: 100 ms; doubled each time
	RetryMax   time.Duration // longest: 30 s
	SlowMin    time.Duration // first wait after an error that somebody has to mend: 1 s; doubled each time
	SlowRetry  time.Duration // longest: 30 s
	StaleAfter time.Duration // LIVE becomes STALE after this long without upstream: 10 s
	Stagger    time.Duration // between two connection attempts, of all sources together: 50 ms

	// History is how far in the past a source's first snapshot may begin, so
	// that its feed can answer for the time before this process; 0: now.
	History time.Duration

	// OnSchema is called when a source without declared columns is seen for the
	// first time. It returns the feed for its rows, after the API has grown by
	// it, or an *Error. It runs in the source's goroutine.
	OnSchema func(def *Definition, schema *relation.Schema) (Feed, error)

	Log *slog.Logger // nil: discarded
}

func (s Settings) withDefaults() Settings {
	s.RetryMin = cmp.Or(s.RetryMin, 100*time.Millisecond)
	s.RetryMax = cmp.Or(s.RetryMax, 30*time.Second)
	s.SlowMin = cmp.Or(s.SlowMin, time.Second)
	s.SlowRetry = cmp.Or(s.SlowRetry, 30*time.Second)
	s.StaleAfter = cmp.Or(s.StaleAfter, 10*time.Second)
	s.Stagger = cmp.Or(s.Stagger, 50*time.Millisecond)
	if s.OnSchema == nil {
		s.OnSchema = func(def *Definition, _ *relation.Schema) (Feed, error) {
			return nil, &Error{Class: Config, Text: "source " + def.Name + " declares no columns"}
		}
	}
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	return s
}

// Supervisor keeps the feeds of one backend's sources in step.
type Supervisor struct {
	backend Backend
	set     Settings
	gate    gate
	intakes []*intake
	groups  []*group
}

// NewSupervisor returns a supervisor that does nothing yet.
func NewSupervisor(b Backend, sources []Source, set Settings) *Supervisor {
	s := &Supervisor{backend: b, set: set.withDefaults()}
	s.gate.every = s.set.Stagger
	for _, src := range sources {
		s.intakes = append(s.intakes, newIntake(&src, b.Name(), &s.set))
	}
	if b.Shared() && len(s.intakes) > 0 {
		s.groups = []*group{{s: s, intakes: s.intakes, shared: true}}
		return s
	}
	for _, in := range s.intakes {
		s.groups = append(s.groups, &group{s: s, intakes: []*intake{in}, lazy: in.def.Lazy})
	}
	return s
}

// Run follows all sources until ctx ends, and returns when nothing of it runs
// any more. Call it once.
func (s *Supervisor) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, g := range s.groups {
		wg.Go(func() { g.run(ctx) })
	}
	wg.Wait()
}

// Stats returns what is known about each source, in the order in which they
// were given.
func (s *Supervisor) Stats() []Stats {
	out := make([]Stats, len(s.intakes))
	for i, in := range s.intakes {
		out[i] = in.stats()
	}
	return out
}

// group is a set of sources that travel on one stream.
type group struct {
	s       *Supervisor
	intakes []*intake
	lazy    bool
	shared  bool
	attempt int // failures in a row

	// of a lazy group; owned by run, and by leave while that waits for it
	joined bool      // it was wanted, and has not left since
	unread time.Time // since when nobody reads; zero: somebody does
}

// run is the thin loop: wait until it is wanted, follow once, decide how long
// to wait.
func (g *group) run(ctx context.Context) {
	defer func() {
		for _, in := range g.intakes {
			in.stop()
		}
	}()
	for g.lazy && !g.intakes[0].known() {
		if err := g.look(ctx); err != nil && !sleep(ctx, g.settle(ctx, err, 0)) {
			return
		}
	}
	for {
		if g.lazy && !g.wanted(ctx) || !g.s.gate.wait(ctx) {
			return
		}
		begin := time.Now()
		err := g.follow(ctx)
		g.joined = g.joined && !errors.Is(err, errUnwanted)
		if !sleep(ctx, g.settle(ctx, err, time.Since(begin))) {
			return
		}
	}
}

// look finds out what a lazy source without declared columns looks like.
func (g *group) look(ctx context.Context) error {
	if !g.s.gate.wait(ctx) {
		return context.Cause(ctx)
	}
	in := g.intakes[0]
	rel, err := g.s.backend.Describe(ctx, in.def)
	if err != nil {
		return err
	}
	_, _, err = in.Open(rel)
	return err
}

// wanted waits until somebody reads. A source that was lost while nobody read is
// wanted for as long as it lingers, and leaves then: its rows, which queries are
// answered from without being demand, must not grow old unnoticed.
func (g *group) wanted(ctx context.Context) bool {
	in := g.intakes[0]
	for {
		readers, changed := in.demand()
		switch idle := g.idle(readers); {
		case readers > 0, g.joined && idle < in.def.Linger:
			g.joined = true
			return true
		case g.joined:
			g.joined = false
			in.end(ctx, errUnwanted)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// idle returns for how long nobody has read.
func (g *group) idle(readers int) time.Duration {
	switch {
	case readers > 0:
		g.unread = time.Time{}
		return 0
	case g.unread.IsZero():
		g.unread = time.Now()
	}
	return time.Since(g.unread)
}

// follow runs one stream to its end.
func (g *group) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	targets := make([]Target, len(g.intakes))
	for i, in := range g.intakes {
		targets[i] = in.begin()
	}
	if g.lazy {
		wg.Go(func() { g.leave(ctx, cancel) })
	}
	if g.shared {
		wg.Go(func() { g.rejoin(ctx, cancel) })
	}
	err := g.s.backend.Follow(ctx, targets)
	cancel(nil)
	wg.Wait()
	if err == nil {
		err = errEnded
	}
	return err
}

// leave ends the stream when nobody has read for the linger time.
func (g *group) leave(ctx context.Context, cancel context.CancelCauseFunc) {
	in := g.intakes[0]
	for {
		readers, changed := in.demand()
		var over <-chan time.Time
		if idle := g.idle(readers); readers == 0 {
			over = time.After(in.def.Linger - idle)
		}
		select {
		case <-changed:
		case <-over:
			cancel(errUnwanted)
			return
		case <-ctx.Done():
			return
		}
	}
}

// rejoin ends a shared stream when a source that had failed alone looks well
// again, so that the next stream takes it in. Whatever the catalog cannot tell
// (a key that is not unique) is tried again less and less often, because the
// other sources are interrupted by it.
func (g *group) rejoin(ctx context.Context, cancel context.CancelCauseFunc) {
	for sleep(ctx, g.s.set.SlowRetry) {
		for _, in := range g.intakes {
			if !in.mayRejoin(g.s.set.SlowRetry) {
				continue
			}
			rel, err := g.s.backend.Describe(ctx, in.def)
			if err == nil {
				err = in.fits(rel)
			}
			if err == nil {
				in.rejoined()
				cancel(errRejoin)
				return
			}
		}
	}
}

// garbledLong is how long a stream must have lasted for garbage at its end to
// count as a new story: what garbles soon will do so again.
const garbledLong = 10 * time.Second

// settle brings a stream's end to the sources and returns how long to wait.
func (g *group) settle(ctx context.Context, err error, lasted time.Duration) time.Duration {
	lived, long := false, time.Second
	if errors.Is(err, ErrMalformed) {
		long = garbledLong
	}
	for _, in := range g.intakes {
		lived = in.end(ctx, err) || lived
	}
	switch {
	case ctx.Err() != nil, errors.Is(err, errUnwanted), errors.Is(err, errRejoin), errors.Is(err, ErrComplete):
		g.attempt = 0
		return 0
	case classOf(err) == Compacted: // the next stream takes a snapshot: that is no second failure
		g.report(err, g.s.set.RetryMin)
		return g.s.set.RetryMin
	case lived && lasted >= long:
		g.attempt = 0 // it worked: whatever ended it is a new story
	case lived && long == time.Second:
		g.attempt = min(g.attempt, 4) // it works, if not for long
	}
	wait, most := g.s.set.RetryMin, g.s.set.RetryMax
	if c := classOf(err); c == Slow || c == Config {
		wait, most = g.s.set.SlowMin, g.s.set.SlowRetry
	}
	wait = min(wait<<min(g.attempt, 20), most)
	g.attempt++
	wait = wait/2 + rand.N(wait/2+1) //nolint:gosec // jitter
	g.report(err, wait)
	return wait
}

func (g *group) report(err error, wait time.Duration) {
	for _, in := range g.intakes {
		in.report(err, wait)
	}
}

// classOf is the class of an error; one without a class is retried.
func classOf(err error) Class {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	return Retry
}

// sleep waits, and returns false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// gate lets one connection attempt through at a time: when upstream comes back,
// all sources want to connect at the same instant, and each makes it build a
// dataflow.
type gate struct {
	every time.Duration
	mu    sync.Mutex // guards next
	next  time.Time
}

func (g *gate) wait(ctx context.Context) bool {
	g.mu.Lock()
	now := time.Now()
	at := now
	if g.next.After(now) {
		at = g.next
	}
	g.next = at.Add(g.every)
	g.mu.Unlock()
	return sleep(ctx, at.Sub(now))
}
