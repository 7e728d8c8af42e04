// Package mistake reports what is wrong in files that people write: each
// mistake with its place, all of them at once, with a suggestion for a word
// that was probably misspelt.
//
// Mistakes are plain values; a [List] belongs to one goroutine while it grows.
package mistake

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Mistake is one thing wrong at one place.
type Mistake struct {
	File         string // as the user named it; for a variable or flag, its name
	Line, Column int    // from 1; 0 when the place has none
	Text         string // what is wrong and what to do
}

// Place returns "file:line:column", as far as the parts are known.
func (m Mistake) Place() string {
	s := m.File
	if m.Line > 0 {
		s += ":" + strconv.Itoa(m.Line)
		if m.Column > 0 {
			s += ":" + strconv.Itoa(m.Column)
		}
	}
	return s
}

// String is the place and the text in one line.
func (m Mistake) String() string {
	if p := m.Place(); p != "" {
		return p + ": " + m.Text
	}
	return m.Text
}

// List is a set of mistakes; as an error it prints one line for each.
type List []Mistake //nolint:errname // reads well where it is used: mistake.List

// Add appends a mistake.
func (l *List) Add(file string, line, column int, format string, args ...any) {
	*l = append(*l, Mistake{File: file, Line: line, Column: column, Text: fmt.Sprintf(format, args...)})
}

// Sort orders the mistakes by place and drops exact repetitions. Files keep
// the order in which they first appear.
func (l *List) Sort() {
	files := map[string]int{}
	for _, m := range *l {
		if _, ok := files[m.File]; !ok {
			files[m.File] = len(files)
		}
	}
	slices.SortStableFunc(*l, func(a, b Mistake) int {
		return cmp.Or(
			cmp.Compare(files[a.File], files[b.File]),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column),
		)
	})
	*l = slices.Compact(*l)
}

// Err returns the sorted list as an error, or nil when it is empty.
func (l List) Err() error {
	if len(l) == 0 {
		return nil
	}
	l.Sort()
	return l
}

func (l List) Error() string {
	lines := make([]string, len(l))
	for i, m := range l {
		lines[i] = m.String()
	}
	return strings.Join(lines, "\n")
}
