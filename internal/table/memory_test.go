package table_test

import (
	"runtime"
	"testing"

	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/table"
)

// A table lets go of the rows that were replaced, also those that a whole
// snapshot touched.
func TestReplacedRowsAreFreed(t *testing.T) {
	const n = 50_000
	// Not parallel: it measures the process.
	tab := filled(t, n)
	tab.Advance(relation.Frontier{Time: 2})
	before := heap()
	tab = change(t, tab, n)
	tab.Advance(relation.Frontier{Time: 4})
	if grown := heap() - before; grown > 45*n { // the log doubles: 12 bytes a row, and room to grow
		t.Errorf("%d bytes a row more after each was replaced", grown/n)
	}
	runtime.KeepAlive(tab)
}

func change(t *testing.T, tab *table.Table, n int) *table.Table {
	t.Helper()
	var p parser
	rows := make([]relation.Row, 0, n)
	for k := range n {
		p.rows(t, line(nil, k, 1), func(r relation.Row) { rows = append(rows, r) })
	}
	if _, err := tab.Replace(rows, relation.Frontier{Time: 3}); err != nil {
		t.Fatal(err)
	}
	return tab
}
