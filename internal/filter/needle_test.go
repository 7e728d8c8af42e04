package filter

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// say writes conditions the way patterns are written: ^ and $ are anchors, ~
// means folded, = exact.
func say(list []Needles) string {
	conditions := make([]string, len(list))
	for i, c := range list {
		texts := make([]string, len(c.List))
		for j, n := range c.List {
			text := n.Text
			if n.Start {
				text = "^" + text
			}
			if n.End {
				text += "$"
			}
			if n.Fold {
				text = "~" + text
			}
			texts[j] = text
		}
		conditions[i] = strings.Join(texts, "|")
		if c.Exact {
			conditions[i] = "=" + conditions[i]
		}
	}
	return strings.Join(conditions, " & ")
}

func TestNeedles(t *testing.T) {
	long := strings.Repeat("0123456789", 7)
	for _, c := range []struct {
		op            Op
		pattern, want string
	}{
		{Like, "", ""},
		{Like, "%", ""},
		{Like, "_%", ""},
		{Like, "ab", "=^ab$"},
		{Like, "ab%", "=^ab"},
		{Like, "%ab", "=ab$"},
		{Like, "%ab%", "=ab"},
		{Like, "%%a%%", "=a"},
		{Like, "a%b", "^a & b$"},
		{Like, "%abc%de%", "abc & de"},
		{Like, "%abc%d%", "abc"},
		{Like, "%ab_defg_%", "defg & ab"},
		{Like, "_ab_", "ab"},
		{Like, "a_b", "^a & b$"},
		{Like, `100\%\_\\%`, `=^100%_\`},
		{Like, "%é%", "=é"},
		{Like, "\ufffd%", "=^\ufffd"},
		{Like, "_\ufffdab", "ab$"},
		{Like, "%" + long + "%", long[:64]},
		{Like, "%" + long, long[6:] + "$"},
		{Like, long, "^" + long[:64]},
		{Ilike, "%ab1%", "=~AB1"},
		{Ilike, "%01%", "=01"},
		{Ilike, "straße%", "=~^STRAßE"},
		{Ilike, "%\ufffdab%", "~AB"},
		{Nlike, "%ab%", ""},
		{Nregex, "ab", ""},
		{Regex, "", ""},
		{Regex, "a", "=a"},
		{Regex, "ab", "=ab"},
		{Regex, "^ab", "=^ab"},
		{Regex, "ab$", "=ab$"},
		{Regex, "^ab$", "=^ab$"},
		{Regex, "(?m)^ab$", "ab"},
		{Regex, "^(ab|cd)$", "=^ab$|^cd$"},
		{Regex, "ab|cd", "=ab|cd"},
		{Regex, "ab|c?", ""},
		{Regex, "ab|[0-9]c", "=ab|0c|1c|2c|3c|4c|5c|6c|7c|8c|9c"},
		{Regex, "ab|[0-9a-z]cd", "ab|cd"},
		{Regex, "ab+cd", "cd"},
		{Regex, "(abc)+", "=abc"},
		{Regex, "(abc){2}", "=abcabc"},
		{Regex, "x*abc[0-9]", "abc & abc0|abc1|abc2|abc3|abc4|abc5|abc6|abc7|abc8|abc9"},
		{Regex, "colou?r", "=colour|color"},
		{Regex, "-0*7$", "7$"},
		{Regex, "^.0*17 N", "17 N"},
		{Regex, `\bab.cd`, "ab & cd"},
		{Regex, "[0-9]+", "=0|1|2|3|4|5|6|7|8|9"},
		{Regex, "[0-9a-z]+", ""},
		{Regex, "a.*b", ""},
		{Regex, "^a.*b$", "^a & b$"},
		{Regex, "ab\ufffdcd", ""},
		{Regex, "[^\x00-\U0010ffff]", ""},
		{Regex, "(?i)ab1", "=~AB1"},
		{Regex, "(?i:ab)c", "~ABC"},
		{Regex, "(?i:ab)1", "=~AB1"},
		{Regex, long, long[:64]},
		{Regex, "a{3}", "=aaa"},
		{Iregex, "^ab", "=~^AB"},
		{Iregex, "0+12", "12"},
		{Iregex, "[a-c]x", "~AX|~BX|~CX"},
	} {
		n := &Node{Op: c.op, Text: c.pattern}
		if err := n.compilePattern(); err != nil {
			t.Fatal(err)
		}
		if got := say(n.Needles()); got != c.want {
			t.Errorf("%v %q: %s, want %s", c.op, c.pattern, got, c.want)
		}
	}
}

// checkNeedles holds a pattern's conditions to what it matches, and for regular
// expressions that to what the library says.
func checkNeedles(tb testing.TB, op Op, pattern, text string) (holds bool) {
	tb.Helper()
	n := &Node{Op: op, Text: pattern}
	if n.compilePattern() != nil {
		return false
	}
	matches := n.pattern(text)
	if prefix := map[Op]string{Regex: "(?s)", Iregex: "(?is)"}[op]; prefix != "" {
		if want := regexp.MustCompile(prefix + pattern).MatchString(text); matches != want {
			tb.Fatalf("%v %q: %q matches %v, want %v", op, pattern, text, matches, want)
		}
	}
	if matches && n.letters&^LettersOf(text) != 0 {
		tb.Fatalf("%v %q: %q matches without all of the letters", op, pattern, text)
	}
	folded := string(AppendFolded(nil, text))
	for _, c := range n.Needles() {
		held := false
		for _, needle := range c.List {
			if needle.Text == "" {
				tb.Fatalf("%v %q: an empty needle", op, pattern)
			}
			in := text
			if needle.Fold {
				in = folded
			}
			held = held || needle.holds(in)
		}
		if matches && !held || c.Exact && held && !matches {
			tb.Fatalf("%v %q: %q matches %v, and holds %s: %v", op, pattern, text, matches, say([]Needles{c}), held)
		}
		holds = holds || held
	}
	return holds
}

// word strings together a few of parts.
func word(r *rand.Rand, parts []string) string {
	var b strings.Builder
	for range r.IntN(7) {
		b.WriteString(parts[r.IntN(len(parts))])
	}
	return b.String()
}

var (
	textParts  = []string{"a", "b", "A", "B", "ab", "1", "k", "K", "\u212a", "é", "É", "ß", "ſ", "s", "\ufffd", "\xff", "\xe2\x84", "\xaa", "_", "%", "\n", "aaa"}
	likeParts  = []string{"a", "b", "A", "ab", "1", "k", "\u212a", "é", "s", "\ufffd", "\xff", "_", "%", "%", `\_`, `\%`, `\\`}
	regexParts = []string{
		"a", "b", "A", "ab", "1", "k", "é", "s", "\ufffd", ".", "^", "$", "a+", "b*", "(ab)?", "[ab]", "[^a]", "[a-c1]", "(a|b1)", "(?:k|ab|)", "|", `\b`,
		"(?i:ab)", "(?i:k)s", "(?m:^)", "(?-s:.)", "a{2}", "(?:ab){1,2}", `\x{fffd}`, "(a.b|1)", "(^a|b$)",
	}
)

func TestNeedlesHold(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	held := 0
	for range 4000 {
		op := []Op{Like, Ilike, Regex, Iregex}[r.IntN(4)]
		parts := likeParts
		if op == Regex || op == Iregex {
			parts = regexParts
		}
		pattern := word(r, parts)
		for range 10 {
			if checkNeedles(t, op, pattern, word(r, textParts)) {
				held++
			}
		}
	}
	if held < 1000 {
		t.Errorf("only %d texts held a needle: the generator is too strict to test anything", held)
	}
}

func FuzzNeedles(f *testing.F) {
	for i, op := range []Op{Like, Ilike, Regex, Iregex} {
		f.Add(uint8(i), `a%b_c\%`, "abc%")
		f.Add(uint8(op), "^(ab|c?d+)[0-9]$", "xab1")
	}
	f.Fuzz(func(t *testing.T, op uint8, pattern, text string) {
		checkNeedles(t, []Op{Like, Ilike, Regex, Iregex}[op%4], pattern, text)
	})
}

// BenchmarkNeedles is the part of compiling an expression that finds them.
func BenchmarkNeedles(b *testing.B) {
	for _, pattern := range []string{"Ind.*20[0-9]+", "^(foo|bar|baz)-0*123$", strings.Repeat("(a?b|c[0-9]x){1,3}", 20)} {
		b.Run(fmt.Sprintf("%.24s", pattern), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				n := &Node{Op: Regex, Text: pattern}
				if err := n.compilePattern(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
