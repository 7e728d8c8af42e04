package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"time"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
)

// flow is a run in the background.
type flow struct {
	stop   context.CancelCauseFunc
	ended  chan struct{} // closed behind report and err
	report serverReport
	err    error
}

var (
	errHalt     = errors.New("told to stop")
	errNoFlow   = errors.New("nothing was started")
	errFlowing  = errors.New("something was started already")
	errNotQuiet = errors.New("messages still went out 20 s after the last event")
)

// gatherMax is how many upstream times go into the feed at once.
const gatherMax = 1 << 12

// start runs a spec in the background until halt, or until its duration is
// over.
func (g *gateway) start(ctx context.Context, s spec) error {
	if g.flow != nil {
		return errFlowing
	}
	ctx, stop := context.WithCancelCause(ctx)
	f := &flow{stop: stop, ended: make(chan struct{})}
	g.flow = f
	go func() {
		defer close(f.ended)
		f.report, f.err = g.run(ctx, s)
	}()
	return nil
}

// halt stops what start has started and returns its report.
func (g *gateway) halt() (serverReport, error) {
	f := g.flow
	if f == nil {
		return serverReport{}, errNoFlow
	}
	f.stop(errHalt)
	<-f.ended
	g.flow = nil
	return f.report, f.err
}

// run applies events and waits until nothing more goes out. Its context may
// end with errHalt, which stops the events.
func (g *gateway) run(ctx context.Context, s spec) (serverReport, error) {
	var out serverReport
	end, err := profile(s.Profile)
	if err != nil {
		return out, err
	}
	defer end()
	samples := sampling(s.Sample)
	messages, writes := g.counts()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	evals := g.feed.Status().Evaluations
	start, began := cpuNow(), time.Now()
	if err := g.events(ctx, s, &out); err != nil && !errors.Is(err, errHalt) {
		return out, fmt.Errorf("apply: %w", err)
	}
	out.Samples, out.Flowed, out.Elapsed = samples(), time.Since(began), time.Since(began)
	want := messages + uint64(s.recipients()*out.Events) //nolint:gosec // not negative
	if s.Rate > 0 {
		last, err := g.settle(context.WithoutCancel(ctx), s, want)
		if err != nil {
			return out, err
		}
		out.Elapsed = last.Sub(began)
	}
	out.CPU = cpuNow().minus(start)
	runtime.ReadMemStats(&after)
	out.GCs, out.Evals = after.NumGC-before.NumGC, g.feed.Status().Evaluations-evals
	m, w := g.counts()
	out.Messages, out.Writes, out.Last, out.Truth = m-messages, w-writes, g.world.seq, g.world.truth()
	return out, nil
}

// events applies a spec's events, or without any just waits.
func (g *gateway) events(ctx context.Context, s spec, out *serverReport) error {
	if s.Rate == 0 {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	var lag histogram
	defer func() { out.Lag = lag.spread() }()
	sent, _ := g.counts()
	stride := s.stride()
	q := queue{feed: g.feed, lag: &lag}
	err := paced(ctx, s.passes(s.Duration), s.Rate, func(due time.Time, more bool) error {
		if s.Alone {
			if err := g.delivered(ctx, sent); err != nil {
				return err
			}
			sent += uint64(s.recipients() * s.Merge) //nolint:gosec // not negative
			due = time.Now()
		}
		batches, frontier := g.world.step(stride, due)
		q.add(batches, frontier, due)
		out.Passes++
		out.Events += s.Merge
		if more && !s.Alone && len(q.batches) < gatherMax {
			return nil
		}
		return q.flush()
	})
	return errors.Join(err, q.flush()) // told to stop, it may hold some
}

// queue gathers upstream times that are due, as backends gather what waits in
// their sockets.
type queue struct {
	feed     *feed.Feed
	lag      *histogram
	batches  []relation.Batch
	frontier relation.Frontier
	dues     []time.Time
}

func (q *queue) add(batches []relation.Batch, f relation.Frontier, due time.Time) {
	q.batches, q.frontier, q.dues = append(q.batches, batches...), f, append(q.dues, due)
}

// flush hands everything over.
func (q *queue) flush() error {
	if len(q.batches) == 0 {
		return nil
	}
	err := q.feed.Apply(q.batches, q.frontier)
	for _, due := range q.dues {
		q.lag.add(time.Since(due))
	}
	q.batches, q.dues = nil, q.dues[:0] // the feed may keep what it was given
	return err
}

// sampling samples this process's memory until the function that it returns is
// called.
func sampling(every time.Duration) (stop func() []memory) {
	if every == 0 {
		return func() []memory { return nil }
	}
	quit, samples := make(chan struct{}), make(chan []memory)
	go func() {
		all := make([]memory, 0, 4096)
		t := time.NewTicker(every)
		defer t.Stop()
		for {
			all = append(all, memorySample())
			select {
			case <-t.C:
			case <-quit:
				samples <- append(all, memorySample())
				return
			}
		}
	}()
	return func() []memory {
		close(quit)
		return <-samples
	}
}

// profile starts a CPU profile into a file, if it is given one.
func profile(file string) (stop func(), err error) {
	if file == "" {
		return func() {}, nil
	}
	f, err := os.Create(file) //nolint:gosec // the user's own choice
	if err != nil {
		return nil, fmt.Errorf("create the profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close()
	}, nil
}

// delivered waits until so many messages are out. It seldom has to: passes are
// paced so that each is over before the next.
func (g *gateway) delivered(ctx context.Context, want uint64) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		if have, _ := g.counts(); have >= want {
			return nil
		}
		t.Reset(100 * time.Microsecond)
		select {
		case <-t.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for a pass to end: %w", context.Cause(ctx))
		}
	}
}

// settle waits until so many messages are out or, since clients get conflated
// ones and several to a frame, until none went out for a while: longer than
// clients that ask for a rate wait between two. It returns when the last did.
func (g *gateway) settle(ctx context.Context, s spec, want uint64) (time.Time, error) {
	const interval = 5 * time.Millisecond
	quiet := 40
	if s.MaxRate > 0 {
		quiet += int(float64(time.Second/interval) / s.MaxRate)
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	limit := time.After(20 * time.Second)
	last, same, when := uint64(0), 0, time.Now()
	for {
		have, _ := g.counts()
		if same++; have != last {
			last, same, when = have, 0, time.Now()
		}
		if have >= want && !s.Frames || same >= quiet {
			return when, nil
		}
		select {
		case <-tick.C:
		case <-limit:
			return when, errNotQuiet
		case <-ctx.Done():
			return when, context.Cause(ctx)
		}
	}
}
