package config

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// AddFlags registers --config and a flag for every setting; without all, only
// those that concern serving a demo.
func AddFlags(fs *pflag.FlagSet, all bool) {
	fs.String("config", "", "A file with settings (YAML). [$"+configVariable+"]")
	for _, s := range Settings() {
		if !all && (!s.Serving || s.Group() == "postgres" || s.Group() == "tls") && s.Group() != "log" {
			continue
		}
		fs.String(s.Flag, "", s.Help)
		if s.Kind == Boolean {
			fs.Lookup(s.Flag).NoOptDefVal = "true"
		}
	}
}

// Flags lists the names that AddFlags registers, for suggestions.
func Flags() []string {
	names := []string{"config", "help"}
	for _, s := range Settings() {
		names = append(names, s.Flag)
	}
	return names
}

// Usage renders the settings that fs has flags for, with their variables and
// defaults.
func Usage(fs *pflag.FlagSet) string {
	var b strings.Builder
	last := "-"
	for _, s := range Settings() {
		if fs.Lookup(s.Flag) == nil {
			continue
		}
		if g := s.Group(); g != last {
			if last != "-" {
				b.WriteByte('\n')
			}
			last = g
		}
		head := "  --" + s.Flag
		if s.Kind != Boolean {
			head += " " + s.Kind.String()
		}
		fmt.Fprintf(&b, "%-36s $%s (default: %s)\n", head, s.Env[0], s.DefaultText())
		for _, row := range wrap(s.Help, 72) {
			b.WriteString("        " + row + "\n")
		}
	}
	return b.String()
}

func wrap(text string, width int) []string {
	var rows []string
	row := ""
	for word := range strings.FieldsSeq(text) {
		if row != "" && len(row)+1+len(word) > width {
			rows = append(rows, row)
			row = ""
		}
		if row != "" {
			row += " "
		}
		row += word
	}
	return append(rows, row)
}

// YAML renders the effective settings as a settings file, each with its
// origin, secrets masked.
func (r *Result) YAML() string {
	var b strings.Builder
	last := ""
	for _, e := range r.Entries {
		indent, name := "", e.Key
		if g := e.Group(); g != "" {
			if g != last {
				b.WriteString(g + ":\n")
			}
			last, indent, name = g, "  ", strings.TrimPrefix(e.Key, g+".")
		}
		fmt.Fprintf(&b, "%s%s: %s # %s\n", indent, name, e.Display(), e.Origin)
	}
	return b.String()
}

// Display is the entry's text for people: quoted where YAML needs it, masked
// when it is a secret.
func (e *Entry) Display() string {
	switch {
	case e.Text == "":
		return `""`
	case e.Kind == URL:
		return strconv.Quote(MaskURL(e.Text))
	case e.Secret:
		return strconv.Quote(mask)
	case e.Kind == Text, e.Kind == Origins, e.Kind == List, e.Kind == Durations:
		return strconv.Quote(e.Text)
	}
	return e.Text
}

// Reference renders docs/configuration.md.
func Reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	last := "-"
	for _, s := range Settings() {
		if g := s.Group(); g != last {
			title := g
			if g == "" {
				title = "General"
			}
			b.WriteString("\n## " + strings.ToUpper(title[:1]) + title[1:] + "\n\n")
			b.WriteString("| Key | Variable | Flag | Type | Default | |\n|---|---|---|---|---|---|\n")
			last = g
		}
		env := "`" + strings.Join(s.Env, "`, `") + "`"
		if s.Secret {
			env += ", `" + s.Env[0] + "_FILE`"
		}
		kind := s.Kind.String()
		if s.Kind == Choice {
			kind = "`" + strings.Join(s.Values, "` `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | `--%s` | %s | %s | %s |\n", s.Key, env, s.Flag, kind, s.DefaultText(), s.Help)
	}
	return b.String()
}

const referenceHead = `# Configuration

<!-- Generated from the table in internal/config; run "go generate ./internal/config". -->

Every setting can stand in a file, in the environment (or a ` + "`.env`" + ` file in the working
directory) and on the command line. The last of these that has a value wins:

    default < file (--config tycostream.yaml) < .env < environment < flag

- Empty means unset. Only an empty ` + "`DATA_DIR=`" + ` is a value: all is kept in memory.
- Durations are written ` + "`250ms`, `30s`, `5m`" + `; sizes ` + "`512`, `64KiB`, `1MB`" + `; lists with commas; booleans
  ` + "`true false 1 0`" + `.
- In the file, ` + "`${VAR}` and `${VAR:-default}`" + ` stand for environment variables, or for what the file
  holds that ` + "`VAR_FILE`" + ` names; ` + "`$${`" + ` for a literal ` + "`${`" + `.
- Dots in a key are nesting: ` + "`listen.host`" + ` is ` + "`listen: {host: ...}`" + `.
- A secret can be read from a file: append ` + "`_FILE`" + ` to the variable's name.
- An unknown key or flag is an error; an unknown variable that starts with ` + "`TYCOSTREAM_`, `DATABASE_`" + ` or
  ` + "`GRAPHQL_`" + ` is a warning.
- ` + "`tycostream config`" + ` prints what is in effect and where each value comes from, secrets masked.
`
