package catalog

import (
	"errors"
	"strings"

	"github.com/tycostream/tycostream/internal/mzsim/eval"
	"github.com/tycostream/tycostream/internal/mzsim/pgerr"
	"github.com/tycostream/tycostream/internal/mzsim/pgval"
	"github.com/tycostream/tycostream/internal/mzsim/settings"
	"github.com/tycostream/tycostream/internal/mzsim/sqlparse"
	"github.com/tycostream/tycostream/internal/mzsim/store"
	"github.com/tycostream/tycostream/internal/relation"
)

// Server is what the catalog tells of the server around it. The functions may
// be called from any goroutine.
type Server struct {
	Version     string
	Environment string
	Clusters    map[string]int // replicas by name
	Sessions    func() []Session
	Cancel      func(pid uint32) bool
}

// Session is a connection, for the system tables.
type Session struct {
	PID       uint32
	Streaming bool
}

// View is the catalog as one session sees it.
type View struct {
	Store    *store.Store
	Server   *Server
	Settings settings.Map
	User     string
	PID      uint32
	Era      pgerr.Era
}

// CheckCluster refuses to run anything on a cluster that is not there or has
// no replicas.
func (v *View) CheckCluster() error {
	name := v.Settings.Get("cluster")
	replicas, ok := v.Server.Clusters[name]
	switch {
	case !ok:
		return pgerr.Errorf("XX000", "unknown cluster '%s'", name)
	case replicas == 0:
		return pgerr.NoReplicas(name)
	}
	return nil
}

// Env connects the evaluator with this session's catalog.
func (v *View) Env(declared []*pgval.Type) *eval.Env {
	return &eval.Env{Table: v.Table, Func: v.function, ParamTypes: declared}
}

// Table finds a relation: in the system schemas, else in the catalog.
func (v *View) Table(name sqlparse.Ident) (*eval.Source, error) {
	if src := v.systemTable(name); src != nil {
		return src, nil
	}
	c, err := v.Collection(name)
	if err != nil {
		return nil, err
	}
	return v.collectionSource(c), nil
}

// Collection resolves a name through database and search path.
func (v *View) Collection(name sqlparse.Ident) (*store.Collection, error) {
	full := store.Name{Database: v.Settings.Get("database"), Name: name[len(name)-1]}
	schemas := v.searchPath()
	if len(name) > 1 {
		schemas = []string{name[len(name)-2]}
	}
	if len(name) > 2 {
		full.Database = name[len(name)-3]
		if !v.HasDatabase(full.Database) {
			return nil, eval.Errorf("unknown database '%s'", full.Database)
		}
	}
	if len(name) == 2 && !v.hasSchema(schemas[0]) {
		return nil, eval.Errorf("unknown schema '%s'", schemas[0])
	}
	for _, schema := range schemas {
		full.Schema = schema
		if c, ok := v.Store.Lookup(full); ok {
			return c, nil
		}
	}
	return nil, eval.Errorf("unknown catalog item '%s'", strings.Join(name, "."))
}

func (v *View) searchPath() []string {
	var path []string
	for p := range strings.SplitSeq(v.Settings.Get("search_path"), ",") {
		path = append(path, strings.Trim(strings.TrimSpace(p), `"`))
	}
	return path
}

// HasDatabase reports whether a database of that name exists.
func (v *View) HasDatabase(name string) bool {
	for _, i := range v.Store.List() {
		if i.Name.Database == name {
			return true
		}
	}
	return name == store.DefaultDatabase
}

func (v *View) hasSchema(name string) bool {
	for _, i := range v.Store.List() {
		if i.Name.Schema == name {
			return true
		}
	}
	return name == store.DefaultSchema
}

// Allowed refuses collections that the session may not read.
func (v *View) Allowed(i store.Info) error {
	if i.Denied {
		return pgerr.Permission(strings.ToUpper(i.Type), i.Name.String(), v.User)
	}
	return nil
}

func relationColumns(c *store.Collection) []eval.Column {
	cols := make([]eval.Column, len(c.Columns()))
	for i, col := range c.Columns() {
		cols[i] = eval.Column{Name: col.Name, Type: col.Type, Nullable: col.Nullable}
	}
	return cols
}

// collectionSource reads a collection at the run's time, a uint64, or now.
func (v *View) collectionSource(c *store.Collection) *eval.Source {
	return &eval.Source{Columns: relationColumns(c), Ref: c, Rows: func(rt *eval.Runtime) ([]eval.Row, error) {
		if err := v.Allowed(v.Store.Info(c)); err != nil {
			return nil, err
		}
		f, err := v.Store.Frontier(c)
		if errors.Is(err, store.ErrDropped) {
			return nil, pgerr.Dropped(v.Era, c.Name(), false)
		}
		if err != nil {
			return nil, err
		}
		at, ok := rt.At.(uint64)
		if !ok {
			at = f.Upper - 1
		}
		counted, err := v.Store.Snapshot(c, at)
		if err != nil {
			return nil, err
		}
		rows := make([]eval.Row, 0, len(counted))
		for _, r := range counted {
			if r.N < 0 {
				return nil, pgerr.Evaluation("Invalid data in source, saw negative accumulation")
			}
			for range r.N {
				rows = append(rows, ToEval(r.Row))
			}
		}
		return rows, nil
	}}
}

// ToEval unpacks a row.
func ToEval(r relation.Row) eval.Row {
	row := make(eval.Row, r.Len())
	for i := range row {
		row[i].Text, row[i].OK = r.Cell(i)
	}
	return row
}

// FromEval packs a row.
func FromEval(b *relation.Builder, r eval.Row) relation.Row {
	for _, c := range r {
		b.AppendCell(c.Text, c.OK)
	}
	return b.Row()
}
