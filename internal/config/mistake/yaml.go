package mistake

import (
	"strconv"
	"strings"
)

// YAML takes an error of the YAML decoder apart: the line it names, or 1, and
// what is wrong there.
func YAML(err error) (line int, text string) {
	text = strings.TrimPrefix(err.Error(), "yaml: ")
	line = 1
	if before, after, ok := strings.Cut(text, "line "); ok {
		if number, rest, ok := strings.Cut(after, ": "); ok {
			if n, e := strconv.Atoi(number); e == nil && n > 0 {
				line, text = n, before+rest
			}
		}
	}
	return line, "this is not YAML: " + strings.TrimSpace(text)
}
