package mistake

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Suggest returns `; did you mean "x"?` for the candidate closest to word, or
// "" when none is close enough to be worth a guess.
func Suggest(word string, candidates []string) string {
	if c, ok := Closest(word, candidates); ok {
		return "; did you mean " + strconv.Quote(c) + "?"
	}
	return ""
}

// OneOf lists what would have been right: a suggestion when one is close, else
// all candidates when they are few.
func OneOf(word string, candidates []string) string {
	if s := Suggest(word, candidates); s != "" {
		return s
	}
	if len(candidates) == 0 || len(candidates) > 24 {
		return ""
	}
	return "; use one of " + strings.Join(candidates, ", ")
}

// Closest returns the candidate that differs least from word, ignoring case
// and the separators people mix up. At most a third of the word may differ.
func Closest(word string, candidates []string) (string, bool) {
	fold := func(s string) string {
		return strings.NewReplacer("_", "", "-", "", ".", "", " ", "").Replace(strings.ToLower(s))
	}
	w := fold(word)
	if w == "" || len(word) > 200 {
		return "", false
	}
	best, bestCost := "", 1+max(1, utf8.RuneCountInString(w)/3)
	for _, c := range candidates {
		if d := distance([]rune(w), []rune(fold(c))); d < bestCost && d < utf8.RuneCountInString(w) {
			best, bestCost = c, d
		}
	}
	return best, best != ""
}

// distance counts the insertions, deletions, substitutions and swaps of
// neighbors that turn a into b.
func distance(a, b []rune) int {
	older, old := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range old {
		old[j] = j
	}
	for i := range a {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range b {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(old[j+1]+1, row[j]+1, old[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], older[j-1]+1)
			}
		}
		older, old = old, slices.Clone(row)
	}
	return old[len(b)]
}
