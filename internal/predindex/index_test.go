package predindex

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/tycostream/tycostream/internal/filter"
	"github.com/tycostream/tycostream/internal/relation"
)

// TestAccess holds filters to their access path: how many predicates two rows
// with the given accounts cost, of 10 filters of which few match.
func TestAccess(t *testing.T) {
	const none = `"note":{"_like":"_%"}`
	for _, c := range []struct {
		name, where         string // # is the number of the filter
		indexed             bool
		evaluations, stayed int // accounts 3 and 4; account 3 with another quantity
	}{
		{"all", `{}`, true, 0, 0},
		{"none", `{"_or":[]}`, true, 0, 0},
		{"eq integer", `{"account":{"_eq":#}}`, true, 0, 0},
		{"eq string", `{"instrument":{"_eq":"INSTR-0000#"}}`, true, 0, 0},
		{"eq enum", `{"side":{"_eq":"sell"}}`, true, 0, 0},
		{"eq timestamp", `{"at":{"_eq":"2026-01-02T03:04:05.678Z"}}`, true, 0, 0},
		{"in", `{"account":{"_in":[#,100,200]}}`, true, 0, 0},
		{"one end", `{"account":{"_gt":#}}`, true, 0, 0},
		{"both ends", `{"account":{"_gte":#,"_lte":5}}`, true, 0, 0},
		{"composite", `{"account":{"_eq":#},"desk":{"_eq":"desk 1"}}`, true, 0, 0},
		{"null", `{"note":{"_is_null":true}}`, true, 0, 0},
		{"not null", `{"note":{"_is_null":false}}`, true, 0, 0},
		{"not neq", `{"_not":{"account":{"_neq":#}}}`, true, 0, 0},
		{"or", `{"_or":[{"account":{"_eq":#}},{"quantity":{"_lt":#}},{"desk":{"_eq":"x"},"side":{"_eq":"buy"}}]}`, true, 0, 0},
		{"or in not and", `{"_not":{"account":{"_neq":#},"quantity":{"_gte":0}}}`, true, 0, 0},
		{"eq and pattern", `{"account":{"_eq":#},` + none + `}`, true, 2, 1},
		{"composite and pattern", `{"account":{"_eq":#},"desk":{"_eq":"desk 1"},` + none + `}`, true, 2, 1},
		{"eq before in", `{"side":{"_in":["buy","sell","short"]},"account":{"_eq":#}}`, true, 2, 1},
		{"in before range", `{"quantity":{"_gt":0},"account":{"_in":[#,100]},` + none + `}`, true, 2, 2},
		{"range before one end", `{"quantity":{"_gt":0},"account":{"_gte":#,"_lte":#}}`, true, 2, 2},
		{"one end before not null", `{"desk":{"_is_null":false},"account":{"_gt":#}}`, true, 4 + 3, 3},
		{"both ends before one", `{"account":{"_gt":#},"quantity":{"_gte":0,"_lte":1}}`, true, 0, 0},
		{"both ends before half of an or", `{"_or":[{"account":{"_gt":#}},{"side":{"_eq":"buy"}}],"quantity":{"_gte":0,"_lte":1}}`, true, 0, 0},
		{"composite in not or", `{"account":{"_eq":#},"_not":{"_or":[{"desk":{"_neq":"desk 1"}},{"side":{"_neq":"sell"}}]}}`, true, 0, 0},
		{"or of candidates", `{"_or":[{"account":{"_eq":#},` + none + `},{"quantity":{"_lt":0},` + none + `}]}`, true, 2, 2},
		{"exact branch of an or", `{"_or":[{"account":{"_eq":#}},{"account":{"_gt":0},` + none + `}]}`, true, 18, 9},
		{"or with a pattern", `{"_or":[{"account":{"_eq":#}},{` + none + `}]}`, false, 20, 10},
		{"like", `{"instrument":{"_like":"%0#%"}}`, true, 0, 0},
		{"like at the start", `{"instrument":{"_like":"INSTR-0000#%"}}`, true, 0, 0},
		{"like at the end", `{"instrument":{"_like":"%0#"}}`, true, 0, 0},
		{"like without wildcards", `{"instrument":{"_like":"INSTR-0000#"}}`, true, 0, 0},
		{"like in two pieces", `{"instrument":{"_like":"I%-0000#"}}`, true, 2, 1},
		{"like with a blank", `{"instrument":{"_like":"%S_R-0000#%"}}`, true, 2, 1},
		{"like of other case", `{"instrument":{"_ilike":"%r-0000#%"}}`, true, 0, 0},
		{"not nlike", `{"_not":{"instrument":{"_nlike":"%0#%"}}}`, true, 0, 0},
		{"like and range", `{"account":{"_gte":0,"_lte":100},"instrument":{"_like":"%00#"}}`, true, 2, 1},
		{"range before a short like", `{"account":{"_gte":#,"_lte":#},"instrument":{"_like":"%0%"}}`, true, 2, 1},
		{"set before like", `{"account":{"_in":[#,100]},"instrument":{"_like":"%INSTR%"}}`, true, 2, 1},
		{"regex", `{"instrument":{"_regex":"0#"}}`, true, 0, 0},
		{"regex with anchors", `{"instrument":{"_regex":"^(INSTR|FUND)-0000#$"}}`, true, 0, 0},
		{"regex of other case", `{"instrument":{"_iregex":"^instr-0000#$"}}`, true, 0, 0},
		{"regex with text", `{"instrument":{"_regex":"-0*#$"}}`, true, 2, 1},
		{"regex with branches", `{"instrument":{"_regex":"R-0*[0-9]?0#$|other.*text"}}`, true, 2, 1},
		{"regex with one letter", `{"instrument":{"_regex":"#.?$"}}`, false, 20, 10},
		{"regex without text", `{"instrument":{"_regex":"[0-9]{1#}"}}`, false, 20, 10},
		{"nlike", `{"instrument":{"_nlike":"%0#%"}}`, false, 20, 10},
		{"pattern", `{` + none + `}`, false, 10, 10},
		{"neq", `{"account":{"_neq":#}}`, false, 20, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := New[int](trades)
			for i := range 10 {
				x.Add(compile(t, trades, strings.ReplaceAll(c.where, "#", strconv.Itoa(i))), i)
			}
			if x.Len() != 10 || (x.Indexed() == 10) != c.indexed || (x.Residual() == 0) != c.indexed {
				t.Errorf("%d indexed and %d residual of %d", x.Indexed(), x.Residual(), x.Len())
			}
			nothing := func(int, bool, bool) {}
			x.Visit(trade(3, 1, 5), trade(4, 1, 5), nothing)
			if n := int(x.Evaluations()); n != c.evaluations {
				t.Errorf("%d evaluations for a row that changed, want %d", n, c.evaluations)
			}
			start := x.Evaluations()
			x.Visit(trade(3, 1, 5), trade(3, 1, 6), nothing)
			if n := int(x.Evaluations() - start); n != c.stayed {
				t.Errorf("%d evaluations for a row whose account stayed, want %d", n, c.stayed)
			}
		})
	}
}

