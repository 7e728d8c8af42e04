package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/tycostream/tycostream"
	"github.com/tycostream/tycostream/internal/app"
	"github.com/tycostream/tycostream/internal/config"
	"github.com/tycostream/tycostream/internal/config/schemafile"
)

func (p *program) demoCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run the gateway over a built-in database with moving rows",
		Long: `demo runs the gateway over a built-in stand-in for Materialize, in which a market
moves: a live_pnl of some instruments, the trades and the instruments.

It ignores schema.yaml, .env and the DATABASE_* variables, and listens on
127.0.0.1 unless --listen-host says otherwise.`,
		Args: noArguments,
	}
	var o app.Demo
	cmd.Flags().IntVar(&o.Rows, "rows", 500, "instruments")
	cmd.Flags().Float64Var(&o.Rate, "rate", 50, "price changes per second")
	cmd.Flags().StringVar(&o.Listen, "materialize-listen", "", "let psql in at this address, for example 127.0.0.1:6875")
	config.AddFlags(cmd.Flags(), false)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		switch {
		case o.Rows < 1 || o.Rows > 5_000_000:
			return usageError{errors.New("--rows must be 1 to 5000000")}
		case o.Rate < 0 || o.Rate > 1_000_000:
			return usageError{errors.New("--rate must be 0 to 1000000")}
		}
		settings, err := p.load(cmd, true)
		if err != nil {
			return err
		}
		schema, err := schemafile.Parse("schema.yaml (built in)", tycostream.Schema, schemafile.Options{Linger: settings.Config.Linger})
		if err != nil {
			return err
		}
		return p.launch(cmd.Context(), settings, schema, &o)
	}
	return cmd
}
