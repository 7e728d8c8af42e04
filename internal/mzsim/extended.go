package mzsim

import (
	"errors"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tycostream/tycostream/internal/mzsim/pgerr"
	"github.com/tycostream/tycostream/internal/mzsim/pgval"
	"github.com/tycostream/tycostream/internal/mzsim/sqlparse"
	"github.com/tycostream/tycostream/internal/mzsim/wire"
)

// extended answers one message of the extended protocol. After an error
// everything up to Sync is skipped.
func (s *session) extended(m pgproto3.FrontendMessage) error {
	if _, ok := m.(*pgproto3.Sync); ok {
		return s.sync()
	}
	err := s.step(m)
	if err == nil {
		return nil
	}
	if errors.Is(err, errGone) {
		return err
	}
	e := pgerr.From(err, "")
	if e.Fatal() {
		return e
	}
	s.fail(e)
	if err := s.flush(); err != nil {
		return err
	}
	return s.skipToSync()
}

func (s *session) sync() error {
	if !s.tx.open {
		s.endTransaction()
	}
	return s.ready()
}

func (s *session) skipToSync() error {
	for {
		select {
		case m := <-s.in:
			if _, ok := m.(*pgproto3.Sync); ok {
				return s.sync()
			}
		case <-s.gone:
			return errGone
		}
	}
}

func (s *session) step(m pgproto3.FrontendMessage) error {
	switch m := m.(type) {
	case *pgproto3.Parse:
		return s.parse(m)
	case *pgproto3.Bind:
		return s.bind(m)
	case *pgproto3.Describe:
		return s.describe(m)
	case *pgproto3.Execute:
		return s.execute(m)
	case *pgproto3.Close:
		if m.ObjectType == 'S' {
			delete(s.prepared, m.Name)
		} else if p := s.portals[m.Name]; p != nil {
			p.close()
			delete(s.portals, m.Name)
		}
		s.send(&pgproto3.CloseComplete{})
		return nil
	}
	return s.flush() // Flush
}

func (s *session) parse(m *pgproto3.Parse) error {
	if m.Name != "" && s.prepared[m.Name] != nil {
		return pgerr.Errorf("42P05", "prepared statement \"%s\" already exists", m.Name)
	}
	stmts, err := sqlparse.Parse(m.Query)
	if err != nil {
		return pgerr.From(err, m.Query)
	}
	var stmt sqlparse.Statement
	switch len(stmts) {
	case 0:
	case 1:
		stmt = stmts[0]
	default:
		return pgerr.Errorf("42601", "cannot insert multiple commands into a prepared statement")
	}
	declared := make([]*pgval.Type, len(m.ParameterOIDs))
	for i, oid := range m.ParameterOIDs {
		if t, ok := pgval.ByOID(oid); ok {
			declared[i] = &t
		}
	}
	prep := &prepared{}
	if stmt != nil {
		if err := s.permitted(stmt); err != nil {
			return err
		}
		if prep, err = s.prepare(stmt, declared); err != nil {
			return err
		}
	}
	s.prepared[m.Name] = prep
	s.send(&pgproto3.ParseComplete{})
	return nil
}

func (s *session) bind(m *pgproto3.Bind) error {
	prep := s.prepared[m.PreparedStatement]
	if prep == nil {
		return pgerr.Errorf("26000", "prepared statement \"%s\" does not exist", m.PreparedStatement)
	}
	params, err := wire.DecodeParams(m, prep.params)
	if err != nil {
		return err
	}
	if old := s.portals[m.DestinationPortal]; old != nil {
		if m.DestinationPortal != "" {
			return pgerr.Errorf("42P03", "portal \"%s\" already exists", m.DestinationPortal)
		}
		old.close()
	}
	s.portals[m.DestinationPortal] = newPortal(s, prep, params, m.ResultFormatCodes)
	s.send(&pgproto3.BindComplete{})
	return nil
}

func (s *session) describe(m *pgproto3.Describe) error {
	var prep *prepared
	var formats []int16
	if m.ObjectType == 'S' {
		if prep = s.prepared[m.Name]; prep == nil {
			return pgerr.Errorf("26000", "prepared statement \"%s\" does not exist", m.Name)
		}
		d := &pgproto3.ParameterDescription{ParameterOIDs: make([]uint32, len(prep.params))}
		for i, t := range prep.params {
			d.ParameterOIDs[i] = t.OID
		}
		s.send(d)
	} else {
		p := s.portals[m.Name]
		if p == nil {
			return pgerr.Errorf("34000", "portal \"%s\" does not exist", m.Name)
		}
		prep, formats = p.prep, p.formats
	}
	if prep.cols == nil {
		s.send(&pgproto3.NoData{})
	} else {
		s.send(wire.RowDescription(prep.cols, formats))
	}
	return nil
}

func (s *session) execute(m *pgproto3.Execute) error {
	p := s.portals[m.Portal]
	if p == nil {
		return pgerr.Errorf("34000", "portal \"%s\" does not exist", m.Portal)
	}
	if p.prep.stmt != nil {
		if err := s.permitted(p.prep.stmt); err != nil {
			return err
		}
	}
	if !s.tx.block() && p.sent == 0 {
		s.forgetKicks()
	}
	return s.run(p, int(m.MaxRows))
}
