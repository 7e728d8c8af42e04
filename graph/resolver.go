package graph

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/tycostream/tycostream/graph/model"
	"github.com/tycostream/tycostream/graph/triggers"
	"github.com/tycostream/tycostream/internal/codec"
	"github.com/tycostream/tycostream/internal/filter"
	"github.com/tycostream/tycostream/internal/naming"
)

// Resolver resolves the core schema's fields.
type Resolver struct {
	model    *Model
	args     naming.Arguments
	limits   Limits
	log      *slog.Logger
	plans    *plans
	triggers *triggers.API
	live     []*live // in the order of Model.Sources
	byName   map[string]*live
}

// live is a source as resolvers need it.
type live struct {
	*Source
	index int
	names naming.Names
	shape codec.Shape
}

func newResolver(m *Model) *Resolver {
	r := &Resolver{
		model: m, args: naming.ArgumentsFor(m.CamelCase), limits: m.Limits, log: m.Log,
		plans: newPlans(m.Limits.Cache), byName: map[string]*live{},
	}
	var names []string
	for i := range m.Sources {
		names = append(names, m.Sources[i].Name)
		s := &live{Source: &m.Sources[i], index: i, names: naming.For(m.Sources[i].Base, m.CamelCase)}
		s.shape = codec.Shape{
			Schema: s.Schema,
			Types: codec.Types{
				Row: s.names.Row, Update: s.names.Update, Changes: s.names.ChangesFrame,
				Columns: s.names.ColumnsFrame, ColumnSet: s.names.ColumnSet, KeySet: s.names.KeySet,
			},
			StringScalars: m.StringScalars,
			Anomalies:     s.Anomalies,
		}
		r.live = append(r.live, s)
		r.byName[s.Name] = s
	}
	r.triggers = triggers.New(m.Triggers, names)
	return r
}

// source returns a source by its name in schema.yaml. Routes name only those
// that exist.
func (r *Resolver) source(name string) (*live, error) {
	s := r.byName[name]
	if s == nil || s.Schema == nil {
		return nil, fmt.Errorf("no source %q", name)
	}
	return s, nil
}

// predicate compiles a where argument; nil is no filter.
func (r *Resolver) predicate(s *live, where *model.Exact) (*filter.Predicate, error) {
	if where == nil || where.Value == nil {
		return filter.All(), nil
	}
	return r.compile(s, "where", where.Value)
}

// compile compiles the filter that an argument holds.
func (r *Resolver) compile(s *live, argument string, where any) (*filter.Predicate, error) {
	if n := filter.Size(where); n > r.limits.FilterSize {
		return nil, badInput(argument, fmt.Sprintf(
			"the filter holds %d operators and values: the limit is %d, the setting limits.filter_size", n, r.limits.FilterSize))
	}
	p, err := filter.Compile(s.Schema, where, append(r.filterOptions(), filter.Argument(argument))...)
	if err != nil {
		return nil, filterError(err)
	}
	return p, nil
}

// condition returns what checks the conditions of a source's triggers.
func (r *Resolver) condition(s *live) triggers.Check {
	return func(argument string, where any) error {
		_, err := r.compile(s, argument, where)
		return err
	}
}

func (r *Resolver) filterOptions() []filter.Option {
	if r.model.StringScalars {
		return []filter.Option{filter.JSONText()}
	}
	return nil
}

// describe answers the sources query.
func (r *Resolver) describe(ctx context.Context) ([]model.Source, error) {
	now := time.Now()
	out := make([]model.Source, len(r.live))
	for i, s := range r.live {
		out[i] = s.describe(now)
	}
	return out, ctx.Err()
}

// describe describes a source for the sources query.
func (s *live) describe(now time.Time) model.Source {
	status := s.status()
	out := model.Source{
		Name: s.Name, Field: s.names.Rows, TypePrefix: s.names.Row, Backend: s.Backend,
		State: model.SourceState(status.State.String()), Rows: status.Rows, Subscribers: status.Subscribers,
		Changes:    float64(status.Inserts + status.Updates + status.Deletes),
		PrimaryKey: []string{}, Columns: []model.Column{},
	}
	if status.Error != "" {
		out.Error = &status.Error
	}
	if f := status.Frontier; f.Time != 0 {
		timestamp := strconv.FormatUint(f.Time, 10)
		wall := time.UnixMicro(f.Wall).UTC()
		asOf := wall.Format("2006-01-02T15:04:05.999999Z")
		lag := max(0, now.Sub(wall).Seconds())
		out.Timestamp, out.AsOf, out.Lag = &timestamp, &asOf, &lag
	}
	if s.Schema == nil {
		return out
	}
	for _, k := range s.Schema.Key {
		out.PrimaryKey = append(out.PrimaryKey, s.Schema.Columns[k].Field)
	}
	for i, c := range s.Schema.Columns {
		column := model.Column{
			Name: c.Field, DatabaseName: c.Name, Type: c.Kind.String(),
			Key: s.Schema.IsKey(i), Nullable: c.Nullable && !s.Schema.IsKey(i),
		}
		if c.Enum != nil {
			column.Type = c.Enum.Name
			column.EnumValues = slices.Clone(c.Enum.Values)
		}
		out.Columns = append(out.Columns, column)
	}
	return out
}
