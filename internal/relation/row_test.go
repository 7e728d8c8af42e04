package relation

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestCellsAndTexts(t *testing.T) {
	if a, b := Cells(new("a"), nil, new("")), Texts("a", "", ""); a == b || a.Len() != 3 || !a.Null(1) || b.Null(1) || a.Text(1) != "" {
		t.Errorf("%q and %q", a, b)
	}
	if n := Row("").Len(); n != 0 {
		t.Errorf("no row has %d cells", n)
	}
	if n := Texts().Len(); n != 0 || Texts() == "" {
		t.Errorf("a row without cells has %d, and is %q", n, Texts())
	}
}

// TestBuilderReuse: Row leaves nothing behind for the next one, and rows do not
// share memory with the builder.
func TestBuilderReuse(t *testing.T) {
	var b Builder
	b.Append([]byte("abc"))
	b.AppendNull()
	first := b.Row()
	if b.Len() != 0 {
		t.Fatalf("%d cells left", b.Len())
	}
	b.AppendString("xyz")
	b.AppendString("1")
	second := b.Row()
	b.AppendString("dropped")
	b.Reset()
	b.AppendCell("", false)
	if third := b.Row(); third != Cells(nil) {
		t.Errorf("third row is %q", third)
	}
	if first != Cells(new("abc"), nil) || second != Texts("xyz", "1") {
		t.Errorf("rows changed: %q, %q", first, second)
	}
	wide := strings.Repeat("w", narrowMax+1)
	b.AppendString(wide)
	if r := b.Row(); r.Text(0) != wide {
		t.Error("wide row after narrow ones")
	}
	b.AppendString("n")
	if b.Row() != Texts("n") {
		t.Error("narrow row after a wide one")
	}
}

func TestColumnSet(t *testing.T) {
	s := NewColumnSet(130)
	if len(s) != 3 || !s.Empty() {
		t.Fatalf("new set %v", s)
	}
	for _, i := range []int{0, 63, 64, 129} {
		s.Add(i)
	}
	var got []int
	for i := range 300 {
		if s.Has(i) {
			got = append(got, i)
		}
	}
	if !slices.Equal(got, []int{0, 63, 64, 129}) || s.Empty() {
		t.Errorf("members %v", got)
	}
}

var keyed = &Schema{
	Columns: []Column{
		{Name: "id", Field: "id", Kind: Integer},
		{Name: "note", Field: "note", Kind: String, Nullable: true},
		{Name: "price", Field: "price", Kind: Decimal},
		{Name: "live", Field: "live", Kind: Boolean},
		{Name: "name", Field: "fullName", Kind: String},
	},
	Key: []int{4, 0, 2, 3},
}

func TestKeys(t *testing.T) {
	row := Cells(new("7"), new("x"), new("1.50"), new("t"), new(`a"b`))
	same := Cells(new("7"), nil, new("1.5"), new("t"), new(`a"b`))
	if got := string(keyed.AppendKey(nil, row)); got != `["a\"b",7,"1.5",true]` {
		t.Errorf("key %s", got)
	}
	if !keyed.KeyEqual(row, same) || keyed.HashKey(row) != keyed.HashKey(same) {
		t.Error("1.50 and 1.5 are different keys")
	}
	if got := keyed.KeyRow(row); got != Cells(new("7"), nil, new("1.50"), new("t"), new(`a"b`)) {
		t.Errorf("KeyRow = %q", got)
	}
	if i := keyed.NullKey(row); i != -1 {
		t.Errorf("null key in column %d", i)
	}
	if i := keyed.NullKey(Cells(nil, new("x"), new("1"), new("t"), new("a"))); i != 0 {
		t.Errorf("null key in column %d, want 0", i)
	}
	for _, other := range []Row{
		Cells(new("8"), nil, new("1.5"), new("t"), new(`a"b`)),
		Cells(new("7"), nil, new("1.51"), new("t"), new(`a"b`)),
		Cells(new("7"), nil, new("1.5"), new("f"), new(`a"b`)),
		Cells(new("7"), nil, new("1.5"), new("t"), new(`a"`)),
	} {
		if keyed.KeyEqual(row, other) || keyed.HashKey(row) == keyed.HashKey(other) {
			t.Errorf("%q has the same key", other)
		}
	}
}

