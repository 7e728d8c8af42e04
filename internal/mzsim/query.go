package mzsim

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tycostream/tycostream/internal/mzsim/pgerr"
	"github.com/tycostream/tycostream/internal/mzsim/settings"
	"github.com/tycostream/tycostream/internal/mzsim/sqlparse"
)

// handle answers one message. Its error ends the session.
func (s *session) handle(m pgproto3.FrontendMessage) error {
	if err := s.checkIdle(); err != nil {
		return err
	}
	switch m := m.(type) {
	case *pgproto3.Query:
		return s.simple(m.String)
	case *pgproto3.Parse, *pgproto3.Bind, *pgproto3.Describe, *pgproto3.Execute, *pgproto3.Close, *pgproto3.Flush, *pgproto3.Sync:
		return s.extended(m)
	case *pgproto3.CopyData, *pgproto3.CopyDone, *pgproto3.CopyFail:
		return nil // left over from a COPY that failed
	}
	return pgerr.Fatalf("08P01", "unexpected message")
}

// simple answers a Query message.
func (s *session) simple(sql string) error {
	if !s.tx.block() {
		s.forgetKicks()
	}
	err := s.statements(sql)
	if errors.Is(err, errGone) {
		return err
	}
	if s.tx.implicit {
		s.tx.implicit = false
		if !s.tx.open {
			s.endTransaction()
		}
	}
	if err != nil {
		e := pgerr.From(err, sql)
		if e.Fatal() {
			return e
		}
		s.fail(e)
	}
	return s.ready()
}

// fail reports an error and spoils the transaction.
func (s *session) fail(e *Error) {
	s.send(e.Response())
	s.streaming.Store(false)
	if s.tx.open {
		s.tx.failed = true
	}
}

// forgetKicks drops a cancel request that came too late.
func (s *session) forgetKicks() {
	select {
	case e := <-s.kicks:
		if e.Fatal() {
			s.inject(e)
		}
	default:
	}
}

func (s *session) statements(sql string) error {
	stmts, err := sqlparse.Parse(sql)
	if err != nil {
		return err
	}
	if len(stmts) == 0 {
		s.send(&pgproto3.EmptyQueryResponse{})
		return nil
	}
	s.tx.implicit = len(stmts) > 1 && !s.tx.open
	for _, stmt := range stmts {
		if err := s.permitted(stmt); err != nil {
			return err
		}
		prep, err := s.prepare(stmt, nil)
		if err != nil {
			return err
		}
		if len(prep.params) > 0 {
			return pgerr.Errorf("42P02", "there is no parameter $1")
		}
		p := newPortal(s, prep, nil, nil)
		p.describe = true
		err = s.run(p, 0)
		p.close()
		if err != nil {
			return err
		}
	}
	return nil
}

// permitted refuses everything but the end of a failed transaction.
func (s *session) permitted(stmt sqlparse.Statement) error {
	switch stmt.(type) {
	case *sqlparse.Commit, *sqlparse.Rollback:
		return nil
	}
	if s.tx.failed {
		return pgerr.Errorf("25P02", "current transaction is aborted, commands ignored until end of transaction block")
	}
	return nil
}

// run executes a portal; max bounds the rows, 0 does not.
func (s *session) run(p *portal, limit int) error {
	switch st := p.prep.stmt.(type) {
	case nil:
		s.send(&pgproto3.EmptyQueryResponse{})
		return nil
	case *sqlparse.Begin, *sqlparse.Commit, *sqlparse.Rollback:
		s.control(st)
		return nil
	case *sqlparse.Set:
		return s.set(st)
	case *sqlparse.Declare:
		return s.declare(st, p)
	case *sqlparse.Fetch:
		return s.fetch(st, p, limit)
	case *sqlparse.Close:
		return s.closeCursor(st)
	case *sqlparse.Discard:
		if st.What == "all" {
			s.view.Settings.ResetAll()
			clear(s.prepared)
		}
		s.complete("DISCARD " + strings.ToUpper(st.What))
		return nil
	case *sqlparse.Deallocate:
		return s.deallocate(st)
	case *sqlparse.Copy:
		return s.copyOut(st, p)
	}
	return s.rows(p, limit)
}

func (s *session) complete(tag string) {
	s.send(&pgproto3.CommandComplete{CommandTag: []byte(tag)})
}

func (s *session) deallocate(st *sqlparse.Deallocate) error {
	if st.Name == "" {
		clear(s.prepared)
		s.complete("DEALLOCATE ALL")
		return nil
	}
	if s.prepared[st.Name] == nil {
		return pgerr.Errorf("26000", "prepared statement \"%s\" does not exist", st.Name)
	}
	delete(s.prepared, st.Name)
	s.complete("DEALLOCATE")
	return nil
}

func (s *session) set(st *sqlparse.Set) error {
	name := strings.ToLower(st.Name)
	if st.Value == nil {
		if name == "all" {
			s.view.Settings.ResetAll()
			s.complete("RESET")
			return nil
		}
		if err := s.view.Settings.Reset(name); err != nil {
			return err
		}
		s.complete("RESET")
		return nil
	}
	if name == "cluster" && s.tx.open {
		return pgerr.Errorf("25001", "SET cluster cannot be called in an active transaction")
	}
	if err := s.view.Settings.Set(name, *st.Value); err != nil {
		return err
	}
	if _, ok := s.sim.opts.Clusters[*st.Value]; name == "cluster" && !ok {
		s.notice("NOTICE", "MZ007", "cluster \""+*st.Value+"\" does not exist", "")
	}
	if name == "database" && !s.view.HasDatabase(*st.Value) {
		s.notice("NOTICE", "MZ006", "database \""+*st.Value+"\" does not exist", "")
	}
	for _, r := range settings.Reported() {
		if strings.EqualFold(r, name) {
			s.send(&pgproto3.ParameterStatus{Name: r, Value: s.view.Settings.Get(name)})
		}
	}
	s.complete("SET")
	return nil
}
