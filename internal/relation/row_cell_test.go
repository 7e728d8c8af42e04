package relation

import (
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
