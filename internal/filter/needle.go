package filter

import (
	"math/bits"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Needle is a text to look for in a cell, as the API shows it.
type Needle struct {
	Text  string // not empty
	Fold  bool   // Text is folded: look for it in what AppendFolded makes of the cell
	Start bool   // only at the cell's start
	End   bool   // only at its end
}

// Needles is a condition on a text: that it holds one of List.
type Needles struct {
	List  []Needle
	Exact bool // a text that meets the condition matches the pattern
}

const (
	// mostNeedle is the most bytes of a needle: more would hardly rule out more
	// texts, and indexes walk along needles from every byte of a cell.
	mostNeedle = 64
	// mostConditions is how many of a pattern are kept: it needs one.
	mostConditions = 8
)

// Needles returns conditions each of which a cell must meet for a Test to be
// true, that which seems to rule out most first. There is none for tests other
// than patterns, and none for patterns that name no text, or but a letter that
// may stand anywhere.
func (n *Node) Needles() []Needles {
	if !n.Op.wants() {
		return nil
	}
	return n.needles
}

// AppendFolded appends text with each character replaced by the smallest that
// differs from it only in case, and each invalid byte by U+FFFD.
func AppendFolded(dst []byte, text string) []byte {
	for _, r := range text {
		dst = utf8.AppendRune(dst, folded(r, true))
	}
	return dst
}

// cased reports whether a character differs from others only in case.
func cased(r rune) bool { return unicode.SimpleFold(r) != r }

// holds reports whether a text holds a needle that is not folded.
func (n *Needle) holds(text string) bool {
	switch {
	case n.Start && n.End:
		return text == n.Text
	case n.Start:
		return strings.HasPrefix(text, n.Text)
	case n.End:
		return strings.HasSuffix(text, n.Text)
	}
	return strings.Contains(text, n.Text)
}

// plain reports whether no needle is folded.
func (ns *Needles) plain() bool {
	return !slices.ContainsFunc(ns.List, func(n Needle) bool { return n.Fold })
}

// hold reports whether a text holds a needle, none of which is folded.
func (ns *Needles) hold(text string) bool {
	for i := range ns.List {
		if ns.List[i].holds(text) {
			return true
		}
	}
	return false
}

// cut shortens needles that are too long, which takes exactness.
func (ns *Needles) cut() {
	for i := range ns.List {
		n := &ns.List[i]
		if len(n.Text) <= mostNeedle {
			continue
		}
		ns.Exact = false
		if n.End && !n.Start {
			n.Text = n.Text[len(n.Text)-mostNeedle:]
		} else {
			n.Text, n.End = n.Text[:mostNeedle], false
		}
	}
}

// worthwhile reports whether a condition rules out many texts. A letter that
// may stand anywhere does not; but then it may be all that there is to match.
func (ns *Needles) worthwhile() bool {
	return len(ns.List) > 0 && (ns.Exact || !slices.ContainsFunc(ns.List, func(n Needle) bool {
		return len(n.Text) == 1 && !n.Start && !n.End
	}))
}

// weight tells how many texts a condition rules out, as far as that can be told:
// the length of the shortest needle. An anchor is worth a character, and each
// doubling of the number of needles costs one.
func (ns *Needles) weight() int {
	least := mostNeedle
	for i := range ns.List {
		n := &ns.List[i]
		weight := len(n.Text)
		if n.Start {
			weight++
		}
		if n.End {
			weight++
		}
		least = min(least, weight)
	}
	return least - bits.Len(uint(len(ns.List)-1))
}

// choose leaves the best conditions, an exact one alone.
func choose(list []Needles) []Needles {
	if i := slices.IndexFunc(list, func(ns Needles) bool { return ns.Exact }); i >= 0 {
		return list[i : i+1]
	}
	list = slices.DeleteFunc(list, func(ns Needles) bool { return !ns.worthwhile() })
	slices.SortStableFunc(list, func(a, b Needles) int { return b.weight() - a.weight() })
	return slices.Clip(slices.Clone(list[:min(len(list), mostConditions)]))
}

// needles returns what a LIKE pattern asks for: each run of characters in it.
func (l *like) needles() []Needles {
	var list []Needles
	last, filled := len(l.pieces)-1, 0
	for i := range l.pieces {
		p := &l.pieces[i]
		if len(p.runes) > 0 {
			filled++
		}
		for start := 0; start < len(p.runes); {
			end := start
			for end < len(p.runes) && (p.exact || sound(p.runes[end])) {
				end++
			}
			if end > start {
				n := needle(p.runes[start:end], l.fold)
				n.Start, n.End = i == 0 && start == 0, i == last && end == len(p.runes)
				list = append(list, Needles{[]Needle{n}, end-start == len(p.runes)})
			}
			start = end + 1
		}
	}
	for i := range list {
		list[i].Exact = list[i].Exact && filled == 1
		list[i].cut()
	}
	return choose(list)
}

// sound reports whether a character that matches r is written as r. An invalid
// byte matches U+FFFD.
func sound(r rune) bool { return r != anyRune && r != utf8.RuneError }

// needle makes one of characters, folded ones with fold.
func needle(runes []rune, fold bool) Needle {
	return Needle{Text: string(runes), Fold: fold && slices.ContainsFunc(runes, cased)}
}
