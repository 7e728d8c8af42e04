package catalog

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tycostream/tycostream/internal/source"
)

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func literal(text string) string { return `'` + strings.ReplaceAll(text, `'`, `''`) + `'` }

func quoteAll(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = quote(n)
	}
	return strings.Join(quoted, ", ")
}

// splitName takes a relation's name apart: up to three parts, each plain or in
// double quotes.
func splitName(text string) []string {
	var parts []string
	var part strings.Builder
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"' && quoted && i+1 < len(text) && text[i+1] == '"':
			part.WriteByte(c)
			i++
		case c == '"':
			quoted = !quoted
		case c == '.' && !quoted:
			parts = append(parts, part.String())
			part.Reset()
		default:
			part.WriteByte(c)
		}
	}
	return append(parts, part.String())
}

// TableName is the name of a source's relation in its schema; of a query, the
// source's.
func TableName(def *source.Definition) string {
	if def.Query != "" {
		return def.Name
	}
	parts := splitName(def.Relation)
	return parts[len(parts)-1]
}

// fromClause is what to write behind FROM to read a source. The catalog knows
// the full name, except where a part of it holds a dot itself.
func fromClause(def *source.Definition, rel *source.Relation) string {
	if def.Query != "" {
		return "(" + def.Query + "\n) AS q"
	}
	parts := strings.Split(rel.Name, ".")
	if len(parts) > 3 {
		parts = splitName(def.Relation)
	}
	for i := range parts {
		parts[i] = quote(parts[i])
	}
	return strings.Join(parts, ".")
}

// denied reports whether the database refused for lack of rights.
func denied(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == "42501"
}
