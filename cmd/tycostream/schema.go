package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/tycostream/tycostream/graph"
	"github.com/tycostream/tycostream/internal/catalog"
	"github.com/tycostream/tycostream/internal/config"
	"github.com/tycostream/tycostream/internal/config/schemafile"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
)

func (p *program) schemaCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the GraphQL schema (SDL)",
		Long: `schema prints the GraphQL schema that schema.yaml makes. It asks the database only
for sources that declare no columns.`,
		Args: noArguments,
	}
	config.AddFlags(cmd.Flags(), true)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		settings, err := p.load(cmd, false)
		if err != nil {
			return err
		}
		file, err := loadSchema(settings, anything)
		if err != nil {
			return err
		}
		sdl, err := printSchema(cmd.Context(), settings.Config, file)
		if err != nil {
			return err
		}
		_, err = fmt.Fprint(p.stdout, sdl)
		return err
	}
	return cmd
}

// anything stands for every variable in schema.yaml: the GraphQL schema shows
// none of them, and whoever generates code from it has no secrets.
func anything(string) (string, error) { return "https://variable.invalid/", nil }

func printSchema(ctx context.Context, c *config.Config, file *schemafile.File) (string, error) {
	columns := &columnReader{config: c}
	defer columns.close()
	m := graph.Model{CamelCase: file.CamelCase, StringScalars: file.StringScalars}
	for _, def := range file.Sources {
		shape, err := columns.read(ctx, def)
		if err != nil {
			return "", err
		}
		m.Sources = append(m.Sources, graph.Source{Name: def.Name, Base: def.Base, Schema: shape})
	}
	return graph.SDL(m)
}

// columnReader connects when the first source needs it.
type columnReader struct {
	config *config.Config
	db     *catalog.Database
}

func (r *columnReader) read(ctx context.Context, def *source.Definition) (*relation.Schema, error) {
	if shape, declared := def.Declared(); declared {
		return shape, nil
	}
	if r.db == nil {
		db, err := catalog.Connect(ctx, r.config, nil, slog.New(slog.DiscardHandler))
		if err != nil {
			return nil, fmt.Errorf("source %s declares no columns: %w", def.Name, err)
		}
		r.db = db
	}
	rel, err := r.db.Backend.Describe(ctx, def)
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", def.Name, err)
	}
	shape, _, _, err := def.Resolve(rel)
	return shape, err
}

func (r *columnReader) close() {
	if r.db != nil {
		r.db.Close()
	}
}
