package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/tycostream/tycostream/internal/app" // go test must not take an old result when the gateway has changed
	"github.com/tycostream/tycostream/internal/testpg"
)

// What the tests share; TestMain sets it before the first one runs.
var (
	binary   string // the gateway's
	postgres testpg.Pool
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tycostream-e2e-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "tycostream")
	// For the same reason the files of the command are looked at.
	files, err := filepath.Glob("../../cmd/tycostream/*.go")
	if err != nil {
		return fail(err)
	}
	for _, f := range append(files, "../../schema.yaml") {
		if _, err := os.Stat(f); err != nil {
			return fail(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "../../cmd/tycostream")
	build.Env = append(os.Environ(), "GOFLAGS="+os.Getenv("GOFLAGS")) // asked for, it counts for old results, too
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fail(fmt.Errorf("build the gateway: %w", err))
	}
	return postgres.Run(m)
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// eventually repeats check until it returns nil.
func eventually(tb testing.TB, what string, check func() error) {
	tb.Helper()
	within(tb, 2*time.Minute, what, check)
}

func within(tb testing.TB, limit time.Duration, what string, check func() error) {
	tb.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second/4) { // a check may be dear
		err := check()
		if err == nil {
			return
		}
		select {
		case <-deadline.C:
			tb.Fatalf("%s: not within %v: %v", what, limit, err)
		case <-tb.Context().Done():
			tb.Fatalf("%s: %v", what, err)
		case <-time.After(pause):
		}
	}
}

// rest lets time pass.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
