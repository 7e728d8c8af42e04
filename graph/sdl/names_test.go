package sdl

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"github.com/tycostream/tycostream/internal/naming"
	"github.com/tycostream/tycostream/internal/relation"
)

// parts are what names are made of when they meet.
var parts = strings.Fields(`a A b _a sources row rows changes columns
	Changes Columns ColumnSet KeySet Update Expression OrderBy Comparison ByPk Trigger Triggers TriggerInput TriggerPatch TriggerDelivery triggerDeliveries
	_changes _columns _by_pk Source NumberFormat FrameKind Query Int ID String Encoded Exact JSON Timestamp`)

// TestGoodNamesBuild: whatever the check of names lets pass is a schema; else
// a good schema.yaml would keep the gateway from starting.
func TestGoodNamesBuild(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	used := []string{"a"} // names that grow out of others meet most
	name := func() string {
		out := parts[rnd.IntN(len(parts))]
		if rnd.IntN(2) == 0 {
			out = used[rnd.IntN(len(used))] + out
		}
		used = append(used, out)
		return out
	}
	sources := core(t)
	built := 0
	for range 1000 {
		used = used[:1]
		m := Model{CamelCase: rnd.IntN(2) == 0, StringScalars: rnd.IntN(2) == 0}
		for range 1 + rnd.IntN(3) {
			enum := &relation.Enum{Name: name(), Values: []string{"x", name()}}
			s := table(m.CamelCase, []int{0}, name()+" BigInt", name()+" UUID", name()+" Timestamp", "list Array")
			s.Columns = append(s.Columns, relation.Column{Name: "e", Field: "e", Kind: relation.Enumeration, Enum: enum, Nullable: true})
			base := name()
			m.Sources = append(m.Sources, Source{Name: base, Base: naming.Base(base, "", m.CamelCase), Schema: s})
		}
		if checkNames(&m) != nil {
			continue
		}
		built++
		s, err := Build(sources, m)
		if err != nil {
			t.Fatalf("%v: %+v", err, m)
		}
		if _, err := gqlparser.LoadSchema(&ast.Source{Input: s.Text()}); err != nil {
			t.Fatalf("the text is no schema: %v\n%s", err, s.Text())
		}
	}
	if built < 200 {
		t.Errorf("only %d of 1,000 models have good names", built)
	}
}

func TestOperators(t *testing.T) {
	order := []string{"_eq", "_neq", "_gt", "_gte", "_lt", "_lte", "_in", "_nin", "_is_null"}
	text := append(slices.Clone(order), "_like", "_nlike", "_ilike", "_nilike", "_regex", "_iregex", "_nregex", "_niregex")
	s, err := Build(core(t), model(false, false))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		"IntComparison": order, "BigIntComparison": order, "FloatComparison": order, "DecimalComparison": order,
		"BooleanComparison": order, "TimestampComparison": order, "DateComparison": order, "TimeComparison": order,
		"sideComparison": order, "StringComparison": text,
		"JSONComparison": {"_eq", "_neq", "_in", "_nin", "_is_null", "_contains", "_has_key"},
	} {
		var got []string
		for _, f := range s.AST.Types[name].Fields {
			got = append(got, f.Name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s has %v, want %v", name, got, want)
		}
	}
	if s.AST.Types["IDComparison"] != nil {
		t.Error("there is an IDComparison: identifiers are compared as strings")
	}
	if got := s.AST.Types["wide_oneExpression"].Fields.ForName("an_id").Type.String(); got != "StringComparison" {
		t.Errorf("a uuid is compared by %s", got)
	}
}

// TestStringScalars: under `scalars: string` no type stands in the schema that
// the original's clients do not know.
func TestStringScalars(t *testing.T) {
	s, err := Build(core(t), model(false, true))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"BigInt", "Decimal", "Date", "Time", "JSON", "BigIntComparison", "JSONComparison"} {
		if s.AST.Types[name] != nil {
			t.Errorf("type %s is in the schema", name)
		}
	}
	if got := s.AST.Types["wide_oneColumnSet"].Fields.ForName("doc").Type.String(); got != "[String]!" {
		t.Errorf("a column of JSON is %s", got)
	}
}

// TestNamesInDescriptions: a source may be called anything in schema.yaml as
// long as graphql_name is not.
func TestNamesInDescriptions(t *testing.T) {
	const name = "a\"b\\c\n\u0001 é %s"
	s, err := Build(core(t), Model{Sources: []Source{{Name: name, Base: "ab", Schema: table(false, []int{0}, "id Integer")}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Routes[ast.Query]["ab"].Source; got != name {
		t.Errorf("the route leads to %q", got)
	}
	if got := s.AST.Types["ab"].Description; got != "A row of a'b'c   é %s." {
		t.Errorf("the description is %q", got)
	}
	if _, err := gqlparser.LoadSchema(&ast.Source{Input: s.Text()}); err != nil {
		t.Errorf("the text is no schema: %v", err)
	}
}

// TestCoreNamesAreTaken: no enum may have the name of a type of the core
// schema, and no source's name a root field that all sources share.
func TestCoreNamesAreTaken(t *testing.T) {
	doc, err := parser.ParseSchemas(core(t)...)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range doc.Definitions {
		if isInternal(d.Directives) {
			continue
		}
		if naming.Check(true, []naming.Enum{{Name: d.Name, Values: []string{"x"}}}, nil) == nil {
			t.Errorf("an enum may be called %s", d.Name)
		}
	}
	for _, camel := range []bool{true, false} {
		for field := range commonFields(t, camel) {
			if naming.Check(camel, nil, []naming.Source{{Name: field, Base: field}}) == nil {
				t.Errorf("a source may be called %s", field)
			}
		}
	}
}

// commonFields returns the queries and subscriptions of a schema that belong to no
// source.
func commonFields(t *testing.T, camel bool) map[string]*Route {
	t.Helper()
	s, err := Build(core(t), model(camel, false))
	if err != nil {
		t.Fatal(err)
	}
	common := map[string]*Route{}
	for op, routes := range s.Routes {
		for field, r := range routes {
			if r.Source == "" && op != ast.Mutation {
				common[field] = r
			}
		}
	}
	if len(common) == 0 {
		t.Error("there is no root field without a source")
	}
	return common
}
