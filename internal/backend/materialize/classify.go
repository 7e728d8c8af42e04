package materialize

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tycostream/tycostream/internal/copytext"
	"github.com/tycostream/tycostream/internal/source"
)

// phase is what was going on when an error came.
type phase uint8

const (
	connecting  phase = iota // dial, TLS, authentication
	describing               // catalog look-up
	subscribing              // a SUBSCRIBE with a snapshot, before its first progress row
	resuming                 // a SUBSCRIBE from a position, before its first progress row
	streaming                // behind the first progress row
)

// rule is one row of the table of known errors. The first that matches counts.
type rule struct {
	code     string // SQLSTATE; empty: any
	contains string // part of the message; empty: any
	class    source.Class
	text     string // for clients: no host, SQL or user
}

// The texts of SQLSTATEs are coarse (mostly XX000, even for a missing object)
// and have changed between versions, so rules go by code and substring.
// Whatever is not listed is retried; see classify.
var rules = []rule{
	// May quote anything, so it comes first.
	{"", "Evaluation error:", source.Slow, "the view fails on its data: correct the view or the data"},

	// The history behind the position is gone, or the position makes no sense.
	{"", "could not find a valid timestamp", source.Compacted, "the history since the last position is gone"},
	{"", "is not valid for all inputs", source.Compacted, "the history since the last position is gone"},
	{"", "(`AS OF`) is greater", source.Compacted, "the last position is not usable"},
	{"", "AS OF or UP TO should be castable", source.Compacted, "the last position is not usable"},

	// Something that we name does not exist, or does no longer.
	{"", "unknown catalog item", source.Slow, "the relation does not exist (yet): create it, or correct `relation` in schema.yaml"},
	{"", "unknown schema", source.Slow, "the relation's schema does not exist (yet): create it, or correct `relation` in schema.yaml"},
	{"", "unknown database", source.Slow, "the relation's database does not exist (yet): create it, or correct `relation` in schema.yaml"},
	{"", "unknown cluster", source.Slow, "the cluster does not exist: correct DATABASE_CLUSTER"},
	{"3D000", "", source.Slow, "the database does not exist: correct DATABASE_NAME"},
	{"42704", "was dropped", source.Slow, "the relation or its cluster was dropped: create it again"},
	{"XX000", "target replica failed or was dropped", source.Retry, "a replica was lost"},
	{"XX000", "was dropped", source.Slow, "the relation or its cluster was dropped: create it again"},
	{"25000", "active cluster has been dropped", source.Retry, "the cluster was dropped: correct DATABASE_CLUSTER"},
	{"", "column \"", source.Config, "a column that the source's query names does not exist"},
	{"42601", "", source.Config, "the source's query is not valid SQL"},
	{"", "cannot be subscribed to because", source.Config, "the relation has no rows to follow: name a table, source or view"},

	// Rights and credentials.
	{"42501", "", source.Config, "permission denied: grant SELECT on the relation, USAGE on its schema and on the cluster"},
	{"28P01", "", source.Config, "the database refused the credentials: correct DATABASE_USER and DATABASE_PASSWORD"},
	{"28000", "authentication expired", source.Retry, "the login expired"},
	{"28000", "", source.Config, "the database refused the role: correct DATABASE_USER"},
	{"08004", "TLS", source.Config, "the database wants TLS: set DATABASE_SSLMODE=require"},
	{"08004", "", source.Retry, "the database does not accept connections at the moment"},
	{"MZ011", "", source.Config, "a network policy of the database denies the session"},
	{"MZ010", "", source.Slow, "the database blocks logins at the moment (maintenance)"},

	// What is being read cannot be read, until somebody changes it.
	{"", "result exceeds max size of", source.Slow, "the snapshot is larger than the database allows: raise max_result_size, or narrow the source with `query`"},
	{"0A000", "no replicas available", source.Slow, "the cluster has no replicas: give it some"},

	// What passes by itself.
	{"0A000", "cached plan", source.Retry, "the relation changed"},
	{"53200", "", source.Retry, "the gateway read too slowly and is reconnecting"},
	{"53000", "max_connections", source.Retry, "the database has too many connections"},
	{"53300", "", source.Retry, "the database has too many connections"},
	{"57014", "", source.Retry, "the subscription was canceled"},
	{"25P03", "", source.Retry, "the session timed out"},
}

// classify says what to do about an error, in all phases. A *source.Error
// passes as it is.
func classify(p phase, err error) *source.Error {
	if e, ok := errors.AsType[*source.Error](err); ok {
		return e
	}
	pg, fromServer := errors.AsType[*pgconn.PgError](err)
	if !fromServer {
		return classifyLocal(p, err)
	}
	detail := fmt.Errorf("%w%s", pg, hints(pg))
	for _, r := range rules {
		if (r.code == "" || r.code == pg.Code) && strings.Contains(pg.Message, r.contains) {
			return settle(p, &source.Error{Class: r.class, Text: r.text, Err: detail})
		}
	}
	// On doubt, forget the position and ask again.
	return settle(p, &source.Error{Class: source.Retry, Text: "the database reported an error (" + pg.Code + ")", Err: detail})
}

// settle adapts a class to the phase.
func settle(p phase, e *source.Error) *source.Error {
	switch {
	case p == describing && e.Class == source.Compacted:
		e.Class = source.Retry
	case p == resuming && e.Class == source.Retry && unknown(e):
		e.Class = source.Compacted
	case p != resuming && e.Class == source.Compacted:
		e.Class = source.Slow // a snapshot without AS OF: its inputs have no time in common
		e.Text = "the relation's inputs cannot be read at one time"
	}
	return e
}

// unknown reports whether no rule matched.
func unknown(e *source.Error) bool {
	return strings.HasPrefix(e.Text, "the database reported an error")
}

// classifyLocal is for errors that no server sent.
func classifyLocal(p phase, err error) *source.Error {
	e := &source.Error{Class: source.Retry, Text: "the connection to the database was lost", Err: err}
	switch _, line := errors.AsType[*copytext.LineError](err); {
	case line:
		e.Text, e.Err = "the database sent what cannot be read", fmt.Errorf("%w: %w", source.ErrMalformed, err)
	case errors.Is(err, source.ErrMalformed):
		e.Text = "the database sent what cannot be read"
	case errors.Is(err, source.ErrStalled):
		e.Text = "the database has gone silent"
	case errors.Is(err, source.ErrChanged):
		e.Text = "the relation changed"
	case strings.Contains(err.Error(), "server refused TLS"):
		e.Class, e.Text = source.Config, "the database offers no TLS: set DATABASE_SSLMODE=disable, or turn TLS on in the database"
	case untrusted(err):
		e.Class, e.Text = source.Config, "the database's certificate cannot be verified: see DATABASE_SSLMODE"
	case p == connecting && errors.Is(err, context.DeadlineExceeded):
		e.Text = "the database does not answer"
	case p == connecting:
		e.Text = "the database cannot be reached"
	}
	return e
}

// untrusted reports whether the server's certificate was refused.
func untrusted(err error) bool {
	_, bad := errors.AsType[*tls.CertificateVerificationError](err)
	return bad
}

// hints appends what the server added to its message.
func hints(pg *pgconn.PgError) string {
	out := ""
	if pg.Detail != "" {
		out += "; detail: " + pg.Detail
	}
	if pg.Hint != "" {
		out += "; hint: " + pg.Hint
	}
	return out
}
