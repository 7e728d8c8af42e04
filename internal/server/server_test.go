package server_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tycostream/tycostream/internal/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func text(s string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, s+" "+r.Method+" "+r.URL.Path)
	})
}

type readiness struct{ state atomic.Pointer[server.Ready] }

func (r *readiness) Readiness() server.Ready { return *r.state.Load() }

// drainer blocks Drain until it is let go.
type drainer struct {
	began chan time.Duration
	goOn  chan struct{}
}

func (d *drainer) Drain(ctx context.Context, over time.Duration) {
	d.began <- over
	select {
	case <-d.goOn:
	case <-ctx.Done():
	}
}

type running struct {
	*server.Server
	t    *testing.T
	stop context.CancelFunc
	done chan error
}

func start(t *testing.T, cfg server.Config, routes server.Routes, drainers ...server.Drainer) *running {
	t.Helper()
	cfg.Host = "127.0.0.1"
	cfg.Log = slog.New(slog.DiscardHandler)
	s, err := server.New(cfg, routes, drainers...)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{s, t, cancel, make(chan error, 1)}
	go func() { r.done <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		http.DefaultClient.CloseIdleConnections()
		if err := <-r.done; err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *running) do(addr net.Addr, method, path string, header ...string) (*http.Response, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, "http://"+addr.String()+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	c := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp, string(body)
}

func routes() server.Routes {
	return server.Routes{
		GraphQL: text("graphql"), Stream: text("stream"), Channels: text("channels"), Pages: text("playground"),
		Metrics: text("metrics"), Version: "1.2.3",
	}
}

func TestRoutes(t *testing.T) {
	one := start(t, server.Config{}, routes())
	two := start(t, server.Config{InternalPort: -1}, routes())
	tests := []struct {
		path             string
		one, two, inside int
		body             string
	}{
		{"/graphql", 200, 200, 404, "graphql GET /graphql"},
		{"/v1/graphql", 200, 200, 404, "graphql GET /v1/graphql"},
		{"/stream/live_pnl", 200, 200, 404, "stream GET /stream/live_pnl"},
		{"/stream", 200, 200, 404, "stream GET /stream"},
		{"/ws", 200, 200, 404, "channels GET /ws"},
		{"/playground", 200, 200, 404, "playground GET /playground"},
		{"/playground/app.js", 200, 200, 404, "playground GET /playground/app.js"},
		{"/", 200, 200, 404, "playground GET /"},
		{"/assets/a.js", 200, 200, 404, "playground GET /assets/a.js"},
		{"/v1/version", 200, 200, 404, `{"version":"1.2.3"}`},
		{"/livez", 200, 404, 200, "OK"},
		{"/healthz", 200, 404, 200, "OK"},
		{"/readyz", 200, 404, 200, `{"status":"ready"}`},
		{"/health/ready", 200, 404, 200, `{"status":"ready"}`},
		{"/metrics", 200, 404, 200, "metrics GET /metrics"},
		{"/debug/pprof/cmdline", 404, 404, 200, ""},
		{"/nothing", 404, 404, 404, ""},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			check := func(r *running, addr net.Addr, want int) {
				t.Helper()
				resp, body := r.do(addr, "GET", tt.path)
				if resp.StatusCode != want || want == 200 && !strings.Contains(body, tt.body) {
					t.Errorf("%d %q, want %d %q", resp.StatusCode, body, want, tt.body)
				}
				if resp.Header.Get("X-Content-Type-Options") != "nosniff" {
					t.Error("no security headers")
				}
			}
			check(one, one.Addr(), tt.one)
			check(two, two.Addr(), tt.two)
			check(two, two.InternalAddr(), tt.inside)
		})
	}
}

func TestReadiness(t *testing.T) {
	problem := []server.Problem{{Source: "live_pnl", State: "STALE", Reason: "the database is away", Required: true}}
	tests := []struct {
		name   string
		state  server.Ready
		status int
		body   string
	}{
		{"ready", server.Ready{Ready: true}, 200, `{"status":"ready"}`},
		{"degraded", server.Ready{Ready: true, Degraded: true, Problems: problem}, 200, `{"status":"degraded","sources":[{"source":"live_pnl","state":"STALE","reason":"the database is away","required":true}]}`},
		{"starting", server.Ready{Problems: problem}, 503, `{"status":"starting","sources":`},
		{"too stale", server.Ready{Degraded: true, Problems: problem}, 503, `{"status":"stale","sources":`},
	}
	ready := &readiness{}
	rt := routes()
	rt.Readiness = ready
	r := start(t, server.Config{}, rt)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ready.state.Store(&tt.state)
			resp, body := r.do(r.Addr(), "GET", "/readyz")
			if resp.StatusCode != tt.status || !strings.HasPrefix(body, tt.body) {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
		})
	}
}

func TestDrain(t *testing.T) {
	d := &drainer{make(chan time.Duration), make(chan struct{})}
	r := start(t, server.Config{Grace: 7 * time.Second}, routes(), d)
	r.stop()
	if over := <-d.began; over != 7*time.Second {
		t.Errorf("drained over %v", over)
	}
	// Requests are still answered, but no new ones should come.
	if resp, body := r.do(r.Addr(), "GET", "/readyz"); resp.StatusCode != http.StatusServiceUnavailable || body != `{"status":"draining"}`+"\n" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if resp, _ := r.do(r.Addr(), "GET", "/graphql"); resp.StatusCode != http.StatusOK {
		t.Error(resp.Status)
	}
	close(d.goOn)
	err := <-r.done
	r.done <- err
	if err != nil {
		t.Error(err)
	}
	if c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", r.Addr().String()); err == nil {
		_ = c.Close()
		t.Error("the port is still open")
	}
}

func TestPortInUse(t *testing.T) {
	r := start(t, server.Config{}, routes())
	_, port, _ := net.SplitHostPort(r.Addr().String())
	n, _ := strconv.Atoi(port)
	for setting, cfg := range map[string]server.Config{
		"GRAPHQL_PORT":  {Port: n},
		"INTERNAL_PORT": {InternalPort: n},
	} {
		cfg.Host = "127.0.0.1"
		s, err := server.New(cfg, routes())
		if err != nil {
			t.Fatal(err)
		}
		err = s.Serve(t.Context())
		if err == nil || !strings.HasPrefix(err.Error(), "port "+port+" is in use: set "+setting) {
			t.Errorf("got %v", err)
		}
	}
}
