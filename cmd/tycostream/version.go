package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
)

func (p *program) versionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  noArguments,
	}
	asJSON := cmd.Flags().Bool("json", false, "as JSON")
	cmd.RunE = func(*cobra.Command, []string) error {
		if *asJSON {
			return json.NewEncoder(p.stdout).Encode(p.build)
		}
		_, err := fmt.Fprintln(p.stdout, p.build)
		return err
	}
	return cmd
}
