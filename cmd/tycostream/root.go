package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tycostream/tycostream/internal/config"
	"github.com/tycostream/tycostream/internal/config/mistake"
)

const about = `tycostream turns the views of a streaming database into a live GraphQL API.

A file, schema.yaml, names the sources; clients subscribe to them over WebSocket
and get a snapshot, then every change.

  tycostream demo                               live rows right away, without any database
  tycostream introspect --source live_pnl       write a schema.yaml from your database
  tycostream serve                              the gateway (also without a command)`

// root builds the tree of commands. Each command adds the flags of the
// settings it uses, so that an unknown flag is always a mistake.
func (p *program) root() *cobra.Command {
	root := p.serveCommand()
	root.Use = "tycostream"
	root.Short = "A live GraphQL API over a streaming database"
	root.Long = about
	root.Version = p.build.String()
	root.SetVersionTemplate("{{.Version}}\n")
	root.SilenceErrors, root.SilenceUsage = true, true
	root.AddCommand(
		p.serveCommand(), p.demoCommand(), p.introspectCommand(), p.checkCommand(),
		p.schemaCommand(), p.configCommand(), p.versionCommand(), p.healthCommand(),
	)
	root.SetFlagErrorFunc(flagError)
	root.SetUsageFunc(usage)
	return root
}

// noArguments refuses arguments, and takes the root's for misspelt commands.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if cmd.HasParent() {
		return usageError{fmt.Errorf("%s takes no argument %q: see tycostream %s --help", cmd.Name(), args[0], cmd.Name())}
	}
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	return usageError{fmt.Errorf("unknown command %q%s", args[0], mistake.OneOf(args[0], names))}
}

func flagError(cmd *cobra.Command, err error) error {
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return usageError{err}
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
	name := unknown.GetSpecifiedName()
	text := "unknown flag --" + name
	if len(name) == 1 {
		text = "unknown flag -" + name
	}
	if hint := mistake.Suggest("--"+name, names); hint != "" {
		return usageError{errors.New(text + hint)}
	}
	return usageError{fmt.Errorf("%s; %s --help lists all", text, cmd.CommandPath())}
}

// usage prints commands, the command's own flags, and every setting with its
// variable and default.
func usage(cmd *cobra.Command) error {
	var b strings.Builder
	line := cmd.UseLine()
	if !cmd.HasParent() {
		line = "tycostream [command] [flags]"
	}
	fmt.Fprintf(&b, "Usage:\n  %s\n", line)
	if cmd.HasAvailableSubCommands() {
		b.WriteString("\nCommands:\n")
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() || c.Name() == "help" {
				fmt.Fprintf(&b, "  %-12s %s\n", c.Name(), c.Short)
			}
		}
	}
	settings := config.Flags()
	own := pflag.NewFlagSet("", pflag.ContinueOnError)
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if !slices.Contains(settings, f.Name) || f.Name == "config" || f.Name == "help" {
			own.AddFlag(f)
		}
	})
	fmt.Fprintf(&b, "\nFlags:\n%s", own.FlagUsages())
	if text := config.Usage(cmd.Flags()); text != "" {
		b.WriteString("\nSettings, each as flag, as environment variable or in the --config file:\n" + text)
	}
	_, err := fmt.Fprint(cmd.OutOrStdout(), b.String())
	return err
}
