package naming

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Camel returns the camelCase form of a database name: every underscore is
// dropped and the letter behind it upper-cased, but leading underscores stay.
// All other letters stay as they are.
func Camel(name string) string {
	rest := strings.TrimLeft(name, "_")
	lead := name[:len(name)-len(rest)]
	var b strings.Builder
	b.Grow(len(name))
	b.WriteString(lead)
	for i, part := range strings.Split(rest, "_") {
		if i > 0 {
			part = UpperFirst(part)
		}
		b.WriteString(part)
	}
	return b.String()
}

// UpperFirst returns s with its first letter in upper case.
func UpperFirst(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}

// Base returns the name that a source's names are built from: its
// graphql_name when it has one, else its own name in the given style.
func Base(name, graphqlName string, camel bool) string { return styled(name, graphqlName, camel) }

// Field returns a column's GraphQL name: its graphql_name when it has one,
// else its own name in the given style.
func Field(column, graphqlName string, camel bool) string { return styled(column, graphqlName, camel) }

func styled(name, graphqlName string, camel bool) string {
	switch {
	case graphqlName != "":
		return graphqlName
	case camel:
		return Camel(name)
	default:
		return name
	}
}

// Names are all the names that one source brings into the schema.
type Names struct {
	Rows, ByPk, Changes, Columns                string // root fields
	Triggers, Trigger                           string
	CreateTrigger, UpdateTrigger, DeleteTrigger string
	PauseTrigger, ResumeTrigger, TestTrigger    string
	Row, Update, ChangesFrame, ColumnsFrame     string // types
	ColumnSet, KeySet, Expression, OrderByType  string
	TriggerInput, TriggerPatch                  string
}

// For returns the names of the source with this base name.
func For(base string, camel bool) Names {
	n := Names{Rows: base}
	prefix := base
	if camel {
		prefix = UpperFirst(base)
		n.ByPk, n.Changes, n.Columns = base+"ByPk", base+"Changes", base+"Columns"
		n.Triggers, n.Trigger = base+"Triggers", base+"Trigger"
		n.mutate(func(verb string) string { return verb + prefix + "Trigger" })
	} else {
		n.ByPk, n.Changes, n.Columns = base+"_by_pk", base+"_changes", base+"_columns"
		n.Triggers, n.Trigger = base+"_triggers", base+"_trigger"
		n.mutate(func(verb string) string { return verb + "_" + base + "_trigger" })
	}
	n.Row, n.Update = prefix, prefix+"Update"
	n.ChangesFrame, n.ColumnsFrame = prefix+"Changes", prefix+"Columns"
	n.ColumnSet, n.KeySet = prefix+"ColumnSet", prefix+"KeySet"
	n.Expression, n.OrderByType = prefix+"Expression", prefix+"OrderBy"
	n.TriggerInput, n.TriggerPatch = prefix+"TriggerInput", prefix+"TriggerPatch"
	return n
}

// mutate names the mutations.
func (n *Names) mutate(name func(verb string) string) {
	n.CreateTrigger, n.UpdateTrigger, n.DeleteTrigger = name("create"), name("update"), name("delete")
	n.PauseTrigger, n.ResumeTrigger, n.TestTrigger = name("pause"), name("resume"), name("test")
}

func (n *Names) queries() []string {
	return []string{n.Rows, n.ByPk, n.Changes, n.Columns, n.Triggers, n.Trigger}
}

func (n *Names) subscriptions() []string { return []string{n.Rows, n.Changes, n.Columns} }

func (n *Names) mutations() []string {
	return []string{n.CreateTrigger, n.UpdateTrigger, n.DeleteTrigger, n.PauseTrigger, n.ResumeTrigger, n.TestTrigger}
}

func (n *Names) types() []string {
	return []string{
		n.Row, n.Update, n.ChangesFrame, n.ColumnsFrame, n.ColumnSet, n.KeySet,
		n.Expression, n.OrderByType, n.TriggerInput, n.TriggerPatch,
	}
}

// Common are the root fields that no source brings, but whose names depend on
// the style.
type Common struct {
	Deliveries                        string // query and subscription
	ResendDelivery, ResendDeadLetters string // mutations
}

// CommonFor returns the common root fields of a style.
func CommonFor(camel bool) Common {
	if camel {
		return Common{Deliveries: "triggerDeliveries", ResendDelivery: "resendDelivery", ResendDeadLetters: "resendDeadLetters"}
	}
	return Common{Deliveries: "trigger_deliveries", ResendDelivery: "resend_delivery", ResendDeadLetters: "resend_dead_letters"}
}

// Arguments are the argument names that depend on the style.
type Arguments struct {
	OrderBy, MaxRows, MaxRate, ResumeFrom string
}

// ArgumentsFor returns the argument names of a style.
func ArgumentsFor(camel bool) Arguments {
	if camel {
		return Arguments{OrderBy: "orderBy", MaxRows: "maxRows", MaxRate: "maxRate", ResumeFrom: "resumeFrom"}
	}
	return Arguments{OrderBy: "order_by", MaxRows: "max_rows", MaxRate: "max_rate", ResumeFrom: "resume_from"}
}

// Comparison returns the name of the filter input for a scalar or an enum.
func Comparison(typeName string) string { return typeName + "Comparison" }

// Illegal says what GraphQL does not allow about a name, or "" when it is
// allowed as the name of a field or a type.
func Illegal(name string) string {
	switch {
	case name == "":
		return "is empty"
	case strings.HasPrefix(name, "__"):
		return "starts with __, which GraphQL keeps for itself"
	case name[0] >= '0' && name[0] <= '9':
		return "starts with a digit"
	}
	for _, r := range name {
		if !nameRune(r) {
			return "holds " + quoteRune(r) + "; GraphQL names are made of letters, digits and _"
		}
	}
	return ""
}

// IllegalValue says what GraphQL does not allow about an enum value, or "".
func IllegalValue(name string) string {
	switch name {
	case "true", "false", "null":
		return "is a literal of GraphQL"
	}
	return Illegal(name)
}

func nameRune(r rune) bool {
	return r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}

func quoteRune(r rune) string {
	switch {
	case r == ' ':
		return "a blank"
	case r == utf8.RuneError || !unicode.IsPrint(r):
		return "a character that cannot be printed"
	}
	return `"` + string(r) + `"`
}

// Legalize returns the nearest legal name, for suggestions.
func Legalize(name string, camel bool) string {
	s := strings.Map(func(r rune) rune {
		if nameRune(r) {
			return r
		}
		return '_'
	}, name)
	if strings.HasPrefix(s, "__") {
		s = "_" + strings.TrimLeft(s, "_")
	}
	if camel {
		s = Camel(s)
	}
	if s == "" || s == "_" || s[0] >= '0' && s[0] <= '9' {
		s = "x" + s
	}
	return s
}