// TestMostShapes: filters on ever other sets of columns fall back to one
// equality, that with most constants.
func TestMostShapes(t *testing.T) {
	s := &relation.Schema{Key: []int{0}}
	for i := range 9 {
		name := fmt.Sprintf("c%d", i)
		s.Columns = append(s.Columns, relation.Column{Name: name, Field: name, Kind: relation.Integer})
	}
	x := New[int](s)
	for i := range 5 {
		x.Add(compile(t, s, fmt.Sprintf(`{"c8":{"_eq":%d}}`, i)), 0)
	}
	var entries []*Entry[int]
	for i := range 8 {
		for k := range i {
			entries = append(entries, x.Add(compile(t, s, fmt.Sprintf(`{"c%d":{"_eq":1},"c%d":{"_eq":1}}`, i, k)), 1))
		}
	}
	last := x.Add(compile(t, s, `{"c0":{"_eq":1},"c8":{"_eq":3}}`), 2)
	if len(x.shapes) != mostShapes {
		t.Errorf("%d shapes", len(x.shapes))
	}
	if last.path.home != home[int](&x.columns[8].equal) {
		t.Error("the column with most constants is not the path")
	}
	matched := 0
	x.Match(relation.Texts("1", "1", "1", "1", "1", "1", "1", "1", "3"), func(int) { matched++ })
	if want := len(entries) + 2; matched != want {
		t.Errorf("%d matches, want %d", matched, want)
	}
	for _, e := range entries {
		x.Remove(e)
	}
	if len(x.shapes) != 0 {
		t.Errorf("%d shapes without entries", len(x.shapes))
	}
}

