package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/tycostream/tycostream/internal/config"
	"github.com/tycostream/tycostream/internal/config/schemafile"
	"github.com/tycostream/tycostream/internal/telemetry"
)

// launchOptions are what the gateway runs with.
type launchOptions struct {
	Config *config.Config
	Schema *schemafile.File
	Demo   *demoOptions // nil to serve
	Build  telemetry.Build
	Log    *slog.Logger
}

func run(context.Context, launchOptions) error {
	return errors.New("this build cannot serve yet")
}
