package relation

import (
	"slices"
	"testing"
)

func TestParseKind(t *testing.T) {
	for k := String; k <= Enumeration; k++ {
		got, ok := ParseKind(k.String())
		if want := k != Enumeration; ok != want || ok && got != k {
			t.Errorf("ParseKind(%s) = %v, %v", k, got, ok)
		}
	}
	if _, ok := ParseKind("Kind(?)"); ok || Kind(200).String() != "Kind(?)" {
		t.Error("an unknown kind has a name")
	}
	names := KindNames()
	if len(names) != 12 || slices.Contains(names, "Enum") {
		t.Errorf("names %v", names)
	}
	names[0] = "changed"
	if KindNames()[0] != "String" {
		t.Error("KindNames hands out its own list")
	}
}

func TestSchemaLookup(t *testing.T) {
	if keyed.Column("name") != 4 || keyed.Column("fullName") != -1 || keyed.Field("fullName") != 4 || keyed.Field("name") != -1 {
		t.Error("columns by either name")
	}
	if !keyed.IsKey(2) || keyed.IsKey(1) {
		t.Error("key columns")
	}
	if got := keyed.String(); got != "*id Integer, note String, *price Decimal, *live Boolean, *name String" {
		t.Error(got)
	}
	if _, ok := color.Rank("Red"); ok {
		t.Error("enum texts are exact")
	}
}

func TestSchemaEqual(t *testing.T) {
	base := func() *Schema {
		return &Schema{
			Columns: []Column{
				{Name: "id", Field: "id", Kind: Integer},
				{Name: "c", Field: "c", Kind: Enumeration, Enum: &Enum{Name: "e", Values: []string{"a", "b"}}},
			},
			Key: []int{0},
		}
	}
	if !base().Equal(base()) {
		t.Fatal("equal schemas differ")
	}
	for name, change := range map[string]func(*Schema){
		"key":         func(s *Schema) { s.Key = []int{1} },
		"kind":        func(s *Schema) { s.Columns[0].Kind = BigInt },
		"field":       func(s *Schema) { s.Columns[0].Field = "ID" },
		"nullable":    func(s *Schema) { s.Columns[0].Nullable = true },
		"width":       func(s *Schema) { s.Columns = s.Columns[:1] },
		"no enum":     func(s *Schema) { s.Columns[1].Enum = nil },
		"enum name":   func(s *Schema) { s.Columns[1].Enum.Name = "f" },
		"enum values": func(s *Schema) { s.Columns[1].Enum.Values = []string{"b", "a"} },
	} {
		t.Run(name, func(t *testing.T) {
			s := base()
			change(s)
			if s.Equal(base()) || base().Equal(s) {
				t.Error("different schemas are equal")
			}
		})
	}
}
