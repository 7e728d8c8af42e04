package robustness

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/app"
	"github.com/tycostream/tycostream/internal/config"
	"github.com/tycostream/tycostream/internal/config/schemafile"
	"github.com/tycostream/tycostream/internal/telemetry"
)

// gateway is a gateway in this process, on a loopback socket. It can be ended
// and started anew, which gives it another address.
type gateway struct {
	t        *testing.T
	name     string
	settings *config.Config
	file     *schemafile.File
	log      *journal

	mu   sync.Mutex // guards what follows
	addr string
	stop context.CancelFunc
	done chan error
}

// impatient are settings under which a test need not wait for what people can
// wait for.
func impatient() []string {
	return []string{
		"GRAPHQL_PORT=0", "LISTEN_HOST=127.0.0.1", "DATA_DIR=", "TYCOSTREAM_SHUTDOWN_GRACE=50ms", "TYCOSTREAM_STALE_AFTER=500ms",
		"TYCOSTREAM_RETRY_MIN=10ms", "TYCOSTREAM_RETRY_MAX=200ms", "TYCOSTREAM_RETRY_SLOW=150ms",
		"TYCOSTREAM_POSTGRES_POLL_INTERVAL=100ms", "TYCOSTREAM_HEARTBEAT=300ms", "TYCOSTREAM_STALL_TIMEOUT=1s",
	}
}

func startGateway(t *testing.T, name string, lazy bool, environ []string) *gateway {
	t.Helper()
	loaded, err := config.Load(config.Input{Environ: append(impatient(), environ...), Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if len(loaded.Warnings) > 0 {
		t.Fatal(loaded.Warnings)
	}
	file, err := schemafile.Parse("schema.yaml", []byte(schemaFile(lazy)), schemafile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{t: t, name: name, settings: loaded.Config, file: file, log: &journal{}}
	g.start()
	return g
}

func (g *gateway) start() {
	ctx, stop := context.WithCancel(context.WithoutCancel(g.t.Context()))
	done, listening := make(chan error, 1), make(chan net.Addr, 1)
	settings := *g.settings
	go func() {
		done <- app.Run(ctx, app.Options{
			Config: &settings, Schema: g.file, Build: telemetry.ReadBuild("test"), Log: slog.New(g.log),
			Listening: func(a net.Addr) { listening <- a },
		})
	}()
	select {
	case addr := <-listening:
		g.mu.Lock()
		defer g.mu.Unlock()
		g.addr, g.stop, g.done = addr.String(), stop, done
	case err := <-done:
		stop()
		g.t.Errorf("%s: %v", g.name, err)
		done <- err
	case <-time.After(3 * patience):
		stop()
		g.t.Errorf("%s does not listen", g.name)
	}
}

// end stops the gateway and waits until nothing of it runs.
func (g *gateway) end() {
	g.mu.Lock()
	stop, done := g.stop, g.done
	g.mu.Unlock()
	stop()
	select {
	case err := <-done:
		if err != nil {
			g.t.Errorf("%s ended: %v", g.name, err)
		}
	case <-time.After(3 * patience):
		g.t.Errorf("%s does not end", g.name)
	}
}

func (g *gateway) address() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.addr
}

// journal keeps the newest log lines, and all that complain.
type journal struct {
	mu     sync.Mutex // guards what follows
	recent []string
	errors []string
}

// Enabled implements slog.Handler.
func (j *journal) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

// Handle implements slog.Handler.
func (j *journal) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s", r.Time.Format("15:04:05.000"), r.Level, r.Message)
	r.Attrs(func(a slog.Attr) bool { fmt.Fprintf(&b, " %s=%v", a.Key, a.Value); return true })
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.recent = append(j.recent, b.String()); len(j.recent) > 60 {
		j.recent = j.recent[20:]
	}
	if r.Level >= slog.LevelError {
		j.errors = append(j.errors, b.String())
	}
	return nil
}

// WithAttrs implements slog.Handler.
func (j *journal) WithAttrs([]slog.Attr) slog.Handler { return j }

// WithGroup implements slog.Handler.
func (j *journal) WithGroup(string) slog.Handler { return j }

func (j *journal) lines() (recent, errors []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.recent, j.errors
}
