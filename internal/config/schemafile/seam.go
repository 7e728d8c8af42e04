package schemafile

import "strings"

func camel(s string) string {
	rest := strings.TrimLeft(s, "_")
	out := s[:len(s)-len(rest)]
	for i, part := range strings.Split(rest, "_") {
		if i > 0 && part != "" {
			part = strings.ToUpper(part[:1]) + part[1:]
		}
		out += part
	}
	return out
}

func coreTypes() []string {
	return strings.Fields(`Query Mutation Subscription Int Float String Boolean ID BigInt Decimal Timestamp Date Time JSON
		Source Column Trigger RowOperation FrameKind SourceState NumberFormat OrderBy IntComparison FloatComparison
		StringComparison BooleanComparison BigIntComparison DecimalComparison TimestampComparison DateComparison
		TimeComparison JSONComparison IDComparison`)
}

func generated(base string, camelCase bool) (types, roots []string) {
	t, sep := base, "_"
	if camelCase {
		t = strings.ToUpper(base[:1]) + base[1:]
	}
	name := func(word string) string {
		if camelCase {
			return base + strings.ToUpper(word[:1]) + word[1:]
		}
		return base + sep + word
	}
	for _, suffix := range []string{"", "Expression", "Update", "Changes", "Columns", "ColumnSet", "KeySet", "OrderBy", "TriggerInput"} {
		types = append(types, t+suffix)
	}
	pk := base + "_by_pk"
	if camelCase {
		pk = base + "ByPk"
	}
	for _, f := range []string{base, pk, name("changes"), name("columns"), name("triggers"), name("trigger")} {
		roots = append(roots, "Query."+f)
	}
	for _, f := range []string{base, name("changes"), name("columns")} {
		roots = append(roots, "Subscription."+f)
	}
	return types, roots
}
