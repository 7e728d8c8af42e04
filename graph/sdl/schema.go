package sdl

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/tycostream/tycostream/internal/naming"
	"github.com/tycostream/tycostream/internal/relation"
)

// Model is what a schema is built from.
type Model struct {
	CamelCase     bool // schema.yaml's naming: camelCase
	StringScalars bool // schema.yaml's scalars: string
	Sources       []Source
}

// Source is a source as far as the schema goes.
type Source struct {
	Name string // in schema.yaml
	Base string // see naming.Base

	// Schema is nil while the columns are not known: the source then brings
	// nothing into the schema, but keeps its names.
	Schema *relation.Schema
}

// label returns the source's name as descriptions hold it: in string literals,
// and in the block strings that Text prints, where nothing can be escaped.
func (s *Source) label() string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '"' || r == '\\':
			return '\''
		case unicode.IsControl(r):
			return ' '
		}
		return r
	}, s.Name)
}

// Schema is the schema that clients see, and where its root fields lead.
type Schema struct {
	AST    *ast.Schema
	Routes Routes
}

// Build builds the schema of a model over the core schema's sources. The error
// names every name that cannot stand.
func Build(core []*ast.Source, m Model) (*Schema, error) {
	if err := checkNames(&m); err != nil {
		return nil, fmt.Errorf("build schema: %w", err)
	}
	t := writeTyped(&m)
	joined, err := merge(core, t.String())
	if err != nil {
		return nil, err
	}
	routes, err := bind(joined, t.routes)
	if err != nil {
		return nil, err
	}
	return &Schema{AST: joined.schema, Routes: routes}, nil
}

// RootName returns the name of an operation's root type.
func RootName(op ast.Operation) string {
	switch op {
	case ast.Mutation:
		return "Mutation"
	case ast.Subscription:
		return "Subscription"
	case ast.Query:
	}
	return "Query"
}

// roots are the operations that a schema may have.
func roots() []ast.Operation { return []ast.Operation{ast.Query, ast.Mutation, ast.Subscription} }

// checkNames reports all collisions at once. Configuration has reported them
// before with line and column; this is for sources that joined later, whose
// columns came from the catalog.
func checkNames(m *Model) error {
	var enums []naming.Enum
	known := map[string]bool{}
	sources := make([]naming.Source, 0, len(m.Sources))
	for i := range m.Sources {
		s := naming.Source{Name: m.Sources[i].Name, Base: m.Sources[i].Base}
		if schema := m.Sources[i].Schema; schema != nil {
			for _, c := range schema.Columns {
				s.Columns = append(s.Columns, naming.Column{Name: c.Name, Field: c.Field})
				if c.Enum != nil && !known[c.Enum.Name] {
					known[c.Enum.Name] = true
					enums = append(enums, naming.Enum{Name: c.Enum.Name, Values: c.Enum.Values})
				}
			}
		}
		sources = append(sources, s)
	}
	problems := naming.Check(m.CamelCase, enums, sources)
	errs := make([]error, len(problems))
	for i := range problems {
		errs[i] = &problems[i]
	}
	return errors.Join(errs...)
}
