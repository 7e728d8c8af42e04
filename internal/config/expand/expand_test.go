package expand_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tycostream/tycostream/internal/config/expand"
)

func lookup(name string) (string, error) {
	switch name {
	case "WHO":
		return "bob", nil
	case "BRACES":
		return "${WHO}", nil
	case "LOST":
		return "", errors.New("open /x: no such file")
	}
	return "", nil
}

func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "",
		"plain $5 {x}":          "plain $5 {x}",
		"${WHO}":                "bob",
		"Bearer ${WHO}, ${WHO}": "Bearer bob, bob",
		"${BRACES}":             "${WHO}", // what a variable holds is not looked at again
		"${NO:-a b}":            "a b",
		"${NO:-}":               "",
		"${WHO:-x}":             "bob",
		"$${WHO}":               "${WHO}",
		"${NO}":                 "! the environment variable NO is not set, nor is NO_FILE; write ${NO:-default} to do without",
		"${LOST:-x}":            "! LOST_FILE: open /x: no such file",
		"${WHO":                 "! ${ without }",
		"${W-O}":                "! ${W-O} does not name an environment variable",
		"${}":                   "! ${} does not name an environment variable",
	} {
		got, err := expand.Text(text, lookup)
		if err != nil {
			got = "! " + err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("a${WHO}b$${NO:-x}")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := expand.Text(text, func(string) (string, error) { return "v", nil })
		if err == nil && !strings.Contains(text, "${") && got != text {
			t.Errorf("%q became %q", text, got)
		}
	})
}
