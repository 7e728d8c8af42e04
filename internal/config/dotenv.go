package config

import (
	"strings"

	"github.com/tycostream/tycostream/internal/config/expand"
	"github.com/tycostream/tycostream/internal/config/mistake"
)

// variable is one assignment of a .env file.
type variable struct {
	name, value string
	line        int
}

// parseDotenv reads a .env file as its usual readers do: NAME=value, an
// optional "export", # comments, values in single, double or back quotes that
// may span lines, \n in double quotes. Nothing is expanded: a $ in a password
// stays what it is. Lines that are none of this go to mistakes.
func parseDotenv(file, text string, mistakes *mistake.List) []variable {
	text = strings.TrimPrefix(strings.ReplaceAll(text, "\r\n", "\n"), "\uFEFF")
	var list []variable
	for line := 1; text != ""; line++ {
		row, rest, _ := strings.Cut(text, "\n")
		if t := strings.TrimSpace(row); t == "" || t[0] == '#' {
			text = rest
			continue
		}
		name, value, ok := strings.Cut(row, "=")
		name = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(name), "export "))
		if !ok || !isDotenvName(name) {
			mistakes.Add(file, line, 1, "this line is ignored: write NAME=value")
			text = rest
			continue
		}
		value = strings.TrimLeft(value, " \t")
		if value == "" || !strings.ContainsRune("\"'`", rune(value[0])) {
			value, _, _ = strings.Cut(value, "#")
			list = append(list, variable{name, strings.TrimSpace(value), line})
			text = rest
			continue
		}
		quoted := text[len(row)-len(value):] // may run over the following rows
		end := closingQuote(quoted)
		if end < 0 {
			mistakes.Add(file, line, 1, "this line is ignored: the value of %s has no closing quote", name)
			text = rest
			continue
		}
		list = append(list, variable{name, unquote(quoted[:end+1]), line})
		line += strings.Count(quoted[:end+1], "\n")
		_, text, _ = strings.Cut(quoted[end+1:], "\n")
	}
	return list
}

func isDotenvName(s string) bool {
	return expand.IsName(strings.NewReplacer(".", "_", "-", "_").Replace(s))
}

// closingQuote finds the quote that ends s, which starts with one.
func closingQuote(s string) int {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && s[0] == '"':
			i++
		case s[i] == s[0]:
			return i
		}
	}
	return -1
}

func unquote(s string) string {
	quote, body := s[0], s[1:len(s)-1]
	if quote != '"' {
		return body
	}
	return strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\"`, `"`, `\\`, `\`).Replace(body)
}