// TestDecimalKeys: trailing zeros do not count after the point, and do before it.
func TestDecimalKeys(t *testing.T) {
	s := &Schema{Columns: []Column{{Name: "k", Field: "k", Kind: Decimal}}, Key: []int{0}}
	for _, c := range [][2]string{{"100", "100"}, {"100.00", "100"}, {"1.50", "1.5"}, {"1.05", "1.05"}, {"0.00", "0"}, {"NaN", "NaN"}} {
		if got := string(s.AppendKey(nil, Texts(c[0]))); got != c[1] {
			t.Errorf("key of %s is %s, want %s", c[0], got, c[1])
		}
		if !s.KeyEqual(Texts(c[0]), Texts(c[1])) || s.HashKey(Texts(c[0])) != s.HashKey(Texts(c[1])) {
			t.Errorf("%s and %s are different keys", c[0], c[1])
		}
	}
	if s.KeyEqual(Texts("100"), Texts("1")) {
		t.Error("100 and 1 are one key")
	}
}

func TestAppendJSONString(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "abc", `"abc"`},
		{"empty", "", `""`},
		{"quotes", `a"\b`, `"a\"\\b"`},
		{"control", "\n\r\t\x00\x1f\x7f", `"\n\r\t\u0000\u001f` + "\x7f\""},
		{"accents", "é😀", `"é😀"`},
		{"line separators", "a\u2028b\u2029c", `"a\u2028b\u2029c"`},
		{"invalid", "a\xffb\xc3", `"a` + "\ufffd" + `b` + "\ufffd" + `"`},
		{"replacement itself", "\ufffd", `"` + "\ufffd" + `"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := string(AppendJSONString([]byte("x"), c.in)); got != "x"+c.want {
				t.Errorf("%s, want x%s", got, c.want)
			}
		})
	}
}

func FuzzAppendJSONString(f *testing.F) {
	f.Add("a\"\\\n\u2028\xff")
	f.Fuzz(func(t *testing.T, in string) {
		var out string
		if err := json.Unmarshal(AppendJSONString(nil, in), &out); err != nil {
			t.Fatal(err)
		}
		if want := string([]rune(in)); out != want { // the conversion replaces invalid bytes one by one
			t.Fatalf("%q became %q", in, out)
		}
	})
}

// FuzzRow packs cells cut out of one text and reads them back.
func FuzzRow(f *testing.F) {
	f.Add("abc", uint16(3), uint64(5), 0)
	f.Add("", uint16(0), uint64(0), 40_000)
	f.Fuzz(func(t *testing.T, text string, cells uint16, nulls uint64, padding int) {
		cells %= 100
		var b Builder
		var want []*string
		for i := range int(cells) {
			if nulls>>(i%64)&1 != 0 {
				b.AppendNull()
				want = append(want, nil)
				continue
			}
			cell := text
			if len(text) > 0 {
				cell = text[i%len(text):]
			}
			if i == 1 && padding > 0 {
				cell = strings.Repeat("p", padding%(1<<17))
			}
			b.AppendString(cell)
			want = append(want, &cell)
		}
		r := b.Row()
		if r.Len() != len(want) || r != Cells(want...) {
			t.Fatalf("%d cells, want %d", r.Len(), len(want))
		}
		for i, w := range want {
			got, ok := r.Cell(i)
			if ok != (w != nil) || r.Null(i) == ok || ok && got != *w {
				t.Fatalf("cell %d is %q, %v", i, got, ok)
			}
		}
		if r.Len() > 0 && !Diff(r, Cells(want...), NewColumnSet(r.Len())).Empty() {
			t.Fatal("a row differs from itself")
		}
	})
}
