package filter

import (
	"regexp/syntax"
	"slices"
)

// mostTexts is how many alternatives an expression's needles may be: each has
// a place of its own in an index.
const mostTexts = 16

// language is a finite set of texts; a regular expression matches these and no
// others.
type language struct {
	texts []string
	fold  bool // texts are folded, and any case matches
	loose bool // not all that is in the set is matched
}

// requires returns what a regular expression, simplified, asks of a text that
// it is searched in.
//
//  1. An expression that matches finitely many texts asks for one of them.
//  2. A concatenation asks for what each of its parts does. Neighboring parts
//     that are finite may be taken together; ^ and $ beside one anchor it.
//  3. An alternation asks for one of all that its branches do.
//  4. What is repeated once at least asks for what stands in it.
func requires(re *syntax.Regexp) []Needles {
	if l, ok := finite(re); ok {
		return choose([]Needles{l.needles(false, false)})
	}
	switch re.Op { //nolint:exhaustive // the others ask for nothing
	case syntax.OpCapture, syntax.OpPlus:
		return requires(re.Sub[0])
	case syntax.OpConcat:
		return concatenation(re.Sub)
	case syntax.OpAlternate:
		return alternation(re.Sub)
	}
	return nil
}

func alternation(branches []*syntax.Regexp) []Needles {
	all := Needles{Exact: true}
	for _, re := range branches {
		list := requires(re)
		if len(list) == 0 || len(all.List)+len(list[0].List) > mostTexts {
			return nil
		}
		all.List = append(all.List, list[0].List...)
		all.Exact = all.Exact && list[0].Exact
	}
	return choose([]Needles{all})
}

func concatenation(parts []*syntax.Regexp) []Needles {
	var list []Needles
	offer := func(l language, first, last int) {
		start := first > 0 && parts[first-1].Op == syntax.OpBeginText
		end := last+1 < len(parts) && parts[last+1].Op == syntax.OpEndText
		one := l.needles(start, end)
		one.Exact = one.Exact && first-count(start) == 0 && last+count(end) == len(parts)-1
		list = append(list, one)
	}
	for first := 0; first < len(parts); first++ {
		l, ok := finite(parts[first])
		if !ok {
			for _, one := range requires(parts[first]) {
				list = append(list, Needles{List: one.List})
			}
			continue
		}
		last := first
		offer(l, first, first) // few texts may be better than more that are longer
		for last+1 < len(parts) {
			next, ok := finite(parts[last+1])
			if !ok {
				break
			}
			offer(next, last+1, last+1)
			longer, ok := l.times(next)
			if !ok {
				break
			}
			l, last = longer, last+1
		}
		if last > first {
			offer(l, first, last)
		}
		first = last
	}
	return choose(list)
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// finite returns the texts that an expression matches, if they are few and can
// be told from the bytes of a text: an invalid byte matches U+FFFD.
func finite(re *syntax.Regexp) (l language, ok bool) {
	switch re.Op { //nolint:exhaustive // the others are not finite, or anchors
	case syntax.OpEmptyMatch:
		return language{texts: []string{""}}, true
	case syntax.OpLiteral:
		n := needle(foldedAll(re.Rune, re.Flags&syntax.FoldCase != 0), re.Flags&syntax.FoldCase != 0)
		return language{texts: []string{n.Text}, fold: n.Fold}, !slices.ContainsFunc(re.Rune, unsound)
	case syntax.OpCharClass:
		return members(re.Rune)
	case syntax.OpCapture:
		return finite(re.Sub[0])
	case syntax.OpQuest:
		l, ok = finite(re.Sub[0])
		return l.plus(language{texts: []string{""}}), ok && len(l.texts) < mostTexts
	case syntax.OpConcat:
		l = language{texts: []string{""}}
		for _, sub := range re.Sub {
			next, ok := finite(sub)
			if !ok {
				return l, false
			}
			if l, ok = l.times(next); !ok {
				return l, false
			}
		}
		return l, true
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			next, ok := finite(sub)
			if !ok || len(l.texts)+len(next.texts) > mostTexts {
				return l, false
			}
			l = l.plus(next)
		}
		return l, true
	}
	return l, false
}

func unsound(r rune) bool { return !sound(r) }

func foldedAll(runes []rune, fold bool) []rune {
	out := slices.Clone(runes)
	for i, r := range out {
		out[i] = folded(r, fold)
	}
	return out
}

// members is the language of a character class, given as pairs of first and
// last.
func members(pairs []rune) (l language, ok bool) {
	for i := 0; i < len(pairs); i += 2 {
		for r := pairs[i]; r <= pairs[i+1]; r++ {
			if len(l.texts) == mostTexts || unsound(r) {
				return l, false
			}
			l.texts = append(l.texts, string(r))
		}
	}
	return l, true
}

// folding returns a language whose texts are folded.
func (l language) folding() language {
	if l.fold {
		return l
	}
	out := language{fold: true, loose: l.loose}
	for _, text := range l.texts {
		out.loose = out.loose || slices.ContainsFunc([]rune(text), cased)
		out.texts = append(out.texts, string(AppendFolded(nil, text)))
	}
	slices.Sort(out.texts)
	out.texts = slices.Compact(out.texts)
	return out
}

// alike returns both languages folded, if one of them is.
func alike(l, o language) (language, language) {
	if l.fold != o.fold {
		return l.folding(), o.folding()
	}
	return l, o
}

// plus is the texts of either language.
func (l language) plus(o language) language {
	l, o = alike(l, o)
	return language{slices.Concat(l.texts, o.texts), l.fold, l.loose || o.loose}
}

// times is a text of l and then one of o, if those are not too many or long.
func (l language) times(o language) (language, bool) {
	if len(l.texts)*len(o.texts) > mostTexts {
		return l, false
	}
	l, o = alike(l, o)
	out := language{nil, l.fold, l.loose || o.loose}
	for _, a := range l.texts {
		for _, b := range o.texts {
			if len(a)+len(b) > mostNeedle {
				return l, false
			}
			out.texts = append(out.texts, a+b)
		}
	}
	return out, true
}

// needles is the condition that a text holds one of the language's.
func (l language) needles(start, end bool) Needles {
	out := Needles{Exact: !l.loose}
	for _, text := range l.texts {
		if text == "" {
			return Needles{}
		}
		out.List = append(out.List, Needle{text, l.fold, start, end})
	}
	out.Exact = out.Exact && len(out.List) > 0
	out.cut()
	return out
}
