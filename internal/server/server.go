package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Time-outs of plain requests. Streams lift the last one for themselves.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	writeTimeout  = 90 * time.Second // a profile takes 30 s
	maxHeader     = 256 << 10

	// lastWords is what requests have to end once connections are closed.
	lastWords = 5 * time.Second
)

// Config says where to listen and whom to let in.
type Config struct {
	Host           string // empty: all interfaces
	Port           int    // 0: any free one
	TLS            TLS    // of Port
	InternalPort   int    // 0: none, everything is on Port; -1: any free one
	AllowedOrigins []string
	Grace          time.Duration // over which connections are closed at the end; 10 s
	Log            *slog.Logger  // nil: slog.Default
}

// Drainer ends long-lived connections spread over a time.
// transport.Handler is one.
type Drainer interface {
	Drain(ctx context.Context, over time.Duration)
}

// Server serves the routes.
type Server struct {
	cfg      Config
	routes   Routes
	origins  *Origins
	cert     *certificate // nil: no TLS
	drainers []Drainer
	draining atomic.Bool

	main, inner net.Listener // inner is nil without an internal port
}

// New returns a server that does not listen yet. The error is a setting that
// cannot be.
func New(cfg Config, routes Routes, drainers ...Drainer) (*Server, error) {
	origins, err := ParseOrigins(cfg.AllowedOrigins)
	if err != nil {
		return nil, err
	}
	cfg.Grace = cmp.Or(cfg.Grace, 10*time.Second)
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	s := &Server{cfg: cfg, routes: routes, origins: origins, drainers: drainers}
	if cfg.TLS.Cert != "" {
		s.cert, err = readCertificate(cfg.TLS.Cert, cfg.TLS.Key, cfg.Log)
	}
	return s, err
}

// Listen opens the ports. Its error says which setting to change.
func (s *Server) Listen(ctx context.Context) error {
	var err error
	if s.main, err = listen(ctx, s.cfg.Host, s.cfg.Port, "GRAPHQL_PORT"); err != nil {
		return err
	}
	if s.cfg.InternalPort == 0 {
		return nil
	}
	if s.inner, err = listen(ctx, s.cfg.Host, max(0, s.cfg.InternalPort), "INTERNAL_PORT"); err != nil {
		return errors.Join(err, s.main.Close())
	}
	return nil
}

func listen(ctx context.Context, host string, port int, setting string) (net.Listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	switch {
	case err == nil:
		return ln, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("port %d is in use: set %s", port, setting)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("port %d needs more rights than this user has: set %s", port, setting)
	}
	return nil, fmt.Errorf("listen on port %d (settings LISTEN_HOST and %s): %w", port, setting, err)
}

// Addr returns the clients' address, after Listen.
func (s *Server) Addr() net.Addr { return s.main.Addr() }

// InternalAddr returns the operators' address, after Listen; nil without an
// internal port.
func (s *Server) InternalAddr() net.Addr {
	if s.inner == nil {
		return nil
	}
	return s.inner.Addr()
}

// Serve serves until ctx ends, then drains and returns nil; or until serving
// fails. It calls Listen if that was not done.
func (s *Server) Serve(ctx context.Context) error {
	if s.main == nil {
		if err := s.Listen(ctx); err != nil {
			return err
		}
	}
	public := s.server(s.public())
	internal := s.server(s.internal())
	var wg sync.WaitGroup
	failed := make(chan error, 2)
	run := func(srv *http.Server, ln net.Listener) {
		wg.Go(func() {
			if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("serve: %w", err)
			}
		})
	}
	run(public, s.encrypt(public, s.main))
	if s.inner != nil {
		run(internal, s.inner)
	}
	var err error
	select {
	case <-ctx.Done():
		s.drain(context.WithoutCancel(ctx), public)
	case err = <-failed:
	}
	_ = public.Close() // what is still open has had its time
	_ = internal.Close()
	wg.Wait()
	return err
}

func (s *Server) server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(errorLog{s.cfg.Log.Handler()}, slog.LevelWarn),
	}
}

// drain is the way down:
//
//  1. readiness fails, so that no new clients are sent here;
//  2. long-lived connections close, spread over the grace period, while
//     requests are still answered;
//  3. the port closes, and running requests end.
func (s *Server) drain(ctx context.Context, public *http.Server) {
	s.draining.Store(true)
	s.cfg.Log.Info("draining", slog.Duration("grace", s.cfg.Grace))
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Grace+lastWords)
	defer cancel()
	var wg sync.WaitGroup
	for _, d := range s.drainers {
		wg.Go(func() { d.Drain(ctx, s.cfg.Grace) })
	}
	wg.Wait()
	if err := public.Shutdown(ctx); err != nil {
		s.cfg.Log.Warn("requests cut off", slog.Any("error", err))
	}
}

// CheckOrigin is what a WebSocket handler asks before it upgrades.
func (s *Server) CheckOrigin(r *http.Request) error { return s.origins.Check(r) }
