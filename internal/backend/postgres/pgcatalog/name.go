package pgcatalog

import (
	"strings"

	"github.com/tycostream/tycostream/internal/source"
)

// relationName is a relation as schema.yaml writes it, taken apart.
type relationName struct{ database, schema, name string }

// parseName takes "name", "schema.name" or "database.schema.name" apart. Parts
// in double quotes may hold dots. Nothing is folded to lower case: schema.yaml
// names things as the catalog does.
func parseName(text string) (relationName, error) {
	var parts []string
	rest := text
	for {
		part, tail, ok := cutPart(rest)
		if !ok || part == "" {
			return relationName{}, Mistake(source.Config, "%q is not a relation's name", text)
		}
		parts = append(parts, part)
		if tail == "" {
			break
		}
		rest = tail[1:]
	}
	switch len(parts) {
	case 1:
		return relationName{name: parts[0]}, nil
	case 2:
		return relationName{schema: parts[0], name: parts[1]}, nil
	case 3:
		return relationName{parts[0], parts[1], parts[2]}, nil
	}
	return relationName{}, Mistake(source.Config, "%q is not a relation's name: it has too many parts", text)
}

// cutPart returns the first part, and what follows from the dot on.
func cutPart(s string) (part, tail string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		i := strings.IndexByte(s, '.')
		if i < 0 {
			return s, "", true
		}
		return s[:i], s[i:], true
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] != '"':
			b.WriteByte(s[i])
		case i+1 < len(s) && s[i+1] == '"':
			b.WriteByte('"')
			i++
		default:
			tail = s[i+1:]
			return b.String(), tail, tail == "" || tail[0] == '.'
		}
	}
	return "", "", false
}

// Quote writes an identifier as SQL wants it.
func Quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// Literal writes a string constant.
func Literal(text string) string { return `'` + strings.ReplaceAll(text, `'`, `''`) + `'` }

// QuoteAll writes a list of identifiers.
func QuoteAll(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = Quote(n)
	}
	return strings.Join(quoted, ", ")
}
