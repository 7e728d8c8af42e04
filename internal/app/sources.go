package app

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tycostream/tycostream/graph"
	"github.com/tycostream/tycostream/internal/catalog"
	"github.com/tycostream/tycostream/internal/codec"
	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/naming"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/server"
	"github.com/tycostream/tycostream/internal/source"
	"github.com/tycostream/tycostream/internal/transport"
)

// entry is one source while the gateway runs. It is immutable: a source whose
// columns become known is replaced.
type entry struct {
	def       *source.Definition
	schema    *relation.Schema // nil while the columns are not known
	feed      *feed.Feed       // nil with schema
	meter     *meter           // the feed as its source writes to it; nil with schema
	anomalies *codec.Anomalies // nil with schema
}

// sources are all sources and the GraphQL schema over them.
type sources struct {
	o          *Options
	triggers   *triggers
	executor   atomic.Pointer[graph.Executor]
	supervisor atomic.Pointer[source.Supervisor]
	list       atomic.Pointer[[]entry]

	mu      sync.Mutex // guards what follows, and serializes changes of executor and list
	backend string
	reason  string // why sources without a feed are not there
	closed  bool
}

func newSources(o *Options, t *triggers) (*sources, error) {
	s := &sources{o: o, triggers: t}
	if s.backend = o.Config.Database.Engine; s.backend == "auto" {
		s.backend = ""
	}
	var list []entry
	for _, def := range o.Schema.Sources {
		e := entry{def: def}
		if schema, declared := def.Declared(); declared {
			e = s.open(def, schema)
		}
		list = append(list, e)
	}
	s.list.Store(&list)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.rebuildLocked(list); err != nil {
		s.closeLocked()
		return nil, err
	}
	for i := range list {
		if list[i].feed != nil {
			t.attach(&list[i])
		}
	}
	return s, nil
}

func (s *sources) open(def *source.Definition, schema *relation.Schema) entry {
	c := s.o.Config
	f := feed.New(schema, feed.Config{
		RingBytes: c.RingBytes, RingTotal: c.RingTotal, RingChunks: c.RingChunks,
		UndoAge: c.UndoAge, UndoBytes: c.UndoBytes,
		Heartbeat: c.Heartbeat, QueryWait: c.QueryWait,
	})
	return entry{def: def, schema: schema, feed: f, meter: &meter{Feed: f}, anomalies: codec.NewAnomalies(schema)}
}

func (s *sources) all() []entry { return *s.list.Load() }

func (s *sources) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeLocked()
}

func (s *sources) closeLocked() {
	s.closed = true
	for _, e := range s.all() {
		if e.feed != nil {
			e.feed.Close()
		}
	}
}

// rebuildLocked makes a GraphQL schema of list, and lets new operations use it.
func (s *sources) rebuildLocked(list []entry) error {
	limits := s.o.Config.Limits
	m := graph.Model{
		CamelCase: s.o.Schema.CamelCase, StringScalars: s.o.Schema.StringScalars, Log: s.o.Log,
		Triggers: s.triggers.backend(),
		Limits: graph.Limits{
			DocumentBytes: limits.DocumentBytes, Depth: limits.Depth, Fields: limits.Fields,
			FilterSize: limits.FilterSize, QueryRows: limits.QueryRows,
		},
	}
	for _, e := range list {
		g := graph.Source{
			Name: e.def.Name, Base: e.def.Base, Backend: s.backend,
			Schema: e.schema, Feed: e.feed, Anomalies: e.anomalies,
		}
		if e.feed == nil {
			g.Status = func() feed.Status { return s.unseen(e.def.Name) }
		}
		m.Sources = append(m.Sources, g)
	}
	x, err := graph.New(m)
	if err != nil {
		return err
	}
	s.list.Store(&list)
	s.executor.Store(x)
	return nil
}

// recognized notes which database answers.
func (s *sources) recognized(backend string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reason = ""
	if s.backend == backend {
		return nil
	}
	s.backend = backend
	return s.rebuildLocked(s.all())
}

// found takes the columns of a source that declares none, the first time that
// its relation is seen. It is the supervisor's OnSchema.
func (s *sources) found(def *source.Definition, schema *relation.Schema) (source.Feed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, &source.Error{Class: source.Retry, Text: "the gateway is shutting down"}
	}
	list := slices.Clone(s.all())
	i := slices.IndexFunc(list, func(e entry) bool { return e.def == def })
	list[i] = s.open(def, schema)
	if err := s.checkNames(list); err != nil {
		list[i].feed.Close()
		return nil, err
	}
	if err := s.rebuildLocked(list); err != nil {
		list[i].feed.Close()
		return nil, &source.Error{Class: source.Config, Text: "its columns do not make a GraphQL schema", Err: err}
	}
	s.triggers.attach(&list[i])
	s.o.Log.Info("source joined the schema", "source", def.Name, "columns", len(schema.Columns))
	return list[i].meter, nil
}

