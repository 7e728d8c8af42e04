package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tycostream/tycostream/internal/config"
)

func (p *program) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Print the effective configuration, secrets masked",
		Args:  noArguments,
	}
	config.AddFlags(cmd.Flags(), true)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		settings, err := p.load(cmd, false)
		if err != nil {
			return err
		}
		for _, w := range settings.Warnings {
			p.warn(w)
		}
		_, err = fmt.Fprint(p.stdout, settings.YAML())
		return err
	}
	return cmd
}
