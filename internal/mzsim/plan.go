package mzsim

import (
	"errors"
	"strconv"
	"strings"

	"github.com/tycostream/tycostream/internal/mzsim/eval"
	"github.com/tycostream/tycostream/internal/mzsim/pgval"
	"github.com/tycostream/tycostream/internal/mzsim/sqlparse"
	"github.com/tycostream/tycostream/internal/mzsim/store"
	"github.com/tycostream/tycostream/internal/relation"
)

// prepared is a statement with everything known before it runs.
type prepared struct {
	stmt   sqlparse.Statement // nil: empty
	params []pgval.Type
	cols   []eval.Column  // of the result; nil: none
	query  *eval.Plan     // of a Select, Show or COPY of a query
	sub    *subscribePlan // of a Subscribe or COPY of one
}

// prepare plans a statement.
func (s *session) prepare(stmt sqlparse.Statement, declared []*pgval.Type) (*prepared, error) {
	p := &prepared{stmt: stmt}
	pl := eval.New(s.env(declared))
	var err error
	switch st := stmt.(type) {
	case *sqlparse.Select:
		if p.query, err = pl.Query(st.Query); err == nil {
			p.cols = p.query.Columns
		}
	case *sqlparse.Subscribe:
		if p.sub, err = s.planSubscribe(pl, st); err == nil {
			p.cols = p.sub.output()
		}
	case *sqlparse.Copy:
		err = s.planCopy(p, pl, st)
	case *sqlparse.Declare:
		// Names and types are checked now, though nothing is read.
		var inner *prepared
		if inner, err = s.prepare(st.Stmt, declared); err == nil {
			p.query, p.sub = inner.query, inner.sub
		}
	case *sqlparse.Fetch:
		if c := s.cursors[st.Name]; c != nil {
			p.cols = c.prep.resultColumns()
		}
	case *sqlparse.Show, *sqlparse.ShowColumns, *sqlparse.ShowObjects, *sqlparse.ShowCreate:
		if p.query, err = s.planShow(st); err == nil {
			p.cols = p.query.Columns
		}
	}
	if err != nil {
		return nil, err
	}
	p.params = pl.Params()
	return p, nil
}

// resultColumns are the columns of a declared cursor's rows.
func (p *prepared) resultColumns() []eval.Column {
	if p.sub != nil {
		return p.sub.output()
	}
	if p.query != nil {
		return p.query.Columns
	}
	return nil
}

func (s *session) planCopy(p *prepared, pl *eval.Planner, st *sqlparse.Copy) error {
	for name, value := range st.Options {
		switch {
		case name != "format":
			return errorf("0A000", "COPY TO does not support %s option yet", strings.ToUpper(name))
		case strings.EqualFold(value, "binary"):
			return errorf("0A000", "COPY TO STDOUT in binary is not supported by this stand-in")
		case !strings.EqualFold(value, "text") && !strings.EqualFold(value, "csv"):
			return errorf("XX000", "unknown FORMAT: %s", value)
		}
	}
	var err error
	if st.Subscribe != nil {
		p.sub, err = s.planSubscribe(pl, st.Subscribe)
	} else {
		p.query, err = pl.Query(st.Query)
	}
	if err == nil && len(pl.Params()) > 0 {
		err = errorf("42P02", "there is no parameter $1")
	}
	return err
}

// env connects the evaluator with this session's catalog.
func (s *session) env(declared []*pgval.Type) *eval.Env {
	return &eval.Env{Table: s.table, Func: s.function, ParamTypes: declared}
}

// table finds a relation: in the system schemas, else in the catalog.
func (s *session) table(name sqlparse.Ident) (*eval.Source, error) {
	if src := s.systemTable(name); src != nil {
		return src, nil
	}
	c, err := s.collection(name)
	if err != nil {
		return nil, err
	}
	return s.collectionSource(c), nil
}

// collection resolves a name through database and search path.
func (s *session) collection(name sqlparse.Ident) (*store.Collection, error) {
	full := store.Name{Database: s.settings.get("database"), Name: name[len(name)-1]}
	schemas := s.searchPath()
	if len(name) > 1 {
		schemas = []string{name[len(name)-2]}
	}
	if len(name) > 2 {
		full.Database = name[len(name)-3]
		if !s.sim.hasDatabase(full.Database) {
			return nil, eval.Errorf("unknown database '%s'", full.Database)
		}
	}
	if len(name) == 2 && !s.sim.hasSchema(schemas[0]) {
		return nil, eval.Errorf("unknown schema '%s'", schemas[0])
	}
	for _, schema := range schemas {
		full.Schema = schema
		if c, ok := s.sim.Lookup(full); ok {
			return c, nil
		}
	}
	return nil, eval.Errorf("unknown catalog item '%s'", strings.Join(name, "."))
}

func (s *session) searchPath() []string {
	var path []string
	for p := range strings.SplitSeq(s.settings.get("search_path"), ",") {
		path = append(path, strings.Trim(strings.TrimSpace(p), `"`))
	}
	return path
}

