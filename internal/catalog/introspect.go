package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tycostream/tycostream/internal/backend"
	"github.com/tycostream/tycostream/internal/config/mistake"
	"github.com/tycostream/tycostream/internal/naming"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
)

// Request says what to write into a schema.yaml.
type Request struct {
	Sources  []string // relations as schema.yaml names them; none: all that there are
	Keys     map[string][]string
	Enums    []relation.Enum
	Columns  map[string]map[string]string // source -> column -> type, instead of the catalog's
	Database bool                         // naming: database
}

// Introspect returns the text of a schema.yaml and what an operator should
// know about it.
func (d *Database) Introspect(ctx context.Context, r Request) (text string, notes []string, err error) {
	names := r.Sources
	if len(names) == 0 {
		if names, err = d.relations(ctx); err != nil {
			return "", nil, err
		}
		if len(names) == 0 {
			return "", nil, errors.New("the database has no tables or views to follow: create some, or name another with DATABASE_NAME")
		}
	}
	var wrong mistake.List
	var found []described
	for _, name := range names {
		s, err := d.describe(ctx, &r, name)
		var refused *source.Error
		switch {
		case err == nil:
			found = append(found, s)
			wrong = append(wrong, r.misfits(&s)...)
		case errors.As(err, &refused) && len(r.Sources) == 0:
			notes = append(notes, fmt.Sprintf("%s is left out: %s", name, refused.Text))
		case errors.As(err, &refused):
			wrong.Add(name, 0, 0, "%s", refused.Error())
		default:
			return "", notes, err
		}
	}
	if len(wrong) > 0 {
		return "", notes, wrong
	}
	if len(found) == 0 {
		return "", notes, errors.New("nothing is left to follow: name a relation with --source")
	}
	return r.render(found), notes, nil
}

// described is a source as the catalog has it.
type described struct {
	name    string // in schema.yaml
	def     *source.Definition
	rel     *source.Relation
	key     []string
	offered *candidates // without a key
	base    string      // graphql_name, when the derived name does not do
	fields  map[string]string
}

func (d *Database) describe(ctx context.Context, r *Request, name string) (described, error) {
	parts := splitName(name)
	s := described{name: parts[len(parts)-1], key: r.Keys[name]}
	if s.key == nil {
		s.key = r.Keys[s.name]
	}
	s.def = &source.Definition{Name: s.name, Relation: name, Key: s.key}
	var err error
	if s.rel, err = d.Backend.Describe(ctx, s.def); err != nil {
		return s, err
	}
	if s.key == nil {
		if s.offered, err = d.propose(ctx, s.def, s.rel); err != nil {
			return s, err
		}
	}
	return s, nil
}

// misfits are the parts of a request that the relation does not have.
func (r *Request) misfits(s *described) (wrong mistake.List) {
	columns := make([]string, len(s.rel.Columns))
	for i := range s.rel.Columns {
		columns[i] = s.rel.Columns[i].Name
	}
	for _, k := range s.key {
		if !slices.Contains(columns, k) {
			wrong.Add("--key", 0, 0, "%s has no column %q%s", s.rel.Name, k, mistake.OneOf(k, columns))
		}
	}
	for column, kind := range r.Columns[s.name] {
		if !slices.Contains(columns, column) {
			wrong.Add("--column", 0, 0, "%s has no column %q%s", s.rel.Name, column, mistake.OneOf(column, columns))
		}
		_, known := relation.ParseKind(kind)
		if !known && !slices.ContainsFunc(r.Enums, func(e relation.Enum) bool { return e.Name == kind }) {
			wrong.Add("--column", 0, 0, "%q is neither a type nor an enum: add --enum %s=...%s", kind, kind,
				mistake.Suggest(kind, relation.KindNames()))
		}
	}
	return wrong
}

// relations lists what there is to follow in the user's part of the database.
func (d *Database) relations(ctx context.Context) ([]string, error) {
	sql := `SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace ` +
		`WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY c.relname`
	if d.Engine == backend.Materialize {
		sql = `SELECT o.name FROM mz_catalog.mz_objects o JOIN mz_catalog.mz_schemas s ON s.id = o.schema_id ` +
			`JOIN mz_catalog.mz_databases d ON d.id = s.database_id WHERE d.name = current_database() AND s.name = 'public' ` +
			`AND o.type IN ('materialized-view', 'view', 'table', 'source') ORDER BY o.name`
	}
	rows, err := d.Queries.Query(ctx, sql)
	if err != nil {
		return nil, fmt.Errorf("list relations: %w", err)
	}
	names := make([]string, len(rows))
	for i, r := range rows {
		names[i] = r.Text(0)
		if strings.ContainsAny(names[i], `."`) {
			names[i] = quote(names[i])
		}
	}
	return names, nil
}

// rename gives names to what GraphQL does not allow or knows already.
func (r *Request) rename(list []described) {
	camel := !r.Database
	enums := make([]naming.Enum, len(r.Enums))
	for i, e := range r.Enums {
		enums[i] = naming.Enum{Name: e.Name, Values: e.Values}
	}
	for range 10 { // each round settles at least what the one before left over
		sources := make([]naming.Source, len(list))
		for i := range list {
			sources[i] = list[i].names(camel)
		}
		problems := naming.Check(camel, enums, sources)
		for _, p := range problems {
			i := slices.IndexFunc(list, func(s described) bool { return s.name == p.Source })
			switch {
			case i < 0:
			case p.Column != "":
				list[i].fields[p.Column] = another(p.Column, list[i].fields[p.Column], camel)
			default:
				list[i].base = another(list[i].name, list[i].base, camel)
			}
		}
		if len(problems) == 0 {
			return
		}
	}
}

// another is the next name to try: made legal, then with something behind it.
func another(name, before string, camel bool) string {
	legal := naming.Legalize(name, camel)
	if before == "" && legal != naming.Field(name, "", camel) {
		return legal
	}
	if before == "" {
		before = legal
	}
	return before + "2"
}

func (s *described) names(camel bool) naming.Source {
	if s.fields == nil {
		s.fields = map[string]string{}
	}
	n := naming.Source{Name: s.name, Base: naming.Base(s.name, s.base, camel)}
	for i := range s.rel.Columns {
		c := s.rel.Columns[i].Name
		n.Columns = append(n.Columns, naming.Column{Name: c, Field: naming.Field(c, s.fields[c], camel)})
	}
	return n
}
