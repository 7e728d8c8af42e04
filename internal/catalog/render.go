package catalog

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tycostream/tycostream/internal/config/schemafile"
	"github.com/tycostream/tycostream/internal/relation"
)

// render writes the schema.yaml. It is written by hand rather than by the YAML
// library, for the comments and the short forms.
func (r *Request) render(list []described) string {
	r.rename(list)
	var b strings.Builder
	b.WriteString("naming: " + map[bool]string{true: "database", false: "camelCase"}[r.Database] + "\n")
	if len(r.Enums) > 0 {
		b.WriteString("enums:\n")
		for _, e := range r.Enums {
			values := make([]string, len(e.Values))
			for i, v := range e.Values {
				values[i] = scalar(v)
			}
			fmt.Fprintf(&b, "  %s: [%s]\n", scalar(e.Name), strings.Join(values, ", "))
		}
	}
	b.WriteString("sources:\n")
	for i := range list {
		r.renderSource(&b, &list[i])
	}
	return b.String()
}

func (r *Request) renderSource(b *strings.Builder, s *described) {
	fmt.Fprintf(b, "  %s: # %s\n", scalar(s.name), s.rel.Type)
	if s.base != "" {
		fmt.Fprintf(b, "    graphql_name: %s\n", scalar(s.base))
	}
	if s.def.Relation != s.name {
		fmt.Fprintf(b, "    relation: %s\n", scalar(s.def.Relation))
	}
	if s.key == nil {
		fmt.Fprintf(b, "    primary_key: %s # %s\n", schemafile.Choose, s.offered)
	} else {
		fmt.Fprintf(b, "    primary_key: %s\n", keyYAML(s.key))
	}
	b.WriteString("    columns:\n")
	for i := range s.rel.Columns {
		c := &s.rel.Columns[i]
		kind, note := c.Kind.String(), ""
		if c.Kind == relation.Array || c.Kind == relation.String && !plainText(c.SQLType) {
			note = " # " + strings.ReplaceAll(c.SQLType, "\n", " ")
		}
		if given := r.Columns[s.name][c.Name]; given != "" {
			kind = given
		}
		if field := s.fields[c.Name]; field != "" {
			kind = fmt.Sprintf("{type: %s, graphql_name: %s}", kind, scalar(field))
		}
		fmt.Fprintf(b, "      %s: %s%s\n", scalar(c.Name), kind, note)
	}
}

func plainText(sqlType string) bool {
	return sqlType == "text" || strings.HasPrefix(sqlType, "char") || strings.HasPrefix(sqlType, "varchar")
}

// keyYAML writes a key: one column, or a list.
func keyYAML(key []string) string {
	texts := make([]string, len(key))
	for i, k := range key {
		texts[i] = scalar(k)
	}
	if len(texts) == 1 {
		return texts[0]
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

// scalar writes a text as YAML, in quotes where it needs them.
func scalar(text string) string {
	if strings.ContainsAny(text, ",[]{}") { // plain in a block, but not in [a, b]
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
	}
	out, err := yaml.Marshal(text)
	if err != nil || strings.Contains(strings.TrimSpace(string(out)), "\n") {
		return fmt.Sprintf("%q", text)
	}
	return strings.TrimSpace(string(out))
}
