package pgerr

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tycostream/tycostream/internal/mzsim/eval"
	"github.com/tycostream/tycostream/internal/mzsim/sqlparse"
	"github.com/tycostream/tycostream/internal/mzsim/store"
)

// Error is an ErrorResponse. A FATAL one closes the connection.
type Error struct {
	Severity string // empty: ERROR
	Code     string
	Message  string
	Detail   string
	Hint     string
	Position int32
}

func (e *Error) Error() string { return e.Message + " (" + e.Code + ")" }

// Fatal reports whether the error ends the connection.
func (e *Error) Fatal() bool { return e.Severity == "FATAL" }

// Response is the message for the client.
func (e *Error) Response() *pgproto3.ErrorResponse {
	severity := e.Severity
	if severity == "" {
		severity = "ERROR"
	}
	return &pgproto3.ErrorResponse{Severity: severity, Code: e.Code, Message: e.Message, Detail: e.Detail, Hint: e.Hint, Position: e.Position}
}

// Era chooses among the texts that Materialize used over time.
type Era uint8

// The eras of the "dropped" and "compacted" errors.
const (
	EraNewest Era = iota // 42704 "relation 'd.s.t' was dropped"
	EraMiddle            // 42704 for COPY only, else "query could not complete because relation ..."
	EraOld               // "subscribe has been terminated because underlying relation ..."
)

// Errorf makes an ERROR.
func Errorf(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Fatalf makes a FATAL error.
func Fatalf(code, format string, args ...any) *Error {
	return &Error{Severity: "FATAL", Code: code, Message: fmt.Sprintf(format, args...)}
}

// Evaluation is the error of poisoned data, "division by zero" for example.
func Evaluation(text string) *Error { return Errorf("XX000", "Evaluation error: %s", text) }

// FellBehind is the end of a client that reads too slowly.
func FellBehind(bytes, budget int64) *Error {
	return Errorf("53200", "SUBSCRIBE fell behind: the client did not read results fast enough, so its backlog reached %d bytes, exceeding the %d byte budget", bytes, budget)
}

// ResultSize is a snapshot over max_result_size, written like "1.0 MiB".
func ResultSize(size string) *Error {
	return Errorf("XX000", "total result exceeds max size of %s", size)
}

// Replica is the loss of a pinned replica.
func Replica() *Error { return Errorf("XX000", "target replica failed or was dropped") }

// NoReplicas is a cluster scaled to zero.
func NoReplicas(cluster string) *Error {
	return &Error{
		Code: "0A000", Message: fmt.Sprintf("CLUSTER \"%s\" has no replicas available to service request", cluster),
		Hint: "Use CREATE CLUSTER REPLICA to attach cluster replicas to the cluster",
	}
}

// PlanChanged is a prepared statement after DDL.
func PlanChanged() *Error { return Errorf("0A000", "cached plan must not change result type") }

// ClusterGone is a cluster dropped in a transaction.
func ClusterGone() *Error {
	return Errorf("25000", "the transaction's active cluster has been dropped")
}

// Permission is missing SELECT on an object, of type "VIEW" for example.
func Permission(objectType, name, role string) *Error {
	return &Error{
		Code: "42501", Message: fmt.Sprintf("permission denied for %s \"%s\"", objectType, name),
		Detail: fmt.Sprintf("The '%s' role needs SELECT privileges on %s \"%s\"", role, objectType, name),
	}
}

// Password is a wrong password.
func Password() *Error { return Fatalf("28P01", "invalid password") }

// Expired is a credential that ran out, perhaps in the middle of a stream.
func Expired() *Error { return Fatalf("28000", "authentication expired") }

// TooMany is a server at its connection limit.
func TooMany(limit, current int) *Error {
	return Fatalf("53000", "creating connection would violate max_connections limit (desired: %d, limit: %d, current: %d)", current+1, limit, current)
}

// TLSRequired refuses clients without TLS.
func TLSRequired() *Error { return Fatalf("08004", "TLS encryption is required") }

// Unavailable is what a balancer answers while its backend restarts.
func Unavailable() *Error { return Fatalf("08004", "backend unavailable") }

// LoginBlocked is maintenance.
func LoginBlocked() *Error { return Fatalf("MZ010", "login blocked") }

// SessionDenied is a network policy.
func SessionDenied() *Error { return Fatalf("MZ011", "session denied") }

// Canceled is the answer to a cancel request.
func Canceled() *Error { return Errorf("57014", "canceling statement due to user request") }

// Idle is a transaction that was left open for too long.
func Idle() *Error {
	return Fatalf("25P03", "terminating connection due to idle-in-transaction timeout")
}

// Dropped is the end of a stream whose relation is gone, in the words of the era.
func Dropped(era Era, name store.Name, copying bool) *Error {
	switch {
	case era == EraOld:
		return Errorf("XX000", "subscribe has been terminated because underlying relation \"%s\" was dropped", name)
	case era == EraMiddle && !copying:
		return Errorf("XX000", "query could not complete because relation \"%s\" was dropped", name)
	}
	return Errorf("42704", "relation '%s' was dropped", name)
}

// Compacted is an AS OF below the read frontier.
func Compacted(era Era, asOf, since uint64, id string) *Error {
	if era != EraNewest {
		return Errorf("XX000", "Timestamp (%d) is not valid for all inputs: [Antichain { elements: [%d] }]", asOf, since)
	}
	return &Error{
		Code: "22000", Message: "could not find a valid timestamp for the query",
		Detail: fmt.Sprintf("Constraints:\nlower:\n  (ReadFrontier, [%s]): [%d]\nupper:\n  (QueryAsOf): [%d]", id, since, asOf),
	}
}

// From makes an ErrorResponse of any error. sql is the statement, for the
// position of syntax errors.
func From(err error, sql string) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*eval.Error](err); ok {
		return &Error{Code: e.Code, Message: e.Text, Detail: e.Detail, Hint: e.Hint}
	}
	if e, ok := errors.AsType[*sqlparse.Error](err); ok {
		pos := utf8.RuneCountInString(sql[:min(e.Pos, len(sql))]) + 1
		return &Error{Code: "42601", Message: e.Text, Position: int32(min(pos, 1<<30))} //nolint:gosec // bounded
	}
	if e, ok := errors.AsType[*store.PoisonError](err); ok {
		return Evaluation(e.Text)
	}
	return Errorf("XX000", "%s", err)
}
