// Command postgres is the example in one command: a private PostgreSQL 15, the tables of package
// market, a writer, a worker and the gateway over them. Ctrl-C ends everything
// and removes the database.
//
//	go run ./examples/postgres
package main

import (
	"context"
	_ "embed" // schema.yaml
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tycostream/tycostream/examples/postgres/market"
	"github.com/tycostream/tycostream/internal/testpg"
)

//go:embed schema.yaml
var schema []byte

type settings struct {
	instruments int
	rate        float64
	writers     int
	lag         time.Duration
	gateway     bool
}

func main() {
	var s settings
	flag.IntVar(&s.instruments, "instruments", 200, "how many instruments")
	flag.Float64Var(&s.rate, "rate", 200, "ticks a second")
	flag.IntVar(&s.writers, "writers", 2, "how many writers share the ticks")
	flag.DurationVar(&s.lag, "lag", 2*time.Second, "how far desk_totals lags")
	flag.BoolVar(&s.gateway, "gateway", true, "run the gateway too; otherwise only print how to")
	flag.Parse()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := s.run(ctx, log)
	stop()
	if err != nil {
		log.Error("the example ends", "error", err)
		os.Exit(1)
	}
}

func (s *settings) run(ctx context.Context, log *slog.Logger) (err error) {
	server, err := testpg.Launch(ctx, testpg.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	url := server.URL("postgres")
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	err = market.Load(ctx, conn, s.instruments)
	_ = conn.Close(context.WithoutCancel(ctx)) // the programs have their own
	if err != nil {
		return err
	}
	log.Info("PostgreSQL is ready", "look", "psql '"+url+"'")

	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for i := range s.writers {
		w := market.Writer{URL: url, Instruments: s.instruments, Rate: s.rate / float64(s.writers), Seed: uint64(i)}
		w.Share(i, s.writers)
		wg.Go(func() { market.Keep(ctx, log, "writer", w.Run) })
	}
	wg.Go(func() {
		market.Keep(ctx, log, "worker", func(ctx context.Context) error { return market.Work(ctx, url, s.lag) })
	})
	return s.serve(ctx, log, url)
}

// serve builds the gateway and runs it until ctx ends.
func (s *settings) serve(ctx context.Context, log *slog.Logger, url string) error {
	dir, err := os.MkdirTemp("", "tycostream-example-")
	if err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	file := filepath.Join(dir, "schema.yaml")
	if err := os.WriteFile(file, schema, 0o600); err != nil {
		return fmt.Errorf("write schema.yaml: %w", err)
	}
	env := []string{"DATABASE_URL=" + url, "DATABASE_ENGINE=postgres", "SCHEMA_PATH=" + file}
	if !s.gateway {
		log.Info("start the gateway yourself", "command", env[0]+" "+env[1]+" "+env[2]+" tycostream serve")
		<-ctx.Done()
		return nil
	}
	program := filepath.Join(dir, "tycostream")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/tycostream/tycostream/cmd/tycostream") //nolint:gosec // a path of our own
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build the gateway: %w", err)
	}
	gateway := exec.CommandContext(ctx, program, "serve") //nolint:gosec // built above
	gateway.Env = append(os.Environ(), env...)
	gateway.Stdout, gateway.Stderr = os.Stdout, os.Stderr
	gateway.Cancel = func() error { return gateway.Process.Signal(syscall.SIGTERM) }
	gateway.WaitDelay = time.Minute
	if err := gateway.Run(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("gateway: %w", err)
	}
	return nil
}
