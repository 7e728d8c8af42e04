package mzsim

import (
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tycostream/tycostream/internal/mzsim/pgerr"
	"github.com/tycostream/tycostream/internal/mzsim/settings"
	"github.com/tycostream/tycostream/internal/mzsim/sqlparse"
)

// transaction is the state of a session's transaction block.
type transaction struct {
	open     bool // BEGIN was said
	implicit bool // inside one simple query of several statements
	failed   bool
	reads    readKind
}

// readKind is what a transaction has read so far.
type readKind uint8

const (
	readNothing   readKind = iota
	readQuery              // SELECT
	readSubscribe          // SUBSCRIBE without AS OF
	readPinned             // SUBSCRIBE with AS OF: goes with everything
)

func (t *transaction) status() byte {
	switch {
	case !t.open:
		return 'I'
	case t.failed:
		return 'E'
	}
	return 'T'
}

// block reports whether statements stand in a transaction block.
func (t *transaction) block() bool { return t.open || t.implicit }

// reading checks that a read may stand in the transaction.
func (t *transaction) reading(kind readKind) error {
	if !t.block() {
		return nil
	}
	switch {
	case kind == readPinned || t.reads == readPinned:
	case t.reads == readSubscribe:
		return pgerr.Errorf("25000", "SUBSCRIBE in transactions must be the only read statement")
	case t.reads == readQuery && kind == readSubscribe:
		return pgerr.Errorf("25006", "transaction in read-only mode")
	}
	if t.reads == readNothing || kind != readPinned {
		t.reads = kind
	}
	return nil
}

// endTransaction closes cursors and portals and forgets the transaction.
func (s *session) endTransaction() {
	for name, c := range s.cursors {
		c.close()
		delete(s.cursors, name)
	}
	for name, p := range s.portals {
		p.close()
		delete(s.portals, name)
	}
	s.tx = transaction{}
	s.streaming.Store(false)
}

// control runs BEGIN, COMMIT and ROLLBACK.
func (s *session) control(stmt sqlparse.Statement) {
	tag := "ROLLBACK"
	switch stmt.(type) {
	case *sqlparse.Begin:
		if s.tx.open {
			s.notice("WARNING", "25001", "there is already a transaction in progress", "")
		}
		s.tx.open = true
		s.send(&pgproto3.CommandComplete{CommandTag: []byte("BEGIN")})
		return
	case *sqlparse.Commit:
		if !s.tx.failed {
			tag = "COMMIT"
		}
	}
	if !s.tx.open {
		s.notice("WARNING", "25P01", "there is no transaction in progress", "")
	}
	implicit := s.tx.implicit
	s.endTransaction()
	s.tx.implicit = implicit
	s.send(&pgproto3.CommandComplete{CommandTag: []byte(tag)})
}

// checkIdle ends sessions that left a transaction open for too long. The
// client learns it with its next message.
func (s *session) checkIdle() error {
	limit, err := settings.ParseTimeout(s.view.Settings.Get("idle_in_transaction_session_timeout"))
	if err == nil && limit > 0 && s.tx.open && time.Since(s.idleFrom) >= limit {
		return pgerr.Idle()
	}
	return nil // a value that cannot be read was refused by SET
}