// TestTreeBalance: neither ascending nor equal ranges make the tree deep.
func TestTreeBalance(t *testing.T) {
	const size = 10_000
	x := New[int](trades)
	for i := range size {
		x.Add(compile(t, trades, fmt.Sprintf(`{"quantity":{"_gt":%d},"note":{"_like":"_%%"}}`, i/2)), i)
	}
	var depth func(s *span[int]) int
	depth = func(s *span[int]) int {
		if s == nil {
			return 0
		}
		return 1 + max(depth(s.left), depth(s.right))
	}
	if d := depth(x.columns[5].ranges.root); d > 45 {
		t.Errorf("%d nodes in %d levels", size, d)
	}
}

func TestVisitAllocates(t *testing.T) {
	for _, c := range benchmarks {
		if c.name == "regex" {
			continue // its state comes from a pool, which the collector empties at times
		}
		x := fill(t, 100, c.where)
		list := updates(100, 200)
		visit := func(int, bool, bool) {}
		match := func(int) {}
		pass := func() {
			for i := range list {
				x.Visit(list[i][0], list[(i+1)%len(list)][1], visit)
				x.Match(list[i][0], match)
			}
		}
		if n := testing.AllocsPerRun(10, pass); n > 0 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
	}
}

// TestCrowd: patterns avoid a needle that many others have.
func TestCrowd(t *testing.T) {
	x := New[int](trades)
	var entries []*Entry[int]
	for i := range 100 {
		entries = append(entries, x.Add(compile(t, trades, fmt.Sprintf(`{"instrument":{"_like":"%%INSTR%%%02d%%"}}`, i)), i))
	}
	x.Visit(trade(1234, 1, 1), trade(1234, 1, 2), func(int, bool, bool) {})
	if n := x.Evaluations(); n > crowded+4 { // 01, 12, 23 and 34
		t.Errorf("%d evaluations", n)
	}
	for _, e := range entries[:crowded] {
		x.Remove(e)
	}
	e := x.Add(compile(t, trades, `{"instrument":{"_like":"%INSTR%77%"}}`), 0)
	if w, ok := e.path.home.(*twig[int]); !ok || w.text != "INSTR" {
		t.Error("the longest needle is not used although it is free again")
	}
	for _, e := range append(entries[crowded:], e) {
		x.Remove(e)
	}
	if len(x.active) != 0 {
		t.Errorf("%d columns without entries", len(x.active))
	}
}

// TestShown: patterns see what the API shows, with or without a path.
func TestShown(t *testing.T) {
	for _, c := range []struct {
		pattern  string
		residual int
	}{{"%T03:04%", 0}, {"%T_3_0%", 1}} {
		x := New[int](trades)
		x.Add(compile(t, trades, `{"at":{"_like":"`+c.pattern+`"}}`), 1)
		matched := 0
		x.Match(trade(1, 1, 1), func(int) { matched++ })
		if matched != 1 || x.Residual() != c.residual {
			t.Errorf("%s: %d matches, %d residual", c.pattern, matched, x.Residual())
		}
	}
}

// residual returns an index with entries that have no path, and read several
// columns each.
func residual(tb testing.TB, n int) (*Index[int], []*Entry[int]) {
	tb.Helper()
	x := New[int](trades)
	entries := make([]*Entry[int], n)
	for i := range entries {
		where := fmt.Sprintf(`{"_or":[{"instrument":{"_neq":"a"}},{"note":{"_neq":"b%d"}}]}`, i)
		entries[i] = x.Add(compile(tb, trades, where), i)
	}
	if x.Residual() != n {
		tb.Fatalf("%d are residual", x.Residual())
	}
	return x, entries
}

