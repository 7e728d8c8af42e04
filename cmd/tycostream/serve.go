package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tycostream/tycostream/internal/app"
	"github.com/tycostream/tycostream/internal/config"
	"github.com/tycostream/tycostream/internal/config/expand"
	"github.com/tycostream/tycostream/internal/config/schemafile"
	"github.com/tycostream/tycostream/internal/telemetry"
	"github.com/tycostream/tycostream/web"
)

func (p *program) serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the gateway",
		Args:  noArguments,
	}
	config.AddFlags(cmd.Flags(), true)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		settings, err := p.load(cmd, false)
		if err != nil {
			return err
		}
		schema, err := loadSchema(settings, nil)
		if err != nil {
			return err
		}
		return p.launch(cmd.Context(), settings, schema, nil)
	}
	return cmd
}

// load reads the settings of a command.
func (p *program) load(cmd *cobra.Command, demo bool) (*config.Result, error) {
	return config.Load(config.Input{Flags: cmd.Flags(), Environ: p.environ, Demo: demo})
}

// loadSchema reads schema.yaml. variable looks up what stands in it as ${NAME};
// nil: the environment does.
func loadSchema(settings *config.Result, variable expand.Lookup) (*schemafile.File, error) {
	if variable == nil {
		variable = settings.Variable
	}
	c := settings.Config
	f, err := schemafile.Load(c.SchemaPath, schemafile.Options{Linger: c.Linger, Variable: variable})
	if errors.Is(err, schemafile.ErrMissing) {
		return nil, fmt.Errorf(`%w
  try    tycostream demo                                    live rows right away, without any database
  or     tycostream introspect --source NAME > schema.yaml  write one from your database
  or set SCHEMA_PATH, if the file is elsewhere`, err)
	}
	return f, err
}

// launch runs the gateway until ctx ends.
func (p *program) launch(ctx context.Context, settings *config.Result, schema *schemafile.File, demo *app.Demo) error {
	c := settings.Config
	log := telemetry.NewLogger(p.stderr, telemetry.LogOptions{
		Level: c.Log.Level, Format: c.Log.Format, Secrets: append(c.Secrets(), schema.Secrets()...),
	})
	for _, w := range settings.Warnings {
		log.Warn("setting", "warning", w)
	}
	for _, w := range schema.Warnings {
		log.Warn("schema file", "warning", w.String())
	}
	return app.Run(ctx, app.Options{
		Config: c, Schema: schema, Demo: demo, Build: p.build, Log: log, Out: p.stdout, Pages: web.Handler(),
	})
}
