// Package expand puts environment variables into the texts of files.
//
//	${NAME}            what NAME holds, or what the file holds that NAME_FILE names; an error when neither is set
//	${NAME:-default}   the same, or default
//	$${                a literal ${
//
// All functions are safe for concurrent use.
package expand

import (
	"errors"
	"fmt"
	"strings"
)

// Lookup returns what a variable holds, "" when it is not set. The error is that
// of reading a file.
type Lookup func(name string) (string, error)

// Text replaces the variables of a text. Its errors name the variable, and
// never say what one holds.
func Text(text string, lookup Lookup) (string, error) {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		if !found {
			out.WriteString(text)
			return out.String(), nil
		}
		if strings.HasSuffix(before, "$") {
			out.WriteString(before + "{")
			text = rest
			continue
		}
		out.WriteString(before)
		expr, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", errors.New("${ without }")
		}
		value, err := expression(expr, lookup)
		if err != nil {
			return "", err
		}
		out.WriteString(value)
		text = after
	}
}

// expression is what stands between the braces.
func expression(expr string, lookup Lookup) (string, error) {
	name, fallback, has := strings.Cut(expr, ":-")
	if !IsName(name) {
		return "", fmt.Errorf("${%s} does not name an environment variable", name)
	}
	value, err := lookup(name)
	switch {
	case err != nil:
		return "", fmt.Errorf("%s_FILE: %w", name, err)
	case value != "":
		return value, nil
	case has:
		return fallback, nil
	}
	return "", fmt.Errorf("the environment variable %s is not set, nor is %s_FILE; write ${%s:-default} to do without", name, name, name)
}

// IsName reports whether a text can name a variable.
func IsName(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return r != '_' && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}) < 0
}
