package schemafile

import (
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/tycostream/tycostream/internal/config/mistake"
	"github.com/tycostream/tycostream/internal/naming"
	"github.com/tycostream/tycostream/internal/relation"
)

var topKeys = []string{"naming", "scalars", "enums", "sources"}

// top walks the whole file: first what the sources depend on, then the
// sources, then the names of everything together.
func (p *parser) top(root *yaml.Node) {
	nodes := map[string]*yaml.Node{}
	misspelt := ""
	for _, e := range p.pairs(root, "the file", "naming, scalars, enums and sources") {
		key := name(e.key)
		if !slices.Contains(topKeys, key) {
			p.wrong(e.key, "unknown key %q%s", key, mistake.OneOf(key, topKeys))
			if c, _ := mistake.Closest(key, topKeys); c == "sources" {
				misspelt = c
			}
			continue
		}
		p.note(e.key, key)
		nodes[key] = e.value
	}
	if n := nodes["naming"]; n != nil {
		p.file.CamelCase = p.choice(n, "naming", "database", "camelCase") == 1
	}
	p.file.StringScalars = !p.file.CamelCase
	if n := nodes["scalars"]; n != nil {
		p.file.StringScalars = p.choice(n, "scalars", "typed", "string") == 1
	}
	p.field = func(column string) string { return naming.Field(column, "", p.file.CamelCase) }
	if n := nodes["enums"]; n != nil && !isNull(n) {
		p.readEnums(n)
	}
	n := nodes["sources"]
	switch {
	case root.Kind != yaml.MappingNode, n == nil && misspelt != "":
	case n == nil:
		p.wrong(root, "there are no sources: add \"sources:\", as \"tycostream introspect\" prints it")
	case isNull(n):
		p.wrong(n, "sources is empty: name at least one, as \"tycostream introspect\" prints it")
	default:
		p.readSources(n)
	}
	p.checkNames()
}

func (p *parser) readEnums(n *yaml.Node) {
	for _, e := range p.pairs(n, "enums", "names with lists of values, as in \"side: [buy, sell]\"") {
		enum := &relation.Enum{Name: name(e.key)}
		if _, isKind := relation.ParseKind(enum.Name); isKind {
			p.wrong(e.key, "%q is a type already: give the enum another name", enum.Name)
			continue
		}
		p.note(e.key, "enums", enum.Name)
		p.enumValues(e, enum)
		p.file.Enums = append(p.file.Enums, enum)
		p.enums[enum.Name] = enum
	}
}

func (p *parser) enumValues(e pair, enum *relation.Enum) {
	if e.value.Kind != yaml.SequenceNode {
		p.wrong(e.value, "enum %q must be a list of values, as in [buy, sell]", enum.Name)
		return
	}
	if len(e.value.Content) == 0 {
		p.wrong(e.value, "enum %q has no values", enum.Name)
	}
	lines := map[string]int{}
	for _, item := range e.value.Content {
		v := resolve(item)
		if v.Kind != yaml.ScalarNode {
			p.wrong(item, "a value of enum %q must be a single word", enum.Name)
			continue
		}
		if line, twice := lines[v.Value]; twice {
			p.wrong(item, "enum %q has the value %q twice; the first is in line %d", enum.Name, v.Value, line)
			continue
		}
		lines[v.Value] = item.Line
		p.note(item, "enums", enum.Name, v.Value)
		enum.Values = append(enum.Values, v.Value)
	}
}
