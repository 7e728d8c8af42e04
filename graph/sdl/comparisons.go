package sdl

import (
	"maps"
	"slices"

	"github.com/tycostream/tycostream/internal/naming"
)

// scalarTexts describe our own scalars, and comparisonTexts the operators on
// them that need a word.
var scalarTexts = map[string]string{
	"BigInt":    "An integer of up to 64 bits, as a string. Input beyond 64 bits signed must be a string.",
	"Decimal":   "An exact decimal number, as a string. Input may be a number or a string.",
	"Timestamp": "", // the core schema has it
	"Date":      "A date in ISO 8601.",
	"Time":      "A time of day in ISO 8601.",
	"JSON":      "Any JSON value.",
}

// comparisons writes scalars, enums and the filter input of each.
func (t *typed) comparisons() {
	for _, name := range slices.Sorted(maps.Keys(t.scalars)) {
		if enum := t.enums[name]; enum != nil {
			t.add("enum %s {", name)
			for _, v := range enum.Values {
				t.add(" %s", v)
			}
			t.add(" }\n")
		} else if text := scalarTexts[name]; text != "" {
			t.add("%q\nscalar %s\n", text, name)
		}
		if name != "ID" {
			t.comparison(name)
		}
	}
}

// comparison writes the filter input of one scalar or enum.
func (t *typed) comparison(name string) {
	t.add("\"Conditions on a column of type %s: all of them must hold.\"\ninput %s {\n", name, naming.Comparison(name))
	operators := func(typ string, names ...string) {
		for _, op := range names {
			t.add("  %s: %s\n", op, typ)
		}
	}
	operators(name, "_eq", "_neq")
	if name != "JSON" {
		operators(name, "_gt", "_gte", "_lt", "_lte")
	}
	operators("["+name+"!]", "_in", "_nin")
	operators("Boolean", "_is_null")
	switch name {
	case "String":
		operators("String", "_like", "_nlike", "_ilike", "_nilike", "_regex", "_iregex", "_nregex", "_niregex")
	case "JSON":
		operators("JSON", "_contains")
		operators("String", "_has_key")
	}
	t.add("}\n")
}
