package materialize

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tycostream/tycostream/internal/source"
)

// script is a Materialize of which the test writes every word: each
// connection runs the next part.
type script struct {
	t     *testing.T
	parts chan func(*peer)
	wg    sync.WaitGroup
}

// peer is the server's end of a connection.
type peer struct {
	*pgproto3.Backend
	t      *testing.T
	net    net.Conn
	params map[string]string
}

func newScript(t *testing.T, parts ...func(*peer)) *script {
	t.Helper()
	s := &script{t: t, parts: make(chan func(*peer), len(parts))}
	for _, p := range parts {
		s.parts <- p
	}
	t.Cleanup(func() {
		s.wg.Wait()
		if len(s.parts) > 0 && !t.Failed() {
			t.Errorf("%d connections were not made", len(s.parts))
		}
	})
	return s
}

func (s *script) dial(context.Context, string, string) (net.Conn, error) {
	select {
	case part := <-s.parts:
		client, server := net.Pipe()
		s.wg.Go(func() {
			defer func() { _ = server.Close() }()
			part(&peer{Backend: pgproto3.NewBackend(server, server), t: s.t, net: server})
		})
		return client, nil
	default:
		return nil, errors.New("connection refused")
	}
}

// backend returns a backend that dials the script. mod changes its
// configuration.
func (s *script) backend(mod ...func(*Config)) *Backend {
	s.t.Helper()
	cfg := Config{ConnString: "host=mz.example user=reader password=secret database=materialize sslmode=disable", Dial: s.dial}
	for _, m := range mod {
		m(&cfg)
	}
	b, err := New(cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

func (p *peer) check(err error) {
	if err != nil {
		p.t.Errorf("server: %v", err)
		runtime.Goexit()
	}
}

func (p *peer) send(msgs ...pgproto3.BackendMessage) {
	for _, m := range msgs {
		p.Send(m)
	}
	p.check(p.Flush())
}

// hello reads the start-up message.
func (p *peer) hello() {
	msg, err := p.ReceiveStartupMessage()
	p.check(err)
	start, ok := msg.(*pgproto3.StartupMessage)
	if !ok {
		p.check(fmt.Errorf("got %T", msg))
	}
	p.params = start.Parameters
}

// welcome lets the client in as Materialize does, notices included.
func (p *peer) welcome() {
	p.send(
		&pgproto3.AuthenticationOk{},
		&pgproto3.ParameterStatus{Name: "server_version", Value: "9.5.0"},
		&pgproto3.BackendKeyData{ProcessID: 7, SecretKey: []byte{0, 0, 0, 9}},
		&pgproto3.NoticeResponse{Severity: "NOTICE", Code: "00000", Message: "connected to Materialize v26.16.0\n"},
		&pgproto3.ReadyForQuery{TxStatus: 'I'},
	)
}

// start is hello and welcome.
func (p *peer) start() {
	p.hello()
	p.welcome()
}

// query reads a simple query and returns it.
func (p *peer) query() string {
	msg, err := p.Receive()
	p.check(err)
	q, ok := msg.(*pgproto3.Query)
	if !ok {
		p.check(fmt.Errorf("got %T instead of a query", msg))
	}
	return q.String
}

// expect reads a simple query that must be this one.
func (p *peer) expect(sql string) {
	if got := p.query(); got != sql {
		p.check(fmt.Errorf("query\n%s\nwant\n%s", got, sql))
	}
}

// answer sends rows of text.
func (p *peer) answer(rows ...[]string) {
	for _, r := range rows {
		values := make([][]byte, len(r))
		for i := range r {
			values[i] = []byte(r[i])
		}
		p.Send(&pgproto3.DataRow{Values: values})
	}
	p.send(&pgproto3.CommandComplete{CommandTag: fmt.Appendf(nil, "SELECT %d", len(rows))}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
}

// catalog answers the catalog queries with columns of the form "name type".
func (p *peer) catalog(id string, columns ...string) {
	if got := p.query(); !strings.Contains(got, "mz_object_fully_qualified_names") {
		p.check(fmt.Errorf("not the catalog query: %s", got))
	}
	var rows [][]string
	for _, c := range columns {
		name, sqlType, _ := strings.Cut(c, " ")
		rows = append(rows, []string{name, "t", sqlType, id, "materialized view"})
	}
	p.answer(rows...)
	if len(rows) > 0 {
		p.environment()
	}
}

// environment says which installation this is.
func (p *peer) environment() {
	p.expect("SELECT mz_environment_id()")
	p.answer([]string{"aws-eu-west-1-0-0"})
}

// history says what the object u7 retains, in milliseconds, and the time.
func (p *peer) history(retained, now string) {
	p.expect("SELECT value FROM mz_internal.mz_history_retention_strategies WHERE strategy = 'FOR' AND id = 'u7'")
	p.answer([]string{retained})
	if now != "" {
		p.clock(now)
	}
}

// clock says what time it is.
func (p *peer) clock(now string) {
	p.expect("SELECT mz_now()")
	p.answer([]string{now})
}

// fail sends an error; a FATAL one ends the connection.
func (p *peer) fail(severity, code, message string) {
	p.Send(&pgproto3.ErrorResponse{Severity: severity, Code: code, Message: message})
	if severity == "ERROR" {
		p.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	}
	p.check(p.Flush())
}

// out begins COPY OUT.
func (p *peer) out(columns int) {
	p.send(&pgproto3.CopyOutResponse{ColumnFormatCodes: make([]uint16, columns)})
}

// lines sends lines, one CopyData each; blanks in them stand for tabs.
func (p *peer) lines(lines ...string) {
	for _, l := range lines {
		p.send(&pgproto3.CopyData{Data: []byte(strings.ReplaceAll(l, " ", "\t") + "\n")})
	}
}

// done ends the COPY regularly.
func (p *peer) done() {
	p.send(&pgproto3.CopyDone{}, &pgproto3.CommandComplete{CommandTag: []byte("COPY 1")}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
}

// gone waits until the client has closed the connection, and fails when it
// said anything before.
func (p *peer) gone() {
	if n, err := p.net.Read(make([]byte, 1)); n > 0 || !errors.Is(err, io.EOF) {
		p.t.Errorf("server: client sent %d bytes, %v instead of closing", n, err)
	}
}

// def is a source over view v(id, name).
func def() *source.Definition {
	return &source.Definition{Name: "v", Relation: "v", Key: []string{"id"}}
}

var vColumns = []string{"id integer", "name text"}

const vSubscribe = `COPY (SUBSCRIBE "materialize"."public"."v" WITH (PROGRESS)) TO STDOUT`

// classOf returns the class and text of an error, and fails if it has none.
func classOf(t *testing.T, err error) *source.Error {
	t.Helper()
	e, ok := errors.AsType[*source.Error](err)
	if !ok {
		t.Fatalf("error %v is not classified", err)
	}
	return e
}
