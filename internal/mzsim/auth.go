package mzsim

import (
	"crypto/subtle"
	"errors"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tycostream/tycostream/internal/mzsim/pgerr"
	"github.com/tycostream/tycostream/internal/mzsim/scram"
)

func (s *session) authenticate() error {
	switch s.sim.opts.Auth {
	case AuthCleartext:
		return s.cleartext()
	case AuthSCRAM:
		return s.scram()
	case AuthNone:
	}
	return nil
}

func (s *session) cleartext() error {
	s.send(&pgproto3.AuthenticationCleartextPassword{})
	if err := s.flush(); err != nil {
		return err
	}
	m, err := s.authMessage(pgproto3.AuthTypeCleartextPassword)
	if err != nil {
		return err
	}
	p, ok := m.(*pgproto3.PasswordMessage)
	want, known := s.sim.opts.Users[s.user]
	if !ok || !known || subtle.ConstantTimeCompare([]byte(p.Password), []byte(want)) != 1 {
		return pgerr.Password()
	}
	return nil
}

func (s *session) authMessage(kind uint32) (pgproto3.FrontendMessage, error) {
	if err := s.be.SetAuthType(kind); err != nil {
		return nil, err
	}
	m, err := s.be.Receive()
	if err != nil {
		return nil, errGone
	}
	return m, nil
}

func (s *session) scram() error {
	s.send(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{scram.Mechanism}})
	if err := s.flush(); err != nil {
		return err
	}
	m, err := s.authMessage(pgproto3.AuthTypeSASL)
	if err != nil {
		return err
	}
	first, ok := m.(*pgproto3.SASLInitialResponse)
	if !ok || first.AuthMechanism != scram.Mechanism {
		return pgerr.Fatalf("28000", "unsupported SASL mechanism")
	}
	var server scram.Server
	answer, err := server.First(first.Data)
	if err != nil {
		return pgerr.Fatalf("08P01", "%s", err)
	}
	s.send(&pgproto3.AuthenticationSASLContinue{Data: answer})
	if err := s.flush(); err != nil {
		return err
	}
	if m, err = s.authMessage(pgproto3.AuthTypeSASLContinue); err != nil {
		return err
	}
	final, ok := m.(*pgproto3.SASLResponse)
	if !ok {
		return pgerr.Fatalf("08P01", "expected SASLResponse")
	}
	password, known := s.sim.opts.Users[s.user]
	answer, err = server.Final(final.Data, password)
	switch {
	case errors.Is(err, scram.ErrMalformed):
		return pgerr.Fatalf("08P01", "%s", err)
	case err != nil || !known:
		return pgerr.Password()
	}
	s.send(&pgproto3.AuthenticationSASLFinal{Data: answer})
	return nil
}
