package filter

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tycostream/tycostream/internal/relation"
)

const (
	// maxPattern is the most bytes of a pattern.
	maxPattern = 10_000
	// maxSteps is the most steps that a regular expression may become. Its
	// cost is linear in steps times text, and x{1000} is a thousand of them.
	maxSteps = 5_000
)

// compilePattern sets n's pattern test from its text.
func (n *Node) compilePattern() error {
	if len(n.Text) > maxPattern {
		return fmt.Errorf("pattern %s is longer than %d bytes", relation.Quote(n.Text), maxPattern)
	}
	switch n.Op { //nolint:exhaustive // the others have no pattern
	case Like, Nlike, Ilike, Nilike:
		l, err := compileLike(n.Text, n.Op == Ilike || n.Op == Nilike)
		if err != nil {
			return err
		}
		n.pattern, n.needles, n.letters = l.match, l.needles(), l.letters()
	case Regex, Nregex:
		return n.compileRegexp("(?s)", syntax.Perl|syntax.DotNL)
	case Iregex, Niregex:
		return n.compileRegexp("(?is)", syntax.Perl|syntax.DotNL|syntax.FoldCase)
	}
	return nil
}

// compileRegexp compiles n's text, given flags in both forms.
func (n *Node) compileRegexp(prefix string, flags syntax.Flags) error {
	tree, err := syntax.Parse(n.Text, flags) // without the prefix: the error then quotes only what the client wrote
	var re *regexp.Regexp
	switch {
	case err != nil:
	case steps(tree) > maxSteps:
		return fmt.Errorf("regular expression %s is too large: its repetitions come to more than %d steps", relation.Quote(n.Text), maxSteps)
	default:
		re, err = regexp.Compile(prefix + n.Text)
	}
	if err != nil {
		return fmt.Errorf("cannot compile %s: %s (the dialect is RE2)", relation.Quote(n.Text),
			strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	tree = tree.Simplify()
	n.pattern, n.needles, n.letters = re.MatchString, requires(tree), lettersIn(tree)
	if len(n.needles) == 0 || !n.needles[0].plain() {
		return nil
	}
	need := n.needles[0]
	if n.pattern = need.hold; !need.Exact { // looking for a text costs 5 ns, and an expression 170
		n.pattern = func(text string) bool { return need.hold(text) && re.MatchString(text) }
	}
	return nil
}

// steps estimates the length of the program that a regular expression becomes.
func steps(re *syntax.Regexp) int {
	n := 1
	if re.Op == syntax.OpLiteral {
		n = len(re.Rune)
	}
	for _, sub := range re.Sub {
		n += steps(sub)
	}
	if re.Op == syntax.OpRepeat {
		n *= max(re.Min, re.Max, 1)
	}
	return n
}

// like is a compiled LIKE pattern: the pieces between its % signs. The first
// is anchored at the start of the text and the last at its end; a pattern
// without % is one piece, anchored at both.
type like struct {
	pieces []piece
	fold   bool
}

// piece matches one character per element. plain is its text when it can be
// compared as bytes.
type piece struct {
	runes []rune // anyRune for an underscore
	plain string
	exact bool
}

const anyRune rune = -1

func compileLike(pattern string, fold bool) (*like, error) {
	l := &like{fold: fold}
	var p piece
	escaped := false
	for _, r := range pattern {
		switch {
		case escaped:
			escaped = false
			p.runes = append(p.runes, folded(r, fold))
		case r == '\\':
			escaped = true
		case r == '%':
			l.pieces = append(l.pieces, p.finish(fold))
			p = piece{}
		case r == '_':
			p.runes = append(p.runes, anyRune)
		default:
			p.runes = append(p.runes, folded(r, fold))
		}
	}
	if escaped {
		return nil, errors.New("pattern " + relation.Quote(pattern) + " ends in a backslash: write two to match one")
	}
	l.pieces = append(l.pieces, p.finish(fold))
	return l, nil
}

func (p piece) finish(fold bool) piece {
	p.exact = !fold
	for _, r := range p.runes {
		if r == anyRune {
			p.exact = false
		}
	}
	if p.exact {
		p.plain = string(p.runes)
	}
	return p
}

// folded returns the smallest character that differs from r only in case.
func folded(r rune, fold bool) rune {
	if !fold {
		return r
	}
	if r < utf8.RuneSelf {
		if 'a' <= r && r <= 'z' {
			return r - ('a' - 'A')
		}
		return r
	}
	least := r
	for x := unicode.SimpleFold(r); x != r; x = unicode.SimpleFold(x) {
		least = min(least, x)
	}
	return least
}

// match reports whether the whole text matches.
func (l *like) match(text string) bool {
	first, last := &l.pieces[0], &l.pieces[len(l.pieces)-1]
	n, ok := first.prefix(text, l.fold)
	if !ok {
		return false
	}
	text = text[n:]
	if len(l.pieces) == 1 {
		return text == ""
	}
	// Leftmost matches of the middle pieces leave most for those after them.
	for i := 1; i < len(l.pieces)-1; i++ {
		if text, ok = l.pieces[i].after(text, l.fold); !ok {
			return false
		}
	}
	return last.suffix(text, l.fold)
}

// prefix returns how many bytes at the start of text the piece matches.
func (p *piece) prefix(text string, fold bool) (int, bool) {
	if p.exact {
		return len(p.plain), strings.HasPrefix(text, p.plain)
	}
	n := 0
	for _, want := range p.runes {
		if n == len(text) {
			return 0, false
		}
		r, size := rune(text[n]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(text[n:])
		}
		if want != anyRune && want != folded(r, fold) {
			return 0, false
		}
		n += size
	}
	return n, true
}

// after finds the piece in text and returns what follows it.
func (p *piece) after(text string, fold bool) (string, bool) {
	if p.exact {
		_, rest, ok := strings.Cut(text, p.plain)
		return rest, ok
	}
	for {
		if n, ok := p.prefix(text, fold); ok {
			return text[n:], true
		}
		if text == "" {
			return "", false
		}
		_, size := utf8.DecodeRuneInString(text)
		text = text[size:]
	}
}

// suffix reports whether text ends in the piece.
func (p *piece) suffix(text string, fold bool) bool {
	if p.exact {
		return strings.HasSuffix(text, p.plain)
	}
	start := len(text)
	for range p.runes {
		if start == 0 {
			return false
		}
		_, size := utf8.DecodeLastRuneInString(text[:start])
		start -= size
	}
	n, ok := p.prefix(text[start:], fold)
	return ok && start+n == len(text)
}
