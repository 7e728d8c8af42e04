package schemafile

import (
	"github.com/tycostream/tycostream/internal/naming"
	"github.com/tycostream/tycostream/internal/source"
)

// nameKey stands for the place that decides a GraphQL name: a graphql_name, or
// the key that it is derived from.
const nameKey = "\x01name"

// checkNames reports every name that GraphQL does not allow or that two parts
// of the schema want.
func (p *parser) checkNames() {
	enums := make([]naming.Enum, 0, len(p.file.Enums))
	for _, e := range p.file.Enums {
		enums = append(enums, naming.Enum{Name: e.Name, Values: e.Values})
	}
	sources := make([]naming.Source, 0, len(p.file.Sources))
	for _, def := range p.file.Sources {
		sources = append(sources, named(def))
	}
	for _, found := range naming.Check(p.file.CamelCase, enums, sources) {
		place := p.file.Place("sources", found.Source, nameKey)
		switch {
		case found.Column != "":
			place = p.file.Place("sources", found.Source, "columns", found.Column, nameKey)
		case found.Value != "":
			place = p.file.Place("enums", found.Enum, found.Value)
		case found.Enum != "":
			place = p.file.Place("enums", found.Enum)
		}
		p.at(place.Line, place.Column, "%s", found.Error())
	}
}

func named(def *source.Definition) naming.Source {
	s := naming.Source{Name: def.Name, Base: def.Base}
	for i := range def.Columns {
		s.Columns = append(s.Columns, naming.Column{Name: def.Columns[i].Name, Field: def.Columns[i].Field})
	}
	return s
}
