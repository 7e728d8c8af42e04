package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/tycostream/tycostream/internal/catalog"
	"github.com/tycostream/tycostream/internal/config"
	"github.com/tycostream/tycostream/internal/config/schemafile"
	"github.com/tycostream/tycostream/internal/webhook"
	"github.com/tycostream/tycostream/internal/webhook/store"
)

func (p *program) checkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Validate configuration and schema.yaml",
		Long: `check validates the settings and schema.yaml, triggers included, and prints every
mistake with its place; it looks whether DATA_DIR can be used, too. With --connect
it compares schema.yaml with the database: relations and columns, rights, whether
the keys are unique (this counts the rows), and how far back the database
remembers.`,
		Args: noArguments,
	}
	connect := cmd.Flags().Bool("connect", false, "check against the database, too")
	config.AddFlags(cmd.Flags(), true)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		settings, err := p.load(cmd, false)
		if err != nil {
			return err
		}
		for _, w := range settings.Warnings {
			p.warn(w)
		}
		schema, err := loadSchema(settings, nil)
		if err != nil {
			return err
		}
		for _, w := range schema.Warnings {
			p.warn(w.String())
		}
		if err := p.checkData(settings.Config); err != nil {
			return err
		}
		if *connect {
			return p.checkDatabase(cmd.Context(), settings.Config, schema)
		}
		_, err = fmt.Fprintf(p.stdout, "%s: no mistakes, %d source(s); --connect compares with the database\n", schema.Path, len(schema.Sources))
		return err
	}
	return cmd
}

// checkData looks at DATA_DIR. That another process has it is no mistake: it may
// be the gateway that this configuration is for.
func (p *program) checkData(c *config.Config) error {
	if !c.Triggers.Enabled || c.DataDir == "" {
		return nil
	}
	err := store.Probe(c.DataDir)
	if errors.Is(err, webhook.ErrLocked) {
		p.warn("DATA_DIR: " + err.Error() + "; unless that is this very gateway")
		return nil
	}
	if err != nil {
		return fmt.Errorf("DATA_DIR: nothing can be kept there: %w: set it to a directory that can be written, or to nothing to keep all in memory", err)
	}
	return nil
}

func (p *program) checkDatabase(ctx context.Context, c *config.Config, schema *schemafile.File) error {
	db, err := catalog.Connect(ctx, c, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer db.Close()
	report, err := db.Check(ctx, schema)
	if err != nil {
		return err
	}
	for _, w := range report.Warnings {
		p.warn(w.String())
	}
	if err := report.Mistakes.Err(); err != nil {
		return err
	}
	for _, def := range schema.Sources {
		if _, err := fmt.Fprintf(p.stdout, "%s: %s rows, the key is unique\n", def.Name, report.Rows[def.Name]); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(p.stdout, "%s fits the %s at %s\n", schema.Path, db.Engine, c.Database.Target())
	return err
}
