package order

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/tycostream/tycostream/internal/relation"
)

// schema has a key, a group, a side and a price.
func schema() *relation.Schema {
	return &relation.Schema{Key: []int{0}, Columns: []relation.Column{
		{Name: "id", Kind: relation.Integer},
		{Name: "group", Kind: relation.Integer, Nullable: true},
		{Name: "side", Kind: relation.Enumeration, Enum: &relation.Enum{Name: "side", Values: []string{"sell", "buy"}}, Nullable: true},
		{Name: "price", Kind: relation.Decimal, Nullable: true},
	}}
}

// cells packs a row from its texts; "-" is NULL.
func cells(texts ...string) relation.Row {
	var b relation.Builder
	for _, t := range texts {
		b.AppendCell(t, t != "-")
	}
	return b.Row()
}

func ids(rows []relation.Row) string {
	var out []byte
	for _, r := range rows {
		out = append(out, r.Text(0)...)
	}
	return string(out)
}

func TestFirst(t *testing.T) {
	rows := []relation.Row{
		cells("3", "1", "buy", "10"), cells("1", "2", "sell", "9"), cells("4", "1", "-", "-"), cells("2", "2", "buy", "10.0"),
	}
	for name, tc := range map[string]struct {
		terms []Term
		n     int
		want  string
	}{
		"by key":                {nil, 4, "1234"},
		"key, backwards":        {[]Term{{Column: 0, Descending: true}}, 4, "4321"},
		"numbers, not texts":    {[]Term{{Column: 3}}, 4, "1234"},
		"enums by position":     {[]Term{{Column: 2}}, 4, "1234"},
		"enums, backwards":      {[]Term{{Column: 2, Descending: true}}, 4, "2314"},
		"nulls first":           {[]Term{{Column: 3, NullsFirst: true}}, 4, "4123"},
		"two terms":             {[]Term{{Column: 1, Descending: true}, {Column: 0, Descending: true}}, 4, "2143"},
		"some":                  {[]Term{{Column: 1}}, 3, "341"},
		"none":                  {[]Term{{Column: 1}}, 0, ""},
		"more than there are":   {[]Term{{Column: 1}}, 9, "3412"},
		"equal numbers are one": {[]Term{{Column: 3, Descending: true}}, 4, "2314"},
	} {
		t.Run(name, func(t *testing.T) {
			before := slices.Clone(rows)
			if got := ids(First(schema(), rows, ByKey(schema(), tc.terms), tc.n)); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
			if !slices.Equal(rows, before) {
				t.Error("the rows have changed their places")
			}
		})
	}
}

func TestDirections(t *testing.T) {
	rows := []relation.Row{cells("1", "1", "-", "-"), cells("2", "2", "-", "-"), cells("3", "-", "-", "-")}
	for name, want := range map[string]string{
		"asc": "123", "asc_nulls_last": "123", "asc_nulls_first": "312",
		"desc": "321", "desc_nulls_first": "321", "desc_nulls_last": "213",
	} {
		term, ok := Direction(name)
		term.Column = 1
		if got := ids(First(schema(), rows, ByKey(schema(), []Term{term}), 3)); !ok || got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	for _, name := range []string{"", "ASC", "up"} {
		if _, ok := Direction(name); ok {
			t.Errorf("%q is a direction", name)
		}
	}
}

// TestSmallestIsSorted compares the bounded way with the plain one.
func TestSmallestIsSorted(t *testing.T) {
	s := schema()
	rnd := rand.New(rand.NewPCG(1, 2))
	rows := make([]relation.Row, 300)
	for i := range rows {
		price := strconv.Itoa(rnd.IntN(20))
		if rnd.IntN(10) == 0 {
			price = "-"
		}
		rows[i] = cells(strconv.Itoa(i), strconv.Itoa(rnd.IntN(5)), "buy", price)
	}
	rnd.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	for _, terms := range [][]Term{
		nil,
		{{Column: 3}},
		{{Column: 3, Descending: true, NullsFirst: true}, {Column: 1}},
		{{Column: 1}, {Column: 0, Descending: true}},
	} {
		terms = ByKey(s, terms)
		all := First(s, rows, terms, len(rows))
		k := keys{schema: s, order: terms}
		for _, n := range []int{0, 1, 2, 50, 299, 300, 400} {
			if got := k.smallest(rows, n); !slices.Equal(got, all[:min(n, len(all))]) {
				t.Errorf("the first %d by %v differ", n, terms)
			}
		}
	}
}

func TestCellsThatCannotBeParsedSortLast(t *testing.T) {
	rows := []relation.Row{
		cells("1", "-", "hold", "-"), cells("2", "-", "buy", "-"), cells("3", "-", "-", "-"), cells("4", "-", "sell", "-"), cells("5", "-", "abc", "-"),
	}
	for want, term := range map[string]Term{
		"42513": {Column: 2},
		"31524": {Column: 2, Descending: true, NullsFirst: true},
	} {
		if got := ids(First(schema(), rows, ByKey(schema(), []Term{term}), len(rows))); got != want {
			t.Errorf("%+v: got %s, want %s", term, got, want)
		}
	}
}
