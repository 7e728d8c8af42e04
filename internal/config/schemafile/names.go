package schemafile

import (
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/tycostream/tycostream/internal/source"
)

// names finds collisions among all names that the schema would have.
type names struct {
	p     *parser
	types map[string]claim
	roots map[string]claim // "Query.livePnL" -> who has it
}

// claim says who uses a name.
type claim struct {
	who  string
	line int // 0: the gateway itself
}

func (p *parser) newNames() *names {
	n := &names{p: p, types: map[string]claim{}, roots: map[string]claim{}}
	for _, t := range coreTypes() {
		n.types[t] = claim{who: "the gateway's own type"}
	}
	n.roots["Query.sources"] = claim{who: "the gateway's own field"}
	return n
}

// field turns a database name into a GraphQL name.
func (n *names) field(database string) string {
	if n.p.file.CamelCase {
		return camel(database)
	}
	return database
}

func (n *names) enum(at *yaml.Node, name string) {
	if why := illegalName(name); why != "" {
		n.p.wrong(at, "%q cannot be the name of an enum in GraphQL: %s", name, why)
		return
	}
	n.take(at, "enum "+name, []string{name, name + "Comparison"}, n.types, "type")
}

func (n *names) source(at *yaml.Node, def *source.Definition) {
	types, roots := generated(def.Base, n.p.file.CamelCase)
	// One message for each source is enough: its names collide together.
	if n.take(at, "source "+def.Name, types, n.types, "type") {
		n.take(at, "source "+def.Name, roots, n.roots, "field")
	}
}

func (n *names) take(at *yaml.Node, who string, list []string, taken map[string]claim, what string) bool {
	for _, name := range list {
		c, clash := taken[name]
		if !clash || c.who == who {
			continue
		}
		switch {
		case c.line == 0:
			n.p.wrong(at, "%s would need the GraphQL %s %q, which is %s: set another graphql_name", who, what, name, c.who)
		default:
			n.p.wrong(at, "%s would need the GraphQL %s %q, which %s in line %d has: set graphql_name for one", who, what, name, c.who, c.line)
		}
		return false
	}
	for _, name := range list {
		taken[name] = claim{who, at.Line}
	}
	return true
}

// illegalName says why text is no GraphQL name, "" when it is one.
func illegalName(text string) string {
	switch {
	case text == "":
		return "it is empty"
	case strings.HasPrefix(text, "__"):
		return "names that start with __ belong to GraphQL"
	case text[0] >= '0' && text[0] <= '9':
		return "it starts with a digit"
	}
	for _, r := range text {
		if r != '_' && (r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r)) {
			return "it holds " + quoteRune(r)
		}
	}
	return ""
}

func quoteRune(r rune) string {
	switch {
	case r == ' ':
		return "a space"
	case unicode.IsPrint(r):
		return "\"" + string(r) + "\""
	}
	return "a character that cannot be printed"
}

func illegalValue(text string) string {
	if slices.Contains([]string{"true", "false", "null"}, text) {
		return "the word is taken"
	}
	return illegalName(text)
}

func illegalField(text string) string {
	if slices.Contains([]string{"_key", "_and", "_or", "_not"}, text) {
		return "the gateway uses it itself"
	}
	return illegalName(text)
}

// legalized proposes a legal name.
func legalized(text string) string {
	var b strings.Builder
	for _, r := range strings.TrimLeft(text, "_") {
		if r == '_' || r <= unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			b.WriteRune(r)
		} else {
			b.WriteByte('_')
		}
	}
	s := b.String()
	if s == "" || s[0] >= '0' && s[0] <= '9' {
		s = "c_" + s
	}
	return s
}
