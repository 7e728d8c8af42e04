package schemafile

import (
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/tycostream/tycostream/internal/config/mistake"
	"github.com/tycostream/tycostream/internal/relation"
)

// parser walks the tree and collects mistakes. What is wrong is reported and
// left out, so that the walk goes on and finds the rest.
type parser struct {
	file     *File
	options  Options
	mistakes mistake.List
	enums    map[string]*relation.Enum
	field    func(column string) string // GraphQL name by the file's naming
	columns  int                        // seen so far
}

// pair is one key of a mapping with its value.
type pair struct{ key, value *yaml.Node }

func joinPath(keys []string) string { return strings.Join(keys, "\x00") }

// note remembers where a path of keys stands.
func (p *parser) note(n *yaml.Node, keys ...string) {
	p.file.places[joinPath(keys)] = mistake.Mistake{File: p.file.Path, Line: n.Line, Column: n.Column}
}

func (p *parser) at(line, column int, format string, args ...any) {
	p.mistakes.Add(p.file.Path, line, column, format, args...)
}

func (p *parser) wrong(n *yaml.Node, format string, args ...any) {
	p.at(n.Line, n.Column, format, args...)
}

func (p *parser) warn(n *yaml.Node, format string, args ...any) {
	p.file.Warnings.Add(p.file.Path, n.Line, n.Column, format, args...)
}

func (p *parser) syntax(err error) {
	line, text := mistake.YAML(err)
	p.at(line, 0, "%s", text)
}

// resolve follows an alias to the node it stands for.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// pairs returns the entries of a mapping, without those whose key is wrong.
// what names the mapping and holds says what belongs into it.
func (p *parser) pairs(n *yaml.Node, what, holds string) []pair {
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		p.wrong(n, "%s must hold %s", what, holds)
		return nil
	}
	var list []pair
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := resolve(n.Content[i]), resolve(n.Content[i+1])
		if key.Kind != yaml.ScalarNode {
			p.wrong(n.Content[i], "a key must be a name")
			continue
		}
		if key.Tag == "!!merge" {
			p.wrong(key, "merge keys (<<) are not supported: write the keys out")
			continue
		}
		if line, twice := seen[key.Value]; twice {
			p.wrong(n.Content[i], "%q stands here twice; the first is in line %d", key.Value, line)
			continue
		}
		seen[key.Value] = n.Content[i].Line
		list = append(list, pair{n.Content[i], value})
	}
	return list
}

// name returns the text of a key node.
func name(n *yaml.Node) string { return resolve(n).Value }

// text returns a scalar's text.
func (p *parser) text(n *yaml.Node, what string) (string, bool) {
	n = resolve(n)
	if n.Kind != yaml.ScalarNode {
		p.wrong(n, "%s must be a single value", what)
		return "", false
	}
	if isNull(n) || strings.TrimSpace(n.Value) == "" {
		p.wrong(n, "%s is empty: give it a value or leave it out", what)
		return "", false
	}
	return n.Value, true
}

// choice returns which of the values a scalar is, -1 when it is none.
func (p *parser) choice(n *yaml.Node, what string, values ...string) int {
	text, ok := p.text(n, what)
	if !ok {
		return -1
	}
	for i, v := range values {
		if v == text {
			return i
		}
	}
	p.wrong(n, "%s cannot be %q%s", what, text, mistake.OneOf(text, values))
	return -1
}

func (p *parser) boolean(n *yaml.Node, what string) (value, ok bool) {
	text, ok := p.text(n, what)
	if !ok {
		return false, false
	}
	switch strings.ToLower(text) {
	case "true", "yes", "on":
		return true, true
	case "false", "no", "off":
		return false, true
	}
	p.wrong(n, "%s must be true or false, not %q", what, text)
	return false, false
}

func (p *parser) duration(n *yaml.Node, what string) (time.Duration, bool) {
	text, ok := p.text(n, what)
	if !ok {
		return 0, false
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		p.wrong(n, "%s must be a duration such as 30s or 5m, not %q", what, text)
	case d < 0:
		p.wrong(n, "%s must not be negative", what)
	default:
		return d, true
	}
	return 0, false
}

// count returns a whole number of at least 1.
func (p *parser) count(n *yaml.Node, what string) (int, bool) {
	text, ok := p.text(n, what)
	if !ok {
		return 0, false
	}
	v, err := strconv.Atoi(strings.ReplaceAll(text, "_", ""))
	if err != nil || v < 1 {
		p.wrong(n, "%s must be a whole number of at least 1, not %q", what, text)
		return 0, false
	}
	return v, true
}
