// Command tycostream serves the views of a streaming database as a live
// GraphQL API. This package holds flags and exit codes; everything else is in
// the packages under internal.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/tycostream/tycostream/internal/config"
	"github.com/tycostream/tycostream/internal/config/mistake"
	"github.com/tycostream/tycostream/internal/telemetry"
)

// version is set when a release is built: -ldflags "-X main.version=v1.2.3".
var version string

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	p := &program{
		environ: os.Environ(), stdout: os.Stdout, stderr: os.Stderr,
		build: telemetry.ReadBuild(version),
	}
	os.Exit(p.run(ctx, os.Args[1:])) //nolint:gocritic // stop only gives the signals back
}

// program is what the commands share.
type program struct {
	environ        []string
	stdout, stderr io.Writer
	build          telemetry.Build
}

// usageError is a mistake in the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// run executes the command line and returns the exit code.
func (p *program) run(ctx context.Context, args []string) int {
	root := p.root()
	root.SetArgs(args)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	p.complain(err)
	_, usage := errors.AsType[usageError](err)
	_, flags := errors.AsType[*config.UsageError](err)
	if usage || flags {
		return exitUsage
	}
	return exitFailure
}

// complain prints an error. Mistakes in files stand alone in their lines, so
// that editors and terminals make links of their places.
func (p *program) complain(err error) {
	if list, ok := errors.AsType[mistake.List](err); ok {
		_, _ = fmt.Fprintln(p.stderr, list.Error())
		return
	}
	_, _ = fmt.Fprintf(p.stderr, "tycostream: %v\n", err)
}

// warn prints a warning of a command that does not log.
func (p *program) warn(text string) {
	_, _ = fmt.Fprintf(p.stderr, "warning: %s\n", text)
}
