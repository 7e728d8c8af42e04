package graph

import (
	"log/slog"
	"math"

	"github.com/tycostream/tycostream/graph/sdl"
	"github.com/tycostream/tycostream/graph/triggers"
	"github.com/tycostream/tycostream/internal/codec"
	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
)

// Model is what the schema is built from. It must not change afterwards.
type Model struct {
	CamelCase     bool // schema.yaml's naming: camelCase
	StringScalars bool // schema.yaml's scalars: string
	Sources       []Source
	Limits        Limits
	Triggers      triggers.Backend // zero: this gateway runs none, and says so
	Log           *slog.Logger     // nil: slog.Default
}

// schema returns what the schema is built from.
func (m *Model) schema() sdl.Model {
	out := sdl.Model{CamelCase: m.CamelCase, StringScalars: m.StringScalars}
	for i := range m.Sources {
		s := &m.Sources[i]
		out.Sources = append(out.Sources, sdl.Source{Name: s.Name, Base: s.Base, Schema: s.Schema})
	}
	return out
}

// Source is one source of schema.yaml.
type Source struct {
	Name    string // in schema.yaml
	Base    string // see naming.Base
	Backend string // the database behind it, for the sources query

	// Schema is nil while the columns are not known: the source then stands in
	// the sources query alone.
	Schema *relation.Schema

	// Feed serves the source's rows; required when Schema is not nil.
	Feed *feed.Feed

	// Status replaces Feed.Status in the sources query, for sources that have
	// no feed yet.
	Status func() feed.Status

	// Anomalies counts the cells that encoders had to write as null; may be nil.
	Anomalies *codec.Anomalies
}

func (s *Source) status() feed.Status {
	switch {
	case s.Status != nil:
		return s.Status()
	case s.Feed != nil:
		return s.Feed.Status()
	default:
		return feed.Status{}
	}
}

// Limits bound what one operation may ask for. A zero field takes its value
// from [DefaultLimits]; a negative one means no limit.
type Limits struct {
	DocumentBytes int // length of the document
	Tokens        int // lexical tokens in it
	Depth         int // nesting: of selections, and of filters and other values
	Fields        int // selected fields, fragments expanded
	FilterSize    int // values, names and operators in the variables and filters of one operation
	QueryRows     int // rows that one query answers, all its fields together
	Cache         int // parsed documents, persisted queries and encoders kept, each
}

// DefaultLimits are generous for people and applications, and small enough
// that no document takes more than a quarter of a second of one core before it
// is known to be valid (BenchmarkValidate).
func DefaultLimits() Limits {
	return Limits{
		DocumentBytes: 128 << 10,
		Tokens:        20_000,
		Depth:         20,
		Fields:        2_000,
		FilterSize:    10_000,
		QueryRows:     100_000,
		Cache:         1_000,
	}
}

// noLimit is large enough, and leaves room to count beyond it.
const noLimit = math.MaxInt / 4

func (l Limits) orDefaults() Limits {
	d := DefaultLimits()
	for _, f := range []struct{ have, preset *int }{
		{&l.DocumentBytes, &d.DocumentBytes},
		{&l.Tokens, &d.Tokens},
		{&l.Depth, &d.Depth},
		{&l.Fields, &d.Fields},
		{&l.FilterSize, &d.FilterSize},
		{&l.QueryRows, &d.QueryRows},
		{&l.Cache, &d.Cache},
	} {
		switch {
		case *f.have == 0:
			*f.have = *f.preset
		case *f.have < 0:
			*f.have = noLimit
		}
	}
	return l
}
