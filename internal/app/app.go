package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/tycostream/tycostream/internal/auth"
	"github.com/tycostream/tycostream/internal/catalog"
	"github.com/tycostream/tycostream/internal/config"
	"github.com/tycostream/tycostream/internal/config/schemafile"
	"github.com/tycostream/tycostream/internal/server"
	"github.com/tycostream/tycostream/internal/source"
	"github.com/tycostream/tycostream/internal/telemetry"
	"github.com/tycostream/tycostream/internal/transport"
)

// Options are what a gateway runs with.
type Options struct {
	Config *config.Config
	Schema *schemafile.File
	Demo   *Demo // nil: follow the configured database
	Build  telemetry.Build
	Log    *slog.Logger
	Out    io.Writer // where a demo says where to look; nil: nowhere

	// Pages serves the live page and the playground; nil: neither.
	Pages http.Handler

	// Listening is called once with the clients' address; may be nil.
	Listening func(net.Addr)
}

// Run serves until ctx ends, then drains and returns nil. Any other end is an
// error that says what to do.
func Run(ctx context.Context, o Options) error {
	var dial catalog.Dial
	var demo *world
	if o.Demo != nil {
		var err error
		if demo, err = o.Demo.start(ctx, &o); err != nil {
			return err
		}
		defer demo.close()
		dial = demo.dial
	}
	g, err := newGateway(ctx, &o, dial)
	if err != nil {
		return err
	}
	defer g.close()

	h := transport.New(g.transportOptions())
	defer h.Close()
	srv, err := server.New(server.Config{
		Host: o.Config.Listen.Host, Port: o.Config.Listen.Port, InternalPort: o.Config.Listen.InternalPort,
		TLS:            server.TLS{Cert: o.Config.TLS.Cert, Key: o.Config.TLS.Key, Beneath: transport.BeneathTLS},
		AllowedOrigins: o.Config.AllowedOrigins, Grace: o.Config.ShutdownGrace, Log: o.Log,
	}, g.routes(h), h)
	if err != nil {
		return err
	}
	g.checkOrigin = srv.CheckOrigin
	if err := srv.Listen(ctx); err != nil {
		return err
	}
	o.Log.Info("listening", slog.String("address", srv.Addr().String()), slog.String("version", o.Build.Version))
	if demo != nil {
		demo.greet(o.Out, srv.Addr())
	}
	if o.Listening != nil {
		o.Listening(srv.Addr())
	}

	g.triggers.start()
	// Upstream outlives ctx: while the server drains, clients still get rows.
	upstream, stop := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(func() { g.follow(upstream) })
	wg.Go(func() { g.watchAnomalies(upstream) })
	err = srv.Serve(ctx)
	h.Close() // before the feeds, so that clients see a restart and no closed source
	stop()
	wg.Wait()
	g.triggers.close()
	if err == nil {
		o.Log.Info("stopped")
	}
	return err
}

// gateway is what Run wires.
type gateway struct {
	o           *Options
	dial        catalog.Dial
	guard       *auth.Guard
	sources     *sources
	triggers    *triggers
	checkOrigin func(*http.Request) error
	transport   *transport.Handler
}

func newGateway(ctx context.Context, o *Options, dial catalog.Dial) (*gateway, error) {
	t, err := openTriggers(ctx, o)
	if err != nil {
		return nil, err
	}
	s, err := newSources(o, t)
	if err != nil {
		t.close()
		return nil, err
	}
	return &gateway{o: o, dial: dial, guard: auth.New(o.Config.AdminSecret), sources: s, triggers: t}, nil
}

// close ends the triggers before the sources that they follow.
func (g *gateway) close() {
	g.triggers.close()
	g.sources.close()
}

