package sdl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
)

const internalDirective = "internal"

// coreField is a root field of the core schema.
type coreField struct {
	def      *ast.FieldDefinition
	internal bool
}

// merged is the schema that clients see, and the core fields behind it.
type merged struct {
	schema *ast.Schema
	core   map[ast.Operation]map[string]coreField
}

// merge joins the core schema and the typed one:
//
//  1. parse both, and take out of the core what is internal: from now on no
//     source's name can meet one of those;
//  2. drop core roots that are empty and that no source extends;
//  3. validate the whole as any schema;
//  4. drop every type that cannot be reached from a root.
func merge(core []*ast.Source, typed string) (*merged, error) {
	input := append([]*ast.Source{validator.Prelude}, core...)
	input = append(input, &ast.Source{Name: "sources of schema.yaml", Input: typed})
	doc, err := parser.ParseSchemas(input...)
	if err != nil {
		return nil, fmt.Errorf("parse schema: %w", err)
	}
	m := &merged{core: map[ast.Operation]map[string]coreField{}}
	for _, op := range roots() {
		m.core[op] = takeInternal(doc.Definitions.ForName(RootName(op)))
	}
	doc.Definitions = slices.DeleteFunc(doc.Definitions, func(d *ast.Definition) bool {
		return isInternal(d.Directives) || d.Kind == ast.Object && len(d.Fields) == 0 && doc.Extensions.ForName(d.Name) == nil
	})
	// @defer would need several responses to one query, and encoders that know
	// of it; taking it out makes its use a validation error.
	doc.Directives = slices.DeleteFunc(doc.Directives, func(d *ast.DirectiveDefinition) bool {
		return d.Name == internalDirective || d.Name == "defer"
	})
	m.schema, err = validator.ValidateSchemaDocument(doc)
	if err != nil {
		return nil, fmt.Errorf("validate schema: %w", err)
	}
	dropUnreachable(m.schema)
	return m, nil
}

func isInternal(d ast.DirectiveList) bool { return d.ForName(internalDirective) != nil }

// takeInternal removes the internal fields from a core root, and returns all
// that it had.
func takeInternal(root *ast.Definition) map[string]coreField {
	fields := map[string]coreField{}
	if root == nil {
		return fields
	}
	for _, f := range root.Fields {
		fields[f.Name] = coreField{def: f, internal: isInternal(f.Directives)}
	}
	root.Fields = slices.DeleteFunc(root.Fields, func(f *ast.FieldDefinition) bool {
		return isInternal(f.Directives)
	})
	return fields
}

// dropUnreachable deletes the types that no root field leads to. GraphQL's own
// stay: introspection needs them.
func dropUnreachable(s *ast.Schema) {
	reached := map[string]bool{}
	var visit func(name string)
	visitArguments := func(args ast.ArgumentDefinitionList) {
		for _, a := range args {
			visit(a.Type.Name())
		}
	}
	visit = func(name string) {
		def := s.Types[name]
		if def == nil || reached[name] {
			return
		}
		reached[name] = true
		for _, f := range def.Fields {
			visit(f.Type.Name())
			visitArguments(f.Arguments)
		}
		for _, other := range slices.Concat(def.Interfaces, def.Types) {
			visit(other)
		}
	}
	for _, root := range []*ast.Definition{s.Query, s.Mutation, s.Subscription} {
		if root != nil {
			visit(root.Name)
		}
	}
	for _, d := range s.Directives {
		visitArguments(d.Arguments)
	}
	for name, def := range s.Types {
		if !reached[name] && !def.BuiltIn {
			delete(s.Types, name)
			delete(s.PossibleTypes, name)
			delete(s.Implements, name)
		}
	}
}

// root returns the root type of an operation, nil when the schema has none.
func (m *merged) root(op ast.Operation) *ast.Definition {
	switch op {
	case ast.Query:
		return m.schema.Query
	case ast.Mutation:
		return m.schema.Mutation
	case ast.Subscription:
		return m.schema.Subscription
	}
	return nil
}

// Text prints the schema as clients see it, with a blank line between
// definitions.
func (s *Schema) Text() string {
	var printed, out strings.Builder
	formatter.NewFormatter(&printed, formatter.WithIndent("  ")).FormatSchema(s.AST)
	ended := false
	for line := range strings.Lines(printed.String()) {
		if ended {
			out.WriteByte('\n')
		}
		ended = line == "}\n" || strings.HasPrefix(line, "scalar ")
		out.WriteString(line)
	}
	return out.String()
}
