package mzsim

import (
	"crypto/tls"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tycostream/tycostream/internal/mzsim/catalog"
	"github.com/tycostream/tycostream/internal/mzsim/pgerr"
	"github.com/tycostream/tycostream/internal/mzsim/settings"
)

// startup takes a connection to its first ReadyForQuery.
func (s *session) startup() error {
	secure := false
	for {
		m, err := s.be.ReceiveStartupMessage()
		if err != nil {
			return errGone
		}
		switch m := m.(type) {
		case *pgproto3.SSLRequest:
			if err := s.negotiate(secure); err != nil {
				return err
			}
			secure = secure || s.sim.opts.TLS != nil
		case *pgproto3.GSSEncRequest:
			if _, err := s.conn.Write([]byte{'N'}); err != nil {
				return errGone
			}
		case *pgproto3.CancelRequest:
			s.sim.cancel(m.ProcessID, string(m.SecretKey))
			return errGone
		case *pgproto3.StartupMessage:
			return s.login(m, secure)
		}
	}
}

func (s *session) negotiate(secure bool) error {
	if s.sim.opts.TLS == nil || secure {
		if _, err := s.conn.Write([]byte{'N'}); err != nil {
			return errGone
		}
		return nil
	}
	if _, err := s.conn.Write([]byte{'S'}); err != nil {
		return errGone
	}
	t := tls.Server(s.raw, s.sim.opts.TLS)
	if err := t.Handshake(); err != nil { //nolint:noctx // the connection is closed when the Sim is
		return errGone
	}
	s.setConn(t)
	return nil
}

func (s *session) login(m *pgproto3.StartupMessage, secure bool) error {
	if m.ProtocolVersion != pgproto3.ProtocolVersion30 {
		return pgerr.Fatalf("08004", "server does not support the client's requested protocol version")
	}
	if s.sim.opts.RequireTLS && !secure {
		return pgerr.TLSRequired()
	}
	if err := s.sim.faults.next(AtConnect); err != nil {
		return err
	}
	s.user = m.Parameters["user"]
	switch s.user {
	case "":
		return pgerr.Fatalf("28000", "no PostgreSQL user name specified in startup packet")
	case "mz_system", "mz_support":
		return pgerr.Fatalf("42501", "unauthorized login to user '%s'", s.user)
	}
	if limit, n := s.sim.opts.MaxConnections, s.sim.Sessions(); limit > 0 && n > limit {
		return pgerr.TooMany(limit, n-1)
	}
	if err := s.authenticate(); err != nil {
		return err
	}
	s.send(&pgproto3.AuthenticationOk{})
	s.view = &catalog.View{
		Store: s.sim.Store, Server: s.sim.server(), Settings: settings.New(), User: s.user, PID: s.pid, Era: s.sim.opts.Era,
	}
	problems := s.startupSettings(m.Parameters)
	for _, name := range settings.Reported() {
		s.send(&pgproto3.ParameterStatus{Name: name, Value: s.view.Settings.Get(strings.ToLower(name))})
	}
	s.send(&pgproto3.BackendKeyData{ProcessID: s.pid, SecretKey: []byte(s.secret)})
	for _, p := range problems {
		s.notice("NOTICE", "00000", p, "")
	}
	if s.view.Settings.Get("welcome_message") == "on" {
		s.notice("NOTICE", "00000", s.welcome(), "")
	}
	return s.ready()
}

func (s *session) welcome() string {
	return fmt.Sprintf("connected to the Materialize stand-in of tycostream\n  User: %s\n  Cluster: %s\n  Database: %s\n  Session ID: %d\n",
		s.user, s.view.Settings.Get("cluster"), s.view.Settings.Get("database"), s.pid)
}

// startupSettings applies the parameters of the startup message and returns
// what could not be set.
func (s *session) startupSettings(params map[string]string) []string {
	var problems []string
	set := func(name, value string) {
		if err := s.view.Settings.Set(name, value); err != nil {
			problems = append(problems, fmt.Sprintf("startup setting %s not set: %s", name, err))
		}
	}
	for name, value := range params {
		switch name {
		case "user", "replication":
		case "options":
			for _, o := range startupOptions(value) {
				set(o[0], o[1])
			}
		default:
			set(name, value)
		}
	}
	return problems
}

// startupOptions reads "--name=value -c name=value", in which a backslash
// escapes a blank.
func startupOptions(text string) [][2]string {
	var words []string
	var word strings.Builder
	inWord := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text):
			i++
			word.WriteByte(text[i])
			inWord = true
		case c == ' ':
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	var options [][2]string
	for i := 0; i < len(words); i++ {
		w := words[i]
		switch {
		case w == "-c" && i+1 < len(words):
			i++
			w = words[i]
		case strings.HasPrefix(w, "--"):
			w = w[2:]
		case strings.HasPrefix(w, "-c"):
			w = w[2:]
		}
		name, value, _ := strings.Cut(w, "=")
		options = append(options, [2]string{strings.ReplaceAll(name, "-", "_"), value})
	}
	return options
}
