package naming

import "fmt"

// Source is a source as far as its names go.
type Source struct {
	Name    string // in schema.yaml
	Base    string // see Base
	Columns []Column
}

// Column is a column as far as its names go.
type Column struct {
	Name  string // in the database
	Field string // see Field
}

// Enum is an enum as schema.yaml declares it.
type Enum struct {
	Name   string
	Values []string
}

// Problem is one name that cannot stand. Exactly one of Source and Enum is
// set; Column and Value narrow it down.
type Problem struct { //nolint:errname // a finding that can also serve as an error
	Source, Column string
	Enum, Value    string
	Text           string // what is wrong
	Suggestion     string // what to do about it
}

// Error returns text and suggestion in one line.
func (p *Problem) Error() string { return p.Text + ": " + p.Suggestion }

// The names that the core schema takes for itself.
var (
	coreTypes = []string{
		"Query", "Mutation", "Subscription",
		"Int", "Float", "String", "Boolean", "ID",
		"BigInt", "Decimal", "Timestamp", "Date", "Time", "JSON",
		"IntComparison", "FloatComparison", "StringComparison", "BooleanComparison",
		"BigIntComparison", "DecimalComparison", "TimestampComparison", "DateComparison",
		"TimeComparison", "JSONComparison",
		"Source", "Column", "SourceState", "RowOperation", "FrameKind", "OrderBy",
		"NumberFormat", "Trigger", "TriggerState", "TriggerOrigin", "TriggerEvent", "TriggerHeader",
		"TriggerFiringRow", "TriggerDelivery", "TriggerDeliveryStatus", "TriggerResult",
	}
	rowFields = []string{"_key", "_and", "_or", "_not"}
)

// Check returns everything that is wrong with the names of a schema, in the
// order of its arguments.
func Check(camel bool, enums []Enum, sources []Source) []Problem {
	c := checker{
		camel: camel,
		types: taken{}, queries: taken{}, subscriptions: taken{}, mutations: taken{},
	}
	c.types.add("a type of the core schema", coreTypes...)
	common := CommonFor(camel)
	const field = "a field of the core schema"
	c.queries.add(field, "sources", common.Deliveries)
	c.subscriptions.add(field, common.Deliveries)
	c.mutations.add(field, common.ResendDelivery, common.ResendDeadLetters)
	for _, e := range enums {
		c.enum(e)
	}
	for _, s := range sources {
		c.source(s)
	}
	return c.problems
}

// taken says by whom each name is taken.
type taken map[string]string

func (t taken) add(by string, names ...string) {
	for _, n := range names {
		if t[n] == "" {
			t[n] = by
		}
	}
}

type checker struct {
	camel                                    bool
	types, queries, subscriptions, mutations taken
	problems                                 []Problem
}

func (c *checker) report(p Problem) { c.problems = append(c.problems, p) }

func (c *checker) enum(e Enum) {
	by := fmt.Sprintf("the enum %q", e.Name)
	const rename = "give the enum another name"
	if why := Illegal(e.Name); why != "" {
		c.report(Problem{Enum: e.Name, Text: fmt.Sprintf("the enum's name %q %s", e.Name, why), Suggestion: rename})
		return
	}
	for _, name := range []string{e.Name, Comparison(e.Name)} {
		if other := c.types[name]; other != "" {
			c.report(Problem{
				Enum: e.Name, Suggestion: rename,
				Text: fmt.Sprintf("the GraphQL type %s of %s is already taken by %s", name, by, other),
			})
			break
		}
	}
	c.types.add(by, e.Name, Comparison(e.Name))
	seen := map[string]bool{}
	for _, v := range e.Values {
		if why := IllegalValue(v); why != "" {
			c.report(Problem{
				Enum: e.Name, Value: v, Text: fmt.Sprintf("the value %q %s", v, why),
				Suggestion: "GraphQL cannot have it in an enum: declare the column as String (graphql_name renames columns and sources only)",
			})
		}
		if seen[v] {
			c.report(Problem{
				Enum: e.Name, Value: v, Text: fmt.Sprintf("the value %q stands twice", v), Suggestion: "remove one of them",
			})
		}
		seen[v] = true
	}
}

func (c *checker) source(s Source) {
	c.columns(s)
	if why := Illegal(s.Base); why != "" {
		c.report(Problem{
			Source: s.Name, Text: fmt.Sprintf("the GraphQL name %q %s", s.Base, why),
			Suggestion: suggest(Legalize(s.Name, c.camel)),
		})
		return
	}
	n := For(s.Base, c.camel)
	by := fmt.Sprintf("the source %q", s.Name)
	groups := []struct {
		what  string
		taken taken
		names []string
	}{
		{"query", c.queries, n.queries()},
		{"subscription", c.subscriptions, n.subscriptions()},
		{"mutation", c.mutations, n.mutations()},
		{"type", c.types, n.types()},
	}
	for _, g := range groups {
		for _, name := range g.names {
			if other := g.taken[name]; other != "" {
				c.report(Problem{
					Source:     s.Name,
					Text:       fmt.Sprintf("the GraphQL %s %s of %s is already taken by %s", g.what, name, by, other),
					Suggestion: suggest(c.free(s.Base)),
				})
				return // one collision says it: the others would be echoes of it
			}
		}
	}
	for _, g := range groups {
		g.taken.add(by, g.names...)
	}
}

// free returns a base name near base whose names nobody has.
func (c *checker) free(base string) string {
	suffix := "_rows"
	if c.camel {
		suffix = "Rows"
	}
	for name := base + suffix; ; name += "2" {
		n := For(name, c.camel)
		if !c.types.hasAny(n.types()) && !c.queries.hasAny(n.queries()) &&
			!c.subscriptions.hasAny(n.subscriptions()) && !c.mutations.hasAny(n.mutations()) {
			return name
		}
	}
}

func (t taken) hasAny(names []string) bool {
	for _, n := range names {
		if t[n] != "" {
			return true
		}
	}
	return false
}

func (c *checker) columns(s Source) {
	seen := taken{}
	seen.add("a field that every row or filter has", rowFields...)
	for _, col := range s.Columns {
		p := Problem{Source: s.Name, Column: col.Name}
		if why := Illegal(col.Field); why != "" {
			p.Text = fmt.Sprintf("the GraphQL name %q %s", col.Field, why)
			p.Suggestion = suggest(Legalize(col.Name, c.camel))
			c.report(p)
			continue
		}
		if other := seen[col.Field]; other != "" {
			p.Text = fmt.Sprintf("the GraphQL name %s is already taken by %s", col.Field, other)
			name := col.Field + "2"
			for seen[name] != "" {
				name += "2"
			}
			p.Suggestion = suggest(name)
			c.report(p)
			continue
		}
		seen.add(fmt.Sprintf("the column %q", col.Name), col.Field)
	}
}

func suggest(name string) string { return "set graphql_name, for example graphql_name: " + name }
