package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tycostream/tycostream/internal/config/mistake"
)

// ours are the prefixes of variables that belong to the gateway: an unknown
// one is probably misspelt.
var ours = []string{"TYCOSTREAM_", "DATABASE_", "GRAPHQL_"}

// configVariable names the settings file, like --config.
const configVariable = "TYCOSTREAM_CONFIG"

// environment is the process environment over a .env file.
type environment struct {
	layers [2]map[string]string // process, .env
	blank  [2]map[string]bool   // names that are given as empty
	places map[string]string    // of .env variables: "file:line"
}

func readEnvironment(environ []string, dotenv string, warnings *mistake.List) (*environment, error) {
	e := &environment{places: map[string]string{}}
	for i := range e.layers {
		e.layers[i], e.blank[i] = map[string]string{}, map[string]bool{}
	}
	for _, kv := range environ {
		if name, value, ok := strings.Cut(kv, "="); ok {
			e.set(0, name, value)
		}
	}
	if dotenv == "" {
		return e, nil
	}
	if info, err := os.Stat(dotenv); err == nil && info.IsDir() {
		return e, nil // other tools keep such a directory
	}
	text, err := os.ReadFile(dotenv) //nolint:gosec // the operator names the file
	if os.IsNotExist(err) {
		return e, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read .env: %w", err)
	}
	base := filepath.Base(dotenv)
	for _, v := range parseDotenv(base, string(text), warnings) {
		e.set(1, v.name, v.value)
		e.places[v.name] = fmt.Sprintf("%s:%d", base, v.line)
	}
	return e, nil
}

func (e *environment) set(layer int, name, value string) {
	if value == "" {
		e.blank[layer][name] = true
		return
	}
	e.layers[layer][name] = value
}

// get returns a variable, "" when it is not set.
func (e *environment) get(name string) string {
	for _, layer := range e.layers {
		if v := layer[name]; v != "" {
			return v
		}
	}
	return ""
}

// variable returns a variable, or what the file holds that the variable with
// _FILE names.
func (e *environment) variable(name string) (string, error) {
	if v := e.get(name); v != "" {
		return v, nil
	}
	path := e.get(name + "_FILE")
	if path == "" {
		return "", nil
	}
	return readSecret(path)
}

// find returns the text of a setting and the place it comes from. Its first
// name beats the older ones, wherever they are set; the process beats .env.
func (e *environment) find(s *Setting, mistakes *mistake.List) (text, place string) {
	for _, name := range s.Env {
		for i, layer := range e.layers {
			where := func(name string) string {
				if i == 1 {
					return e.places[name] + " " + name
				}
				return name
			}
			direct := layer[name]
			file := ""
			if s.Secret {
				file = layer[name+"_FILE"]
			}
			switch {
			case direct != "" && file != "":
				mistakes.Add(where(name), 0, 0, "%s is set too: set one of them", name+"_FILE")
				return "", ""
			case direct != "":
				return direct, where(name)
			case file != "":
				secret, err := readSecret(file)
				if err != nil {
					mistakes.Add(where(name+"_FILE"), 0, 0, "%s", err)
				}
				return secret, where(name + "_FILE")
			case s.Blank && e.blank[i][name]:
				return "", where(name)
			}
		}
	}
	return "", ""
}

// warnUnknown reports variables with one of our prefixes that mean nothing.
func (e *environment) warnUnknown(settings []Setting, warnings *mistake.List) {
	known := []string{configVariable}
	for _, s := range settings {
		known = append(known, s.Env...)
		if s.Secret {
			for _, name := range s.Env {
				known = append(known, name+"_FILE")
			}
		}
	}
	for i, layer := range e.layers {
		names := make([]string, 0, len(layer))
		for name := range layer {
			if slices.ContainsFunc(ours, func(p string) bool { return strings.HasPrefix(name, p) }) &&
				!slices.Contains(known, name) {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		for _, name := range names {
			place := name
			if i == 1 {
				place = e.places[name] + " " + name
			}
			warnings.Add(place, 0, 0, "no setting has this name%s", suggestVariable(name, known))
		}
	}
}

func suggestVariable(name string, known []string) string {
	bare := strings.TrimPrefix(name, "TYCOSTREAM_")
	if slices.Contains(known, bare) {
		return fmt.Sprintf("; did you mean %q?", bare)
	}
	if s, ok := strings.CutSuffix(name, "_FILE"); ok && slices.Contains(known, s) {
		return "; only secrets are read from files"
	}
	return mistake.Suggest(name, known)
}
