package robustness

import (
	"encoding/json"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// where is a filter, written down so that it can be sent to a gateway and,
// independently of the gateway's code, evaluated. The zero where is {}.
type where struct {
	op   string // and, or, not, or a comparison such as _eq
	col  int
	args []string
	kids []where
}

// truth is SQL's logic of three values.
type truth int8

const (
	no      truth = -1
	unknown truth = 0
	yes     truth = 1
)

func isTrue(b bool) truth {
	if b {
		return yes
	}
	return no
}

// matches says whether the filter lets the row through.
func (w *where) matches(r *record) bool { return w.eval(r) == yes }

func (w *where) eval(r *record) truth {
	switch w.op {
	case "", "and":
		out := yes
		for i := range w.kids {
			out = min(out, w.kids[i].eval(r))
		}
		return out
	case "or":
		out := no
		for i := range w.kids {
			out = max(out, w.kids[i].eval(r))
		}
		return out
	case "not":
		return -w.kids[0].eval(r)
	case "_is_null":
		return isTrue((r.cells[w.col] == null) == (w.args[0] == "true"))
	}
	cell := r.cells[w.col]
	if cell == null {
		return unknown
	}
	return isTrue(w.compare(cell))
}

func (w *where) compare(cell string) bool {
	k := columns[w.col].kind
	equal := func(arg string) bool { return order(k, cell, arg) == 0 }
	switch w.op {
	case "_eq":
		return equal(w.args[0])
	case "_neq":
		return !equal(w.args[0])
	case "_in":
		return slices.ContainsFunc(w.args, equal)
	case "_nin":
		return !slices.ContainsFunc(w.args, equal)
	case "_gt":
		return order(k, cell, w.args[0]) > 0
	case "_gte":
		return order(k, cell, w.args[0]) >= 0
	case "_lt":
		return order(k, cell, w.args[0]) < 0
	case "_lte":
		return order(k, cell, w.args[0]) <= 0
	case "_like":
		return like(cell, w.args[0])
	case "_nlike":
		return !like(cell, w.args[0])
	case "_ilike":
		return like(strings.ToLower(cell), strings.ToLower(w.args[0]))
	}
	panic("no such operator: " + w.op)
}

// order compares two values of a kind.
func order(k kind, a, b string) int {
	switch k {
	case integer, bigint, decimal, float:
		x, _ := new(big.Rat).SetString(a)
		y, _ := new(big.Rat).SetString(b)
		return x.Cmp(y)
	case enum:
		return slices.Index(levels, a) - slices.Index(levels, b)
	case timestamp:
		x, _ := time.Parse(time.RFC3339Nano, a)
		y, _ := time.Parse(time.RFC3339Nano, b)
		return x.Compare(y)
	default:
		return strings.Compare(a, b)
	}
}

// like matches a pattern of % and _ by trying everything.
func like(s, pattern string) bool { return likeRunes([]rune(s), []rune(pattern)) }

func likeRunes(s, p []rune) bool {
	if len(p) == 0 {
		return len(s) == 0
	}
	switch p[0] {
	case '%':
		for i := range len(s) + 1 {
			if likeRunes(s[i:], p[1:]) {
				return true
			}
		}
		return false
	case '_':
		return len(s) > 0 && likeRunes(s[1:], p[1:])
	default:
		return len(s) > 0 && s[0] == p[0] && likeRunes(s[1:], p[1:])
	}
}

// value is the filter as the value of a variable.
func (w *where) value() map[string]any {
	list := func() []any {
		out := make([]any, len(w.kids))
		for i := range w.kids {
			out[i] = w.kids[i].value()
		}
		return out
	}
	switch w.op {
	case "":
		return map[string]any{}
	case "and", "or":
		return map[string]any{"_" + w.op: list()}
	case "not":
		return map[string]any{"_not": w.kids[0].value()}
	}
	k := columns[w.col].kind
	if w.op == "_is_null" {
		k = boolean
	}
	args := make([]any, len(w.args))
	for i, a := range w.args {
		switch k {
		case integer, float, boolean:
			args[i] = json.RawMessage(a)
		default:
			args[i] = a
		}
	}
	var arg any = args
	if w.op != "_in" && w.op != "_nin" {
		arg = args[0]
	}
	return map[string]any{columns[w.col].name: map[string]any{w.op: arg}}
}

// literal is the filter as a GraphQL literal.
func literal(w *where) string {
	list := func() string {
		out := make([]string, len(w.kids))
		for i := range w.kids {
			out[i] = literal(&w.kids[i])
		}
		return strings.Join(out, ", ")
	}
	switch w.op {
	case "":
		return "{}"
	case "and", "or":
		return "{_" + w.op + ": [" + list() + "]}"
	case "not":
		return "{_not: " + list() + "}"
	}
	k := columns[w.col].kind
	args := make([]string, len(w.args))
	for i, a := range w.args {
		args[i] = a
		if w.op != "_is_null" && (k == text || k == timestamp || k == bigint || k == decimal) {
			b, err := json.Marshal(a)
			if err != nil {
				panic(err)
			}
			args[i] = string(b)
		}
	}
	arg := strings.Join(args, ", ")
	if w.op == "_in" || w.op == "_nin" {
		arg = "[" + arg + "]"
	}
	return "{" + columns[w.col].name + ": {" + w.op + ": " + arg + "}}"
}

func (w *where) String() string {
	b, err := json.Marshal(w.value())
	if err != nil {
		panic(err)
	}
	return string(b)
}

// randomWhere draws a filter.
func randomWhere(r *rand.Rand, depth int) where {
	if depth > 0 && r.IntN(3) == 0 {
		op := pick(r, "and", "or", "or", "not")
		w := where{op: op}
		for range map[bool]int{true: 1, false: 2 + r.IntN(2)}[op == "not"] {
			w.kids = append(w.kids, randomWhere(r, depth-1))
		}
		return w
	}
	w := where{col: r.IntN(len(columns)), op: pick(r, "_eq", "_neq", "_in", "_nin", "_is_null")}
	if r.IntN(3) == 0 {
		w.col = pick(r, 0, 2, 3) // what applications filter by
	}
	k := columns[w.col].kind
	if k != boolean && r.IntN(2) == 0 {
		w.op = pick(r, "_gt", "_gte", "_lt", "_lte")
	}
	if k == text && r.IntN(3) == 0 {
		w.op = pick(r, "_like", "_nlike", "_ilike")
		w.args = []string{pick(r, "a%", "%b%", "_", "%", "B_d", "%é", "north%")}
		return w
	}
	n := 1
	switch w.op {
	case "_is_null":
		w.args = []string{pick(r, "true", "false")}
		return w
	case "_in", "_nin":
		n = 1 + r.IntN(3)
	}
	for range n {
		arg := null
		for arg == null || len(arg) > 100 {
			arg = randomCell(r, w.col)
		}
		w.args = append(w.args, arg)
	}
	return w
}

func TestWhere(t *testing.T) {
	t.Parallel()
	row := &record{[]string{"7", "bob", "north", "-3", "9007199254740993", "1.50", "0.25", "true", "mid", null, "2026-01-01T00:00:30.5Z"}}
	leaf := func(name, op string, args ...string) where {
		return where{op: op, col: slices.Index(columnNames(), name), args: args}
	}
	null := leaf("note", "_eq", "x")
	for name, c := range map[string]struct {
		w    where
		want bool
	}{
		"empty":            {where{}, true},
		"number":           {leaf("price", "_eq", "1.5"), true},
		"beyond float64":   {leaf("big", "_gt", "9007199254740992"), true},
		"negative":         {leaf("balance", "_lt", "-2"), true},
		"enum by position": {leaf("level", "_gt", "low"), true},
		"instant":          {leaf("at", "_lt", "2026-01-01T01:00:30.6+01:00"), true},
		"in":               {leaf("id", "_in", "1", "7"), true},
		"not in":           {leaf("id", "_nin", "1", "7"), false},
		"null":             {null, false},
		"not null":         {where{op: "not", kids: []where{null}}, false},
		"null or true":     {where{op: "or", kids: []where{null, leaf("active", "_eq", "true")}}, true},
		"null and true":    {where{op: "and", kids: []where{null, leaf("active", "_eq", "true")}}, false},
		"is null":          {leaf("note", "_is_null", "true"), true},
		"like":             {leaf("owner", "_like", "_o%"), true},
		"ilike":            {leaf("owner", "_ilike", "B%"), true},
		"not like":         {leaf("branch", "_nlike", "%z"), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := c.w.matches(row); got != c.want {
				t.Errorf("%s: got %v", &c.w, got)
			}
		})
	}
}
