package config

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tycostream/tycostream/internal/config/expand"
	"github.com/tycostream/tycostream/internal/config/mistake"
)

// fileParser is the koanf parser of the settings file. It knows the table, so
// that every mistake is found where it stands.
type fileParser struct {
	name     string
	settings map[string]*Setting
	lookup   expand.Lookup // for ${VAR}
	mistakes *mistake.List
	places   map[string]mistake.Mistake // key -> where it was set
}

// Unmarshal implements koanf.Parser. What cannot be used goes to mistakes and
// is left out, so that loading goes on and finds the rest.
func (p *fileParser) Unmarshal(text []byte) (map[string]any, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		line, what := mistake.YAML(err)
		p.mistakes.Add(p.name, line, 0, "%s", what)
		return map[string]any{}, nil
	}
	values := map[string]any{}
	if len(doc.Content) > 0 && doc.Content[0].Tag != "!!null" {
		p.mapping(doc.Content[0], "", values)
	}
	return values, nil
}

// Marshal implements koanf.Parser.
func (p *fileParser) Marshal(map[string]any) ([]byte, error) {
	return nil, errors.ErrUnsupported
}

func (p *fileParser) mapping(n *yaml.Node, prefix string, into map[string]any) {
	if n.Kind != yaml.MappingNode {
		p.mistakes.Add(p.name, n.Line, n.Column, "%s must hold settings, as in \"port: 4000\"",
			orWord(strings.TrimSuffix(prefix, "."), "the file"))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		key := prefix + k.Value
		if line, twice := seen[key]; twice {
			p.mistakes.Add(p.name, k.Line, k.Column, "%q stands here twice; the first is in line %d", key, line)
			continue
		}
		seen[key] = k.Line
		if p.isGroup(key) {
			sub := map[string]any{}
			if v.Tag != "!!null" {
				p.mapping(v, key+".", sub)
			}
			into[k.Value] = sub
			continue
		}
		s := p.settings[key]
		if s == nil {
			p.mistakes.Add(p.name, k.Line, k.Column, "unknown setting %q%s", key, p.suggest(key))
			continue
		}
		if text, ok := p.value(s, v); ok && (text != "" || s.Blank && v.Tag != "!!null") {
			into[k.Value] = text
			p.places[key] = mistake.Mistake{File: p.name, Line: v.Line, Column: v.Column}
		}
	}
}

func (p *fileParser) isGroup(key string) bool {
	for k := range p.settings {
		if strings.HasPrefix(k, key+".") {
			return true
		}
	}
	return false
}

// suggest looks among the whole keys, and among the last parts: "host" at the
// top level probably means "listen.host".
func (p *fileParser) suggest(key string) string {
	var keys, same []string
	for k, s := range p.settings {
		keys = append(keys, k)
		if strings.HasSuffix(k, "."+key) || s.Env[0] == key {
			same = append(same, strconv.Quote(k))
		}
	}
	slices.Sort(keys)
	slices.Sort(same)
	if len(same) > 0 {
		return "; did you mean " + strings.Join(same, " or ") + "?"
	}
	return mistake.Suggest(key, keys)
}

func (p *fileParser) value(s *Setting, n *yaml.Node) (string, bool) {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch {
	case n.Kind == yaml.SequenceNode && (s.Kind == Origins || s.Kind == List || s.Kind == Durations):
		parts := make([]string, 0, len(n.Content))
		for _, item := range n.Content {
			text, ok := p.value(&Setting{Key: s.Key}, item)
			if !ok {
				return "", false
			}
			parts = append(parts, text)
		}
		return strings.Join(parts, ","), true
	case n.Kind != yaml.ScalarNode:
		p.mistakes.Add(p.name, n.Line, n.Column, "%q needs a single value of type %s", s.Key, s.Kind)
		return "", false
	case n.Tag == "!!null":
		return "", true
	}
	text, err := expand.Text(n.Value, p.lookup)
	if err != nil {
		p.mistakes.Add(p.name, n.Line, n.Column, "%s: %s", s.Key, err)
		return "", false
	}
	return text, true
}

func orWord(s, word string) string {
	if s == "" {
		return word
	}
	return strconv.Quote(s)
}

// readSecret reads the file that a *_FILE variable names.
func readSecret(path string) (string, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return "", err
	}
	s := strings.TrimRight(string(text), "\r\n")
	if s == "" {
		return "", errors.New("the file is empty")
	}
	return s, nil
}
