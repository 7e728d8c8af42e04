package schemafile

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tycostream/tycostream/internal/config/mistake"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
)

// maxColumns bounds the columns of all sources together: aliases would let a
// small file declare any number of them.
const maxColumns = 200_000

var columnKeys = []string{"type", "graphql_name", "nullable"}

func (p *parser) readColumns(def *source.Definition, n *yaml.Node) {
	if isNull(n) || n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		p.wrong(n, "columns is empty: leave it out to read the columns from the database")
		return
	}
	for _, e := range p.pairs(n, "columns", "names with types, as in \"id: Integer\"") {
		if p.columns++; p.columns > maxColumns {
			p.wrong(e.key, "there are more than %d columns", maxColumns)
			return
		}
		p.note(e.key, "sources", def.Name, "columns", name(e.key))
		def.Columns = append(def.Columns, p.readColumn(def, e))
	}
}

// readColumn reads one column in its short form, a type, or its long form.
// What is wrong with the type does not keep the column from being known.
func (p *parser) readColumn(def *source.Definition, e pair) source.ColumnDefinition {
	c := source.ColumnDefinition{Name: name(e.key), Line: e.key.Line}
	c.Field = def.Field(c.Name)
	switch e.value.Kind {
	case yaml.ScalarNode:
		p.columnType(&c, e.value)
	case yaml.MappingNode:
		p.longColumn(def, &c, e)
	default:
		p.wrong(e.value, "column %q needs a type, as in \"%s: Integer\"", c.Name, c.Name)
	}
	return c
}

func (p *parser) longColumn(def *source.Definition, c *source.ColumnDefinition, e pair) {
	typed := false
	for _, f := range p.pairs(e.value, "column", "type, graphql_name and nullable") {
		switch key := name(f.key); key {
		case "type":
			typed = true
			p.columnType(c, f.value)
		case "graphql_name":
			if text, ok := p.text(f.value, "graphql_name"); ok {
				c.Field = text
				p.note(f.value, "sources", def.Name, "columns", c.Name, nameKey)
			}
		case "nullable":
			if v, ok := p.boolean(f.value, "nullable"); ok {
				c.Nullable = &v
			}
		default:
			p.wrong(f.key, "unknown key %q in column %q%s", key, c.Name, mistake.OneOf(key, columnKeys))
		}
	}
	if !typed {
		p.wrong(e.key, "column %q has no type: write {type: String, ...}", c.Name)
	}
}

func (p *parser) columnType(c *source.ColumnDefinition, n *yaml.Node) {
	if isNull(n) {
		p.wrong(n, "column %q has no type", c.Name)
		return
	}
	text, ok := p.text(n, "the type of column \""+c.Name+"\"")
	if !ok {
		return
	}
	if kind, ok := relation.ParseKind(text); ok {
		c.Kind = kind
		return
	}
	if enum := p.enums[text]; enum != nil {
		c.Kind, c.Enum = relation.Enumeration, enum
		return
	}
	p.wrong(n, "unknown type %q%s", text, p.suggestType(text))
}

// suggestType knows what people call types elsewhere.
func (p *parser) suggestType(text string) string {
	word := strings.ToLower(text)
	if i := strings.IndexByte(word, '('); i > 0 {
		word = word[:i]
	}
	if strings.HasSuffix(word, "[]") || strings.HasPrefix(word, "[") {
		return "; did you mean \"Array\"?"
	}
	if kind, ok := elsewhere()[strings.TrimSpace(word)]; ok {
		return "; did you mean \"" + kind.String() + "\"?"
	}
	if word == "enum" {
		return "; write the name of one of the enums"
	}
	candidates := relation.KindNames()
	names := make([]string, 0, len(p.enums))
	for enum := range p.enums {
		names = append(names, enum)
	}
	slices.Sort(names)
	return mistake.OneOf(text, append(candidates, names...))
}

func elsewhere() map[string]relation.Kind {
	kinds := map[string]relation.Kind{}
	for kind, words := range map[relation.Kind]string{
		relation.Integer:   "int int2 int4 smallint uint2 short number",
		relation.BigInt:    "int8 bigint long uint4 uint8 int64 bigserial mz_timestamp",
		relation.Float:     "float4 float8 real double float64",
		relation.Decimal:   "numeric money dec bigdecimal",
		relation.String:    "text varchar char bpchar str id interval bytea",
		relation.UUID:      "guid",
		relation.Boolean:   "bool bit",
		relation.Timestamp: "timestamptz datetime instant",
		relation.JSON:      "jsonb object map",
		relation.Array:     "list",
	} {
		for word := range strings.FieldsSeq(words) {
			kinds[word] = kind
		}
	}
	return kinds
}
