package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/tycostream/tycostream/graph"
	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
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
	flow    *flow // what "start" has started; nil: nothing
}

func (g *gateway) answer(ctx context.Context, c call) (reply, error) {
	switch c.Do {
	case "open":
		return g.open(ctx, c.Spec)
	case "memory":
		return reply{Server: serverReport{Memory: memoryNow()}}, nil
	case "warm":
		s := c.Spec
		s.Duration, s.Profile, s.Sample = min(warmUp, s.Duration), "", 0
		r, err := g.run(ctx, s)
		return reply{Server: r}, err
	case "run":
		r, err := g.run(ctx, c.Spec)
		return reply{Server: r}, err
	case "start":
		return reply{}, g.start(ctx, c.Spec)
	case "stop":
		r, err := g.halt()
		return reply{Server: r}, err
	case "truth":
		return reply{Server: serverReport{Truth: g.world.truth(), Last: g.world.seq}}, nil
	case "verify":
		return reply{}, g.world.verify(c.States)
	}
	return reply{}, fmt.Errorf("a gateway cannot %q", c.Do)
}

// open answers with the memory that it held before it had rows.
func (g *gateway) open(ctx context.Context, s spec) (reply, error) {
	var out reply
	if err := needFiles(uint64(s.Clients) + 50); err != nil { //nolint:gosec // small
		return out, err
	}
	g.world = newWorld(s.Rows)
	if s.History {
		g.world.keep(2 + s.Merge*(s.passes(s.Duration)+s.passes(warmUp)))
	}
	ctx, g.cancel = context.WithCancel(ctx)
	g.feed = feed.New(g.world.schema, feed.Config{UndoBytes: s.UndoBytes, RingTotal: s.RingTotal})
	log := slog.New(slog.DiscardHandler)
	exec, err := graph.New(graph.Model{CamelCase: true, Log: log, Sources: []graph.Source{{
		Name: "live_pnl", Base: "livePnL", Backend: "made up", Schema: g.world.schema, Feed: g.feed,
	}}})
	if err != nil {
		return out, fmt.Errorf("build the schema: %w", err)
	}
	g.handler = transport.New(transport.Options{
		Executor:    func() graphql.GraphExecutor { return exec },
		Connections: -1, Operations: -1, Log: log,
		InitTimeout: time.Minute,
	})
	if out.At, err = g.listen(ctx, s, log); err != nil {
		return out, err
	}
	out.Server.Memory = memoryNow()
	rows := make([]relation.Row, len(g.world.rows))
	for i, r := range g.world.rows {
		rows[i] = relation.Row(strings.Clone(string(r))) // the table's memory, not the world's
	}
	if err := g.feed.Load(rows); err != nil {
		return out, fmt.Errorf("load rows: %w", err)
	}
	if err := g.feed.Commit(g.world.tick()); err != nil {
		return out, fmt.Errorf("commit rows: %w", err)
	}
	g.feed.SetState(feed.Live, "")
	return out, nil
}

// listen serves, with or without TLS.
func (g *gateway) listen(ctx context.Context, s spec, log *slog.Logger) (address, error) {
	cfg := server.Config{Host: "127.0.0.1", Log: log, Grace: time.Millisecond}
	var at address
	if s.TLS {
		pair, err := makeCertificate()
		if err != nil {
			return at, err
		}
		defer pair.remove() // the server has read them
		cfg.TLS = server.TLS{Cert: pair.cert, Key: pair.key, Beneath: transport.BeneathTLS}
		at.Cert = pair.pem
	}
	srv, err := server.New(cfg, server.Routes{GraphQL: g.handler}, g.handler)
	if err != nil {
		return at, err
	}
	if err := srv.Listen(ctx); err != nil {
		return at, err
	}
	g.wg.Go(func() { _ = srv.Serve(ctx) })
	at.Addr = srv.Addr().String()
	return at, nil
}

func (g *gateway) counts() (messages, writes uint64) {
	s := g.handler.Stats()
	return s.Kinds[transport.KindWS].MessagesSent, s.Writes
}

func (g *gateway) close() {
	_, _ = g.halt()
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
