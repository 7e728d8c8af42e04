package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/pprof"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/tycostream/tycostream/graph"
	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/server"
	"github.com/tycostream/tycostream/internal/transport"
)

// gateway is the product from the feed to the socket.
type gateway struct {
	world   *world
	feed    *feed.Feed
	handler *transport.Handler
	cancel  context.CancelFunc
	wg      sync.WaitGroup
}

func (g *gateway) answer(ctx context.Context, c call) (reply, error) {
	switch c.Do {
	case "open":
		addr, err := g.open(ctx, c.Spec)
		return reply{Addr: addr}, err
	case "memory":
		return reply{Server: serverReport{Memory: memoryNow()}}, nil
	case "warm":
		s := c.Spec
		s.Duration, s.Profile = warmUp, ""
		r, err := g.run(ctx, s)
		return reply{Server: r}, err
	case "run":
		r, err := g.run(ctx, c.Spec)
		return reply{Server: r}, err
	}
	return reply{}, fmt.Errorf("a gateway cannot %q", c.Do)
}

func (g *gateway) open(ctx context.Context, s spec) (string, error) {
	if err := needFiles(uint64(s.Clients) + 50); err != nil { //nolint:gosec // small
		return "", err
	}
	ctx, g.cancel = context.WithCancel(ctx)
	g.world = newWorld(s.Rows)
	g.feed = feed.New(g.world.schema, feed.Config{})
	log := slog.New(slog.DiscardHandler)
	exec, err := graph.New(graph.Model{CamelCase: true, Log: log, Sources: []graph.Source{{
		Name: "live_pnl", Base: "livePnL", Backend: "made up", Schema: g.world.schema, Feed: g.feed,
	}}})
	if err != nil {
		return "", fmt.Errorf("build the schema: %w", err)
	}
	g.handler = transport.New(transport.Options{
		Executor:    func() graphql.GraphExecutor { return exec },
		Connections: -1, Operations: -1, Log: log,
		InitTimeout: time.Minute,
	})
	srv, err := server.New(server.Config{Host: "127.0.0.1", Log: log, Grace: time.Millisecond},
		server.Routes{GraphQL: g.handler}, g.handler)
	if err != nil {
		return "", err
	}
	if err := srv.Listen(ctx); err != nil {
		return "", err
	}
	g.wg.Go(func() { _ = srv.Serve(ctx) })
	if err := g.feed.Load(append(g.world.rows[:0:0], g.world.rows...)); err != nil {
		return "", fmt.Errorf("load rows: %w", err)
	}
	if err := g.feed.Commit(g.world.tick()); err != nil {
		return "", fmt.Errorf("commit rows: %w", err)
	}
	g.feed.SetState(feed.Live, "")
	return srv.Addr().String(), nil
}

func (g *gateway) counts() (messages, writes uint64) {
	s := g.handler.Stats()
	return s.Kinds[transport.KindWS].MessagesSent, s.Writes
}

// run applies events and waits until nothing more goes out.
func (g *gateway) run(ctx context.Context, s spec) (serverReport, error) {
	out := serverReport{Passes: s.passes(s.Duration)}
	keys := len(g.world.rows)
	perEvent := uint64(s.Clients) //nolint:gosec // not negative
	if s.Filters > 0 {
		keys, perEvent = s.Clients*s.Filters, 1
	}
	stop, err := profile(s.Profile)
	if err != nil {
		return out, err
	}
	defer stop()
	messages, writes := g.counts()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start, began := cpuNow(), time.Now()
	applied := messages
	err = paced(ctx, out.Passes, s.Rate, func() error {
		if s.Alone {
			if err := g.delivered(ctx, applied); err != nil {
				return err
			}
			applied += perEvent * uint64(s.Merge) //nolint:gosec // not negative
		}
		batches, frontier := g.world.step(s.Merge, keys, s.OneTime)
		return g.feed.Apply(batches, frontier)
	})
	if err != nil {
		return out, fmt.Errorf("apply: %w", err)
	}
	out.Events = out.Passes * s.Merge
	if err := g.settle(ctx, messages+perEvent*uint64(out.Events)); err != nil { //nolint:gosec // not negative
		return out, err
	}
	out.CPU, out.Elapsed = cpuNow().minus(start), time.Since(began)
	runtime.ReadMemStats(&after)
	out.GCs = after.NumGC - before.NumGC
	m, w := g.counts()
	out.Messages, out.Writes, out.Last = m-messages, w-writes, g.world.seq
	return out, nil
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

// settle waits until so many messages are out or, since slow clients get
// conflated ones, until none went out for a while.
func (g *gateway) settle(ctx context.Context, want uint64) error {
	const quiet = 40
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(20 * time.Second)
	last, same := uint64(0), 0
	for {
		have, _ := g.counts()
		if have >= want || same >= quiet {
			return nil
		}
		if same++; have != last {
			last, same = have, 0
		}
		select {
		case <-tick.C:
		case <-limit:
			return errors.New("messages still went out 20 s after the last event")
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (g *gateway) close() {
	if g.cancel != nil {
		g.cancel()
	}
	g.wg.Wait()
	if g.handler != nil {
		g.handler.Close()
	}
	if g.feed != nil {
		g.feed.Close()
	}
}