func noted(instrument, note string, quantity int) relation.Row {
	q := strconv.Itoa(quantity)
	return relation.Texts("1", "1", instrument, "desk", "buy", q, "1", "2026-01-02 03:04:05+00", note)
}

// TestRemember: nobody is asked twice about cells that stayed what they were.
func TestRemember(t *testing.T) {
	x, entries := residual(t, 20)
	quantity, visited := 0, 0
	visit := func(int, bool, bool) { visited++ }
	stay := func(instrument, note string, want, visits int) {
		t.Helper()
		start := x.Evaluations()
		visited = 0
		x.Visit(noted(instrument, note, quantity), noted(instrument, note, quantity+1), visit)
		quantity++
		if n := int(x.Evaluations() - start); n != want || visited != visits {
			t.Errorf("%q, %q: %d evaluations and %d visits, want %d and %d", instrument, note, n, visited, want, visits)
		}
	}
	stay("a", "b1", 20, 19)
	stay("a", "b1", 0, 19)
	stay("a", "b2", 20, 19)
	stay("a\x01b", "c", 20, 20)
	stay("a", "b\x01c", 20, 20) // cells are told apart
	e := x.Add(compile(t, trades, `{"_or":[{"instrument":{"_neq":"a"}},{"note":{"_neq":"b2"}}]}`), 100)
	stay("a", "b2", 1, 19)
	stay("a", "b1", 1, 20)
	stay("a", "b1", 0, 20)
	x.Remove(e)
	x.Remove(entries[7])
	stay("a", "b1", 0, 18)
	x.Visit(noted("a", "b1", 1), noted("a", "b3", 1), visit)
	stay("a", "b1", 0, 18)
	for _, e := range entries[10:] {
		x.Remove(e)
	}
	stay("a", "b1", 9, 8) // so few are asked
	if x.Residual() != 9 {
		t.Errorf("%d are residual", x.Residual())
	}
}

// TestMemory: what is remembered is bounded, and what is in use stays.
func TestMemory(t *testing.T) {
	x, _ := residual(t, memorable)
	pad := strings.Repeat("x", 8000)
	nothing := func(int, bool, bool) {}
	x.Visit(noted("a", "kept", 1), noted("a", "kept", 2), nothing)
	for i := range 3 * memory / len(pad) {
		note := pad + strconv.Itoa(i)
		x.Visit(noted("a", note, 1), noted("a", note, 2), nothing)
		if i%100 == 0 {
			start := x.Evaluations()
			x.Visit(noted("a", "kept", 1), noted("a", "kept", 2), nothing)
			if x.Evaluations() != start {
				t.Fatalf("forgotten after %d others", i)
			}
		}
	}
	r := x.residues[0]
	if n := len(r.young) + len(r.old); n > memory/len(pad) || n < memory/len(pad)/4 {
		t.Errorf("%d texts are remembered", n)
	}
}

// TestRemovedIsFree: a pass does not keep what it reached alive.
func TestRemovedIsFree(t *testing.T) {
	x := New[int](trades)
	e := x.Add(filter.All(), 1)
	x.Match(trade(1, 1, 1), func(int) {})
	x.Remove(e)
	for _, hit := range x.hits[:cap(x.hits)] {
		if hit != nil {
			t.Error("the scratch holds an entry")
		}
	}
}

// TestForgottenIsFree: what is remembered does not keep those alive who left.
func TestForgottenIsFree(t *testing.T) {
	x, entries := residual(t, 100)
	x.Visit(noted("a", "b", 1), noted("a", "b", 2), func(int, bool, bool) {})
	for _, e := range entries {
		e.value = 1
		x.Remove(e)
		if e.value != 0 || e.predicate != nil {
			t.Fatal("a removed entry holds its value")
		}
	}
	if len(x.residues) != 0 {
		t.Error("there is a residue of none")
	}
}
