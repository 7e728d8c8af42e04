package main

import (
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/tycostream/tycostream/internal/catalog"
	"github.com/tycostream/tycostream/internal/config"
)

func (p *program) introspectCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "introspect",
		Short: "Print a schema.yaml from the database's catalog",
		Long: `introspect prints a schema.yaml with the columns and types that the database has.

  tycostream introspect --source live_pnl --key instrument_id > schema.yaml
  tycostream introspect --source trades --key id --enum side=buy,sell --column trades.side=side

Without --key it tests columns on a sample, proposes those that are unique there,
and writes "primary_key: CHOOSE", which every other command refuses until somebody
has chosen. Without --source it takes every relation there is.`,
		Args: noArguments,
	}
	var a catalog.Arguments
	f := cmd.Flags()
	f.StringArrayVar(&a.Sources, "source", nil, "relation to follow; may be repeated")
	f.StringArrayVar(&a.Keys, "key", nil, "column or columns (a,b) of its key; of one source among several: source=a,b")
	f.StringArrayVar(&a.Enums, "enum", nil, "enum with its values in order: side=buy,sell; may be repeated")
	f.StringArrayVar(&a.Columns, "column", nil, "another type for a column: trades.side=side; may be repeated")
	f.StringVar(&a.Naming, "naming", "camelCase", "GraphQL names: camelCase, or database for the database's own")
	config.AddFlags(f, true)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		request, err := a.Request()
		if err != nil {
			return usageError{err}
		}
		settings, err := p.load(cmd, false)
		if err != nil {
			return err
		}
		db, err := catalog.Connect(cmd.Context(), settings.Config, nil, slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		defer db.Close()
		text, notes, err := db.Introspect(cmd.Context(), request)
		for _, n := range notes {
			p.warn(n)
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprint(p.stdout, text)
		return err
	}
	return cmd
}
