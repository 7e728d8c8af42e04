package materialize

import (
	"fmt"
	"strings"

	"github.com/tycostream/tycostream/internal/source"
)

// name is a relation's full name; database is empty for system relations.
type name struct{ database, schema, object string }

// parseName reads a relation's name of one to three parts, each plain or in
// double quotes. What is missing is the search path's and the session's.
func parseName(text, database string) (name, error) {
	var parts []string
	for rest := text; ; {
		part, tail, ok := cutPart(rest)
		if !ok || part == "" {
			return name{}, &source.Error{Class: source.Config, Text: fmt.Sprintf("%q is no relation's name: write name, schema.name or database.schema.name", text)}
		}
		parts = append(parts, part)
		if tail == "" {
			break
		}
		rest = tail[1:]
	}
	switch len(parts) {
	case 1:
		return name{database, "public", parts[0]}, nil
	case 2:
		if system(parts[0]) {
			database = ""
		}
		return name{database, parts[0], parts[1]}, nil
	case 3:
		return name{parts[0], parts[1], parts[2]}, nil
	}
	return name{}, &source.Error{Class: source.Config, Text: fmt.Sprintf("%q has more than three parts: write database.schema.name", text)}
}

// cutPart cuts the first part off; tail is empty or begins with a dot.
func cutPart(text string) (part, tail string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		i := strings.IndexByte(text, '.')
		if i < 0 {
			return text, "", !strings.Contains(text, `"`)
		}
		return text[:i], text[i:], !strings.Contains(text[:i], `"`)
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		if text[i] != '"' {
			b.WriteByte(text[i])
			continue
		}
		if i+1 < len(text) && text[i+1] == '"' {
			b.WriteByte('"')
			i++
			continue
		}
		tail = text[i+1:]
		return b.String(), tail, tail == "" || tail[0] == '.'
	}
	return "", "", false
}

// system reports whether a schema belongs to no database.
func system(schema string) bool {
	return strings.HasPrefix(schema, "mz_") || schema == "pg_catalog" || schema == "information_schema"
}

// String is the name for messages.
func (n name) String() string {
	if n.database == "" {
		return n.schema + "." + n.object
	}
	return n.database + "." + n.schema + "." + n.object
}

// sql is the name for statements.
func (n name) sql() string {
	out := quoteName(n.schema) + "." + quoteName(n.object)
	if n.database != "" {
		out = quoteName(n.database) + "." + out
	}
	return out
}

func quoteName(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

func quoteText(s string) string { return `'` + strings.ReplaceAll(s, `'`, `''`) + `'` }
