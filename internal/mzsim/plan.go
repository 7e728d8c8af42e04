package mzsim

import (
	"strings"

	"github.com/tycostream/tycostream/internal/mzsim/eval"
	"github.com/tycostream/tycostream/internal/mzsim/pgerr"
	"github.com/tycostream/tycostream/internal/mzsim/pgval"
	"github.com/tycostream/tycostream/internal/mzsim/sqlparse"
	"github.com/tycostream/tycostream/internal/mzsim/subscribe"
)

// prepared is a statement with everything known before it runs.
type prepared struct {
	stmt   sqlparse.Statement // nil: empty
	params []pgval.Type
	cols   []eval.Column   // of the result; nil: none
	query  *eval.Plan      // of a Select, Show or COPY of a query
	sub    *subscribe.Plan // of a Subscribe or COPY of one
}

// prepare plans a statement.
func (s *session) prepare(stmt sqlparse.Statement, declared []*pgval.Type) (*prepared, error) {
	p := &prepared{stmt: stmt}
	pl := eval.New(s.view.Env(declared))
	var err error
	switch st := stmt.(type) {
	case *sqlparse.Select:
		if p.query, err = pl.Query(st.Query); err == nil {
			p.cols = p.query.Columns
		}
	case *sqlparse.Subscribe:
		if p.sub, err = subscribe.Prepare(s.view, pl, st); err == nil {
			p.cols = p.sub.Output()
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
		if p.query, err = s.view.Show(st); err == nil {
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
		return p.sub.Output()
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
			return pgerr.Errorf("0A000", "COPY TO does not support %s option yet", strings.ToUpper(name))
		case strings.EqualFold(value, "binary"):
			return pgerr.Errorf("0A000", "COPY TO STDOUT in binary is not supported by this stand-in")
		case !strings.EqualFold(value, "text") && !strings.EqualFold(value, "csv"):
			return pgerr.Errorf("XX000", "unknown FORMAT: %s", value)
		}
	}
	var err error
	if st.Subscribe != nil {
		p.sub, err = subscribe.Prepare(s.view, pl, st.Subscribe)
	} else {
		p.query, err = pl.Query(st.Query)
	}
	if err == nil && len(pl.Params()) > 0 {
		err = pgerr.Errorf("42P02", "there is no parameter $1")
	}
	return err
}
