package graph

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/tycostream/tycostream/internal/relation"
)

// TestSmallestIsSorted compares the bounded way with the plain one.
func TestSmallestIsSorted(t *testing.T) {
	s := style(false, trades())
	rnd := rand.New(rand.NewPCG(1, 2))
	rows := make([]relation.Row, 300)
	for i := range rows {
		price := strconv.Itoa(rnd.IntN(20))
		if rnd.IntN(10) == 0 {
			price = "-"
		}
		rows[i] = cells(strconv.Itoa(i), strconv.Itoa(rnd.IntN(5)), "buy", strconv.Itoa(rnd.IntN(100)), price, "-")
	}
	rnd.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	for _, order := range [][]term{
		nil,
		{{column: 4}},
		{{column: 4, descending: true, nullsFirst: true}, {column: 3}},
		{{column: 1}, {column: 0, descending: true}},
	} {
		order = keyOrder(s, order)
		all := sorted(s, rows, order, len(rows))
		k := keys{schema: s, order: order}
		for _, n := range []int{0, 1, 2, 50, 299, 300, 400} {
			if got := k.smallest(rows, n); !slices.Equal(got, all[:min(n, len(all))]) {
				t.Errorf("the first %d by %v differ", n, order)
			}
		}
	}
}

func TestCellsThatCannotBeParsedSortLast(t *testing.T) {
	s := style(false, trades())
	rows := []relation.Row{
		cells("1", "-", "hold", "-", "-", "-"), cells("2", "-", "sell", "-", "-", "-"),
		cells("3", "-", "-", "-", "-", "-"), cells("4", "-", "buy", "-", "-", "-"), cells("5", "-", "abc", "-", "-", "-"),
	}
	order := func(t term) string {
		var ids []byte
		for _, r := range sorted(s, rows, keyOrder(s, []term{t}), len(rows)) {
			ids = append(ids, r.Text(0)...)
		}
		return string(ids)
	}
	if got := order(term{column: 2}); got != "42513" {
		t.Errorf("ascending: %s", got)
	}
	if got := order(term{column: 2, descending: true, nullsFirst: true}); got != "31524" {
		t.Errorf("descending: %s", got)
	}
}
