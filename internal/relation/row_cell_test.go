package relation

import (
	"slices"
	"strings"
	"testing"
)

// TestRowForms packs the same cells behind texts of growing length, so that
// the narrow form, its last byte and the wide form are all read back.
func TestRowForms(t *testing.T) {
	for _, size := range []int{0, 1, 100, narrowMax - 6, narrowMax - 5, narrowMax - 4, 1 << 16, 1 << 20} {
		var b Builder
		b.AppendNull()
		b.AppendString("first")
		b.AppendString("")
		b.AppendString(strings.Repeat("x", size))
		b.AppendNull()
		b.AppendString("z")
		r := b.Row()
		if r.Len() != 6 {
			t.Fatalf("size %d: %d cells, want 6", size, r.Len())
		}
		for i, want := range []string{"", "first", "", strings.Repeat("x", size), "", "z"} {
			got, ok := r.Cell(i)
			if null := i == 0 || i == 4; got != want || ok == null || r.Null(i) != null {
				t.Errorf("size %d: cell %d is %.20q, %t (%d bytes), want %.20q (%d bytes)", size, i, got, ok, len(got), want, len(want))
			}
		}
	}
}

// TestDiff compares rows of either form with each other, cell by cell.
func TestDiff(t *testing.T) {
	long := strings.Repeat("x", 1<<16)
	texts := func(cells ...string) Row { // "-" is NULL
		var b Builder
		for _, c := range cells {
			b.AppendCell(c, c != "-")
		}
		return b.Row()
	}
	for _, tc := range []struct {
		name string
		a, b Row
		want []int
	}{
		{"equal", texts("a", "-", "", "b"), texts("a", "-", "", "b"), nil},
		{"one", texts("a", "b", "c"), texts("a", "B", "c"), []int{1}},
		{"lengths", texts("ab", "c", "d"), texts("a", "bc", "d"), []int{0, 1}},
		{"null and empty", texts("-", "", "x", "-"), texts("", "-", "x", "-"), []int{0, 1}},
		{"last", texts("a", "b", "-"), texts("a", "b", "c"), []int{2}},
		{"wide", texts("a", long, "-", "c"), texts("a", long, "", "C"), []int{2, 3}},
		{"narrow and wide", texts("a", "b", "-"), texts("a", long, "-"), []int{1}},
		{"no cell", texts(), texts(), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, rows := range [][2]Row{{tc.a, tc.b}, {tc.b, tc.a}} {
				set := Diff(rows[0], rows[1], NewColumnSet(8))
				var got []int
				for i := range 8 {
					if set.Has(i) {
						got = append(got, i)
					}
				}
				if !slices.Equal(got, tc.want) {
					t.Errorf("got %v, want %v", got, tc.want)
				}
			}
		})
	}
}
