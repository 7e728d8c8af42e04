package main

import (
	"context"
	"log/slog"

	"github.com/tycostream/tycostream/internal/app"
	"github.com/tycostream/tycostream/internal/config"
	"github.com/tycostream/tycostream/internal/config/schemafile"
	"github.com/tycostream/tycostream/internal/telemetry"
	"github.com/tycostream/tycostream/web"
)

// launchOptions are what the gateway runs with.
type launchOptions struct {
	Config *config.Config
	Schema *schemafile.File
	Demo   *app.Demo // nil to serve
	Build  telemetry.Build
	Log    *slog.Logger
}

func (p *program) serve(ctx context.Context, o launchOptions) error {
	return app.Run(ctx, app.Options{
		Config: o.Config, Schema: o.Schema, Demo: o.Demo, Build: o.Build, Log: o.Log, Out: p.stdout,
		Playground: web.Handler(),
	})
}
