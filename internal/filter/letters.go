package filter

import (
	"math/bits"
	"regexp/syntax"
	"unicode/utf8"
)

// Letters is the set of ASCII characters in a text, either case of a letter for
// the same, and some of the signs too.
type Letters uint64

// letterOf has the letter of each byte, none for bytes that are not ASCII.
var letterOf = func() (table [256]Letters) { //nolint:gochecknoglobals // a constant
	const letters, digits = 26, 10
	for b := range utf8.RuneSelf {
		switch {
		case 'a' <= b && b <= 'z':
			table[b] = 1 << (b - 'a')
		case 'A' <= b && b <= 'Z':
			table[b] = 1 << (b - 'A')
		case '0' <= b && b <= '9':
			table[b] = 1 << (letters + b - '0')
		default:
			table[b] = 1 << (letters + digits + b%(64-letters-digits))
		}
	}
	return table
}()

// LettersOf returns the letters in a text.
func LettersOf(text string) (l Letters) {
	for i := range len(text) {
		l |= letterOf[text[i]]
	}
	return l
}

// asks returns what must be in a text in which a character of a pattern is
// found; fold says that it may be so in either case.
func asks(r rune, fold bool) Letters {
	switch {
	case r < 0 || r >= utf8.RuneSelf:
		return 0
	case fold && (r == 'k' || r == 'K' || r == 's' || r == 'S'):
		return 0 // the Kelvin sign and the long s are other cases of these
	}
	return letterOf[r]
}

// Letters returns letters that a row must have in a column to match, as the API
// shows the cell: those of the column with most. There may be none.
func (p *Predicate) Letters() (column int, l Letters) {
	for i := range len(p.columns) * 64 {
		if !p.columns.Has(i) {
			continue
		}
		if in := p.root.lettersIn(i); bits.OnesCount64(uint64(in)) > bits.OnesCount64(uint64(l)) {
			column, l = i, in
		}
	}
	return column, l
}

func (n *Node) lettersIn(column int) (l Letters) {
	switch {
	case n.Kind == Test && n.Column == column && n.Op.wants():
		return n.letters
	case n.Kind == And:
		for _, c := range n.Nodes {
			l |= c.lettersIn(column)
		}
	case n.Kind == Or:
		l = n.Nodes[0].lettersIn(column)
		for _, c := range n.Nodes[1:] {
			l &= c.lettersIn(column)
		}
	}
	return l
}

func (l *like) letters() (out Letters) {
	for i := range l.pieces {
		for _, r := range l.pieces[i].runes {
			out |= asks(r, l.fold)
		}
	}
	return out
}

// lettersIn returns the letters of all texts that an expression, simplified,
// matches.
func lettersIn(re *syntax.Regexp) (l Letters) {
	switch re.Op { //nolint:exhaustive // the others do without letters
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			l |= asks(r, re.Flags&syntax.FoldCase != 0)
		}
	case syntax.OpCapture, syntax.OpPlus:
		return lettersIn(re.Sub[0])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			l |= lettersIn(sub)
		}
	case syntax.OpAlternate:
		l = lettersIn(re.Sub[0])
		for _, sub := range re.Sub[1:] {
			l &= lettersIn(sub)
		}
	}
	return l
}