func (g *gateway) transportOptions() transport.Options {
	c := g.o.Config
	o := transport.Options{
		Executor:          func() graphql.GraphExecutor { return g.sources.executor.Load() },
		Guard:             g.guard,
		CheckOrigin:       func(r *http.Request) error { return g.checkOrigin(r) },
		Relay:             g.sources.relay,
		Log:               g.o.Log,
		MessageBytes:      c.Limits.MessageBytes,
		Connections:       c.Limits.Connections,
		Operations:        c.Limits.Operations,
		FilterSize:        c.Limits.FilterSize,
		InitTimeout:       c.InitTimeout,
		PingInterval:      c.PingInterval,
		SlowClientTimeout: c.SlowClientTimeout,
	}
	if g.pages() != nil {
		o.Playground = "/playground"
	}
	return o
}

func (g *gateway) pages() http.Handler {
	if !g.o.Config.Listen.UI {
		return nil
	}
	return g.o.Pages
}

func (g *gateway) routes(h *transport.Handler) server.Routes {
	g.transport = h
	registry := telemetry.NewRegistry(g.o.Build, g.stats)
	return server.Routes{
		GraphQL: h, Stream: h.Relay(), Channels: g.channels(h), Pages: g.pages(),
		Metrics: telemetry.Handler(registry), Readiness: g.sources, Version: g.o.Build.Version,
	}
}

// channels serves row channels, or says how to have them served.
func (g *gateway) channels(h *transport.Handler) http.Handler {
	if g.o.Config.Listen.RowChannels {
		return h.Channels()
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "row channels are off: set TYCOSTREAM_ROW_CHANNELS=true", http.StatusNotFound)
	})
}

// follow recognizes the database, for as long as that takes, and keeps the
// sources in step with it until ctx ends.
func (g *gateway) follow(ctx context.Context) {
	engine, ok := g.engine(ctx)
	if !ok {
		return
	}
	backend, err := catalog.NewBackend(engine, g.o.Config, g.dial, g.o.Log)
	if err != nil {
		g.o.Log.Error("database settings", slog.Any("error", err))
		g.sources.fail("the gateway's database settings do not work: see its log")
		<-ctx.Done()
		return
	}
	if err := g.sources.recognized(backend.Name()); err != nil {
		g.o.Log.Error("schema", slog.Any("error", err))
	}
	c := g.o.Config
	sup := source.NewSupervisor(backend, g.sources.inputs(), source.Settings{
		RetryMin: c.Retry.Min, RetryMax: c.Retry.Max, SlowRetry: c.Retry.Slow,
		StaleAfter: c.StaleAfter, History: c.UndoAge, OnSchema: g.sources.found, Log: g.o.Log,
	})
	g.sources.supervisor.Store(sup)
	sup.Run(ctx)
}

// engine asks the database what it is until it answers.
func (g *gateway) engine(ctx context.Context) (string, bool) {
	const longest = 10 * time.Second
	said := ""
	for wait := g.o.Config.Retry.Min; ; wait = min(2*wait, longest) {
		engine, err := catalog.Engine(ctx, g.o.Config, g.dial)
		if err == nil {
			return engine, true
		}
		if ctx.Err() != nil {
			return "", false
		}
		if text := err.Error(); text != said {
			g.o.Log.Warn("no database yet", slog.String("error", text))
			said = text
		}
		g.sources.waiting("the database cannot be reached")
		select {
		case <-ctx.Done():
			return "", false
		case <-time.After(wait):
		}
	}
}

// watchAnomalies logs cells that had to be written as null: at most a line for
// each column and fault in a minute.
func (g *gateway) watchAnomalies(ctx context.Context) {
	type place struct {
		source, column string
		fault          fmt.Stringer
	}
	seen := map[place]uint64{}
	ticker := time.NewTicker(time.Minute)
	defer ticker.Stop()
	for {
		for _, s := range g.sources.all() {
			if s.anomalies == nil {
				continue
			}
			for a := range s.anomalies.All() {
				p := place{s.def.Name, a.Column, a.Fault}
				if a.Count > seen[p] {
					g.o.Log.Warn("cells sent as null", slog.String("source", p.source), slog.String("column", p.column),
						slog.String("reason", p.fault.String()), slog.Uint64("count", a.Count))
					seen[p] = a.Count
				}
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