func (s *Sim) hasDatabase(name string) bool {
	for _, i := range s.List() {
		if i.Name.Database == name {
			return true
		}
	}
	return name == store.DefaultDatabase
}

func (s *Sim) hasSchema(name string) bool {
	for _, i := range s.List() {
		if i.Name.Schema == name {
			return true
		}
	}
	return name == store.DefaultSchema
}

// allowed refuses collections that the session may not read.
func (s *session) allowed(i store.Info) error {
	if i.Denied {
		return ErrPermission(strings.ToUpper(i.Type), i.Name.String(), s.user)
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
func (s *session) collectionSource(c *store.Collection) *eval.Source {
	return &eval.Source{Columns: relationColumns(c), Ref: c, Rows: func(rt *eval.Runtime) ([]eval.Row, error) {
		if err := s.allowed(s.sim.Info(c)); err != nil {
			return nil, err
		}
		f, err := s.sim.Frontier(c)
		if errors.Is(err, store.ErrDropped) {
			return nil, errDropped(s.sim.opts.Era, c.Name(), false)
		}
		if err != nil {
			return nil, err
		}
		at, ok := rt.At.(uint64)
		if !ok {
			at = f.Upper - 1
		}
		counted, err := s.sim.Snapshot(c, at)
		if err != nil {
			return nil, err
		}
		rows := make([]eval.Row, 0, len(counted))
		for _, r := range counted {
			if r.N < 0 {
				return nil, ErrEvaluation("Invalid data in source, saw negative accumulation")
			}
			for range r.N {
				rows = append(rows, toEval(r.Row))
			}
		}
		return rows, nil
	}}
}

// toEval unpacks a row.
func toEval(r relation.Row) eval.Row {
	row := make(eval.Row, r.Len())
	for i := range row {
		row[i].Text, row[i].OK = r.Cell(i)
	}
	return row
}

// fromEval packs a row.
func fromEval(b *relation.Builder, r eval.Row) relation.Row {
	for _, c := range r {
		b.AppendCell(c.Text, c.OK)
	}
	return b.Row()
}

// function returns the functions that know the session.
func (s *session) function(name string) *eval.Function {
	text := func(v func() string) *eval.Function {
		return &eval.Function{Type: pgval.Must("text"), Call: func([]eval.Cell) (eval.Cell, error) { return eval.Of(v()), nil }}
	}
	switch name {
	case "mz_version":
		return text(func() string { return s.sim.opts.Version })
	case "version":
		return text(func() string { return "PostgreSQL 9.5 on stand-in (Materialize " + s.sim.opts.Version + ")" })
	case "current_database", "current_catalog":
		return text(func() string { return s.settings.get("database") })
	case "current_schema":
		return text(func() string { return s.searchPath()[0] })
	case "current_user", "session_user", "user", "current_role":
		return text(func() string { return s.user })
	case "mz_environment_id":
		return text(func() string { return "stand-in-00000000-0000-0000-0000-000000000000-0" })
	case "pg_backend_pid":
		f := text(func() string { return strconv.FormatUint(uint64(s.pid), 10) })
		f.Type = pgval.Must("integer")
		return f
	case "now", "current_timestamp":
		f := text(func() string { return pgval.FormatTime(now()) })
		f.Type = pgval.Must("timestamptz")
		return f
	case "mz_now":
		f := text(func() string { return strconv.FormatUint(s.sim.Upper(), 10) })
		f.Type = pgval.Must("mz_timestamp")
		return f
	case "pg_cancel_backend":
		return &eval.Function{Type: pgval.Must("boolean"), Call: s.cancelBackend}
	case "has_table_privilege", "has_schema_privilege", "has_cluster_privilege", "has_database_privilege", "pg_table_is_visible":
		return &eval.Function{Type: pgval.Must("boolean"), Call: s.hasPrivilege}
	}
	return nil
}

func (s *session) cancelBackend(args []eval.Cell) (eval.Cell, error) {
	if len(args) != 1 {
		return eval.Cell{}, eval.Errorf("function pg_cancel_backend does not exist")
	}
	pid, err := strconv.ParseUint(args[0].Text, 10, 32)
	if err != nil {
		return eval.Bool(false), nil //nolint:nilerr // no such backend
	}
	target := s.sim.session(uint32(pid))
	return eval.Bool(target != nil && target.inject(errCanceled())), nil
}

// hasPrivilege looks for a refused collection among the arguments.
func (s *session) hasPrivilege(args []eval.Cell) (eval.Cell, error) {
	for _, i := range s.sim.List() {
		for _, a := range args {
			if i.Denied && (a.Text == i.Name.Name || a.Text == i.Name.String() || a.Text == i.Name.Schema+"."+i.Name.Name) {
				return eval.Bool(false), nil
			}
		}
	}
	return eval.Bool(true), nil
}
