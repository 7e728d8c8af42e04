package mistake_test

import (
	"testing"

	"github.com/tycostream/tycostream/internal/config/mistake"
)

func TestPlace(t *testing.T) {
	for want, m := range map[string]mistake.Mistake{
		"f.yaml:3:5: bad": {File: "f.yaml", Line: 3, Column: 5, Text: "bad"},
		"f.yaml:3: bad":   {File: "f.yaml", Line: 3, Text: "bad"},
		"PORT: bad":       {File: "PORT", Text: "bad"},
		"bad":             {Text: "bad"},
	} {
		if got := m.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestListSortsAndDropsRepetitions(t *testing.T) {
	var l mistake.List
	if l.Err() != nil {
		t.Error("an empty list is an error")
	}
	l.Add("b", 2, 1, "second")
	l.Add("b", 1, 9, "first")
	l.Add("a", 1, 1, "other file")
	l.Add("b", 1, 9, "first")
	want := "b:1:9: first\nb:2:1: second\na:1:1: other file"
	if got := l.Err().Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestClosest(t *testing.T) {
	types := []string{"Integer", "BigInt", "Float", "String", "Timestamp", "Time"}
	for _, c := range []struct{ word, want string }{
		{"integer", "Integer"},
		{"Intger", "Integer"},
		{"Strnig", "String"},
		{"time_stamp", "Timestamp"},
		{"big_int", "BigInt"},
		{"Flaot", "Float"},
		{"money", ""},
		{"", ""},
		{"x", ""},
	} {
		got, ok := mistake.Closest(c.word, types)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("Closest(%q) = %q, %v; want %q", c.word, got, ok, c.want)
		}
	}
}

func TestOneOf(t *testing.T) {
	if got := mistake.OneOf("pirma", []string{"prima", "secunda"}); got != `; did you mean "prima"?` {
		t.Error(got)
	}
	if got := mistake.OneOf("zzz", []string{"lazy", "eager"}); got != "; use one of lazy, eager" {
		t.Error(got)
	}
}
