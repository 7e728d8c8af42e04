package graph

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

// introspectionQuery is what tools send; it nests as deep as the limits must allow.
const introspectionQuery = `query IntrospectionQuery {
  __schema {
    queryType { name } mutationType { name } subscriptionType { name }
    types { ...FullType }
    directives { name description locations args { ...InputValue } }
  }
}
fragment FullType on __Type {
  kind name description specifiedByURL isOneOf
  fields(includeDeprecated: true) { name description args { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason }
  inputFields { ...InputValue } interfaces { ...TypeRef }
  enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
  possibleTypes { ...TypeRef }
}
fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue }
fragment TypeRef on __Type {
  kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name
  ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } } }
}`

type typeRef struct {
	Kind, Name string
	OfType     *typeRef
}

func (r *typeRef) String() string {
	switch r.Kind {
	case "NON_NULL":
		return r.OfType.String() + "!"
	case "LIST":
		return "[" + r.OfType.String() + "]"
	}
	return r.Name
}

type inputValue struct {
	Name         string
	Type         typeRef
	DefaultValue *string
}

type introspected struct {
	Schema struct {
		QueryType, MutationType, SubscriptionType *typeRef
		Directives                                []struct{ Name string }
		Types                                     []struct {
			Kind, Name string
			Fields     []struct {
				Name string
				Args []inputValue
				Type typeRef
			}
			InputFields []inputValue
			EnumValues  []struct{ Name string }
		}
	} `json:"__schema"`
}

func inputs(list []inputValue) string {
	var parts []string
	for _, v := range list {
		text := v.Name + ": " + v.Type.String()
		if v.DefaultValue != nil {
			text += " = " + *v.DefaultValue
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// outline lists every type with its members, one per line.
func (in *introspected) outline() []string {
	var lines []string
	for _, typ := range in.Schema.Types {
		lines = append(lines, typ.Kind+" "+typ.Name)
		for _, f := range typ.Fields {
			lines = append(lines, fmt.Sprintf("%s.%s(%s): %s", typ.Name, f.Name, inputs(f.Args), f.Type.String()))
		}
		for _, f := range typ.InputFields {
			lines = append(lines, fmt.Sprintf("%s.%s", typ.Name, inputs([]inputValue{f})))
		}
		for _, v := range typ.EnumValues {
			lines = append(lines, typ.Name+"."+v.Name)
		}
	}
	slices.Sort(lines)
	return lines
}

// outlineOf lists the same of a parsed schema.
func outlineOf(s *ast.Schema) []string {
	arguments := func(list ast.ArgumentDefinitionList) string {
		var parts []string
		for _, a := range list {
			text := a.Name + ": " + a.Type.String()
			if a.DefaultValue != nil {
				text += " = " + a.DefaultValue.String()
			}
			parts = append(parts, text)
		}
		return strings.Join(parts, ", ")
	}
	var lines []string
	for name, def := range s.Types {
		lines = append(lines, string(def.Kind)+" "+name)
		for _, f := range def.Fields {
			switch {
			case strings.HasPrefix(f.Name, "__"):
			case def.Kind == ast.InputObject:
				lines = append(lines, fmt.Sprintf("%s.%s: %s", name, f.Name, f.Type))
			default:
				lines = append(lines, fmt.Sprintf("%s.%s(%s): %s", name, f.Name, arguments(f.Arguments), f.Type))
			}
		}
		for _, v := range def.EnumValues {
			lines = append(lines, name+"."+v.Name)
		}
	}
	slices.Sort(lines)
	return lines
}

// TestIntrospectionShowsTheSDL compares what introspection answers with what
// SDL prints.
func TestIntrospectionShowsTheSDL(t *testing.T) {
	w := newWorld(t, func(m *Model) { m.CamelCase = true })
	var in introspected
	if err := json.Unmarshal([]byte(w.mustAsk(introspectionQuery, "")), &in); err != nil {
		t.Fatal(err)
	}
	parsed, err := gqlparser.LoadSchema(&ast.Source{Name: "sdl", Input: w.exec.SDL()})
	if err != nil {
		t.Fatalf("the SDL is no schema: %v", err)
	}
	got, want := in.outline(), outlineOf(parsed)
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("introspection alone shows %s", line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("the SDL alone shows %s", line)
		}
	}
	if in.Schema.MutationType.Name != "Mutation" || in.Schema.QueryType.Name != "Query" || in.Schema.SubscriptionType.Name != "Subscription" {
		t.Error("root types are missing")
	}
	for _, d := range in.Schema.Directives {
		if d.Name == "internal" || d.Name == "defer" {
			t.Errorf("directive @%s is shown", d.Name)
		}
	}
	for _, line := range got {
		if strings.Contains(line, "Encoded") || strings.Contains(line, "Exact") {
			t.Errorf("internal type shown: %s", line)
		}
	}
}

func TestTypeByName(t *testing.T) {
	w := newWorld(t, nil)
	w.equal("type", w.mustAsk(`{ a: __type(name: "sideComparison") { inputFields { name } } b: __type(name: "Encoded") { name } }`, ""),
		`{"a":{"inputFields":[{"name":"_eq"},{"name":"_neq"},{"name":"_gt"},{"name":"_gte"},{"name":"_lt"},{"name":"_lte"},{"name":"_in"},{"name":"_nin"},{"name":"_is_null"}]},"b":null}`)
}