// checkNames says which names of the sources that are known cannot stand.
func (s *sources) checkNames(list []entry) error {
	var enums []naming.Enum
	for _, e := range s.o.Schema.Enums {
		enums = append(enums, naming.Enum{Name: e.Name, Values: e.Values})
	}
	var named []naming.Source
	for _, e := range list {
		n := naming.Source{Name: e.def.Name, Base: e.def.Base}
		if e.schema != nil {
			for _, c := range e.schema.Columns {
				n.Columns = append(n.Columns, naming.Column{Name: c.Name, Field: c.Field})
			}
		}
		named = append(named, n)
	}
	for _, p := range naming.Check(s.o.Schema.CamelCase, enums, named) {
		return &source.Error{Class: source.Config, Text: p.Error()}
	}
	return nil
}

// inputs are the sources as the supervisor takes them.
func (s *sources) inputs() []source.Source {
	var out []source.Source
	for _, e := range s.all() {
		in := source.Source{Def: e.def}
		if e.meter != nil {
			in.Feed = e.meter
		}
		out = append(out, in)
	}
	return out
}

// waiting and fail tell readers why nothing follows the database.
func (s *sources) waiting(reason string) { s.setAll(feed.Starting, reason) }

func (s *sources) fail(reason string) { s.setAll(feed.Failed, reason) }

func (s *sources) setAll(state feed.State, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reason = reason
	for _, e := range s.all() {
		if e.feed != nil {
			e.feed.SetState(state, reason)
		}
	}
}

// supervised returns what the supervisor knows of each source, by name.
func (s *sources) supervised() map[string]source.Stats {
	out := map[string]source.Stats{}
	if sup := s.supervisor.Load(); sup != nil {
		for _, st := range sup.Stats() {
			out[st.Source] = st
		}
	}
	return out
}

// unseen is the state of a source that has no feed yet.
func (s *sources) unseen(name string) feed.Status {
	if st, ok := s.supervised()[name]; ok {
		return feed.Status{State: st.State, Error: st.Reason}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return feed.Status{State: feed.Starting, Error: s.reason}
}

func (s *sources) status(e *entry) feed.Status {
	if e.feed == nil {
		return s.unseen(e.def.Name)
	}
	return e.feed.Status()
}

// relay are the sources as /stream and row channels serve them.
func (s *sources) relay() []transport.RelaySource {
	var out []transport.RelaySource
	for _, e := range s.all() {
		out = append(out, transport.RelaySource{
			Name: e.def.Name, Field: naming.For(e.def.Base, s.o.Schema.CamelCase).Rows, Table: catalog.TableName(e.def),
			Schema: e.schema, Feed: e.feed, StringScalars: s.o.Schema.StringScalars, Anomalies: e.anomalies,
		})
	}
	return out
}

// Readiness implements server.Readiness: ready once every required source has
// been live, and from then on, unless READY_MAX_STALENESS asks for more.
func (s *sources) Readiness() server.Ready {
	oldest := s.o.Config.ReadyMaxStaleness
	out := server.Ready{Ready: true}
	supervised := s.supervised()
	for _, e := range s.all() {
		st := s.status(&e)
		lived := supervised[e.def.Name].Lives > 0
		stale := oldest > 0 && lag(st.Frontier) > oldest.Seconds()
		if st.State == feed.Live && !stale {
			continue
		}
		p := server.Problem{Source: e.def.Name, State: st.State.String(), Reason: st.Error, Required: e.def.Required}
		if stale {
			p.Reason = cmp.Or(p.Reason, "its rows are older than READY_MAX_STALENESS")
		}
		out.Problems = append(out.Problems, p)
		if !e.def.Required {
			continue
		}
		out.Degraded = out.Degraded || lived
		out.Ready = out.Ready && lived && !stale
	}
	return out
}

// lag is the age of a frontier in seconds.
func lag(f relation.Frontier) float64 {
	if f.Wall == 0 {
		return 0
	}
	return time.Since(time.UnixMicro(f.Wall)).Seconds()
}

var _ server.Readiness = (*sources)(nil)
