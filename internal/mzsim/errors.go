package mzsim

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

func (e *Error) fatal() bool { return e.Severity == "FATAL" }

func (e *Error) response() *pgproto3.ErrorResponse {
	severity := e.Severity
	if severity == "" {
		severity = "ERROR"
	}
	return &pgproto3.ErrorResponse{Severity: severity, Code: e.Code, Message: e.Message, Detail: e.Detail, Hint: e.Hint, Position: e.Position}
}

func errorf(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

func fatalf(code, format string, args ...any) *Error {
	return &Error{Severity: "FATAL", Code: code, Message: fmt.Sprintf(format, args...)}
}

// The errors that end a subscription or refuse a connection, for
// [Faults.FailNext] and [Faults.FailStreams].

// ErrEvaluation is the error of poisoned data, "division by zero" for example.
func ErrEvaluation(text string) *Error { return errorf("XX000", "Evaluation error: %s", text) }

// ErrFellBehind is the end of a client that reads too slowly.
func ErrFellBehind(bytes, budget int64) *Error {
	return errorf("53200", "SUBSCRIBE fell behind: the client did not read results fast enough, so its backlog reached %d bytes, exceeding the %d byte budget", bytes, budget)
}

// ErrResultSize is a snapshot over max_result_size, written like "1.0 MiB".
func ErrResultSize(size string) *Error {
	return errorf("XX000", "total result exceeds max size of %s", size)
}

// ErrReplica is the loss of a pinned replica.
func ErrReplica() *Error { return errorf("XX000", "target replica failed or was dropped") }

// ErrNoReplicas is a cluster scaled to zero.
func ErrNoReplicas(cluster string) *Error {
	return &Error{
		Code: "0A000", Message: fmt.Sprintf("CLUSTER \"%s\" has no replicas available to service request", cluster),
		Hint: "Use CREATE CLUSTER REPLICA to attach cluster replicas to the cluster",
	}
}

// ErrPlanChanged is a prepared statement after DDL.
func ErrPlanChanged() *Error { return errorf("0A000", "cached plan must not change result type") }

// ErrClusterGone is a cluster dropped in a transaction.
func ErrClusterGone() *Error {
	return errorf("25000", "the transaction's active cluster has been dropped")
}

// ErrPermission is missing SELECT on an object, of type "VIEW" for example.
func ErrPermission(objectType, name, role string) *Error {
	return &Error{
		Code: "42501", Message: fmt.Sprintf("permission denied for %s \"%s\"", objectType, name),
		Detail: fmt.Sprintf("The '%s' role needs SELECT privileges on %s \"%s\"", role, objectType, name),
	}
}

// ErrPassword is a wrong password.
func ErrPassword() *Error { return fatalf("28P01", "invalid password") }

// ErrExpired is a credential that ran out, perhaps in the middle of a stream.
func ErrExpired() *Error { return fatalf("28000", "authentication expired") }

// ErrTooMany is a server at its connection limit.
func ErrTooMany(limit, current int) *Error {
	return fatalf("53000", "creating connection would violate max_connections limit (desired: %d, limit: %d, current: %d)", current+1, limit, current)
}

// ErrTLSRequired refuses clients without TLS.
func ErrTLSRequired() *Error { return fatalf("08004", "TLS encryption is required") }

// ErrUnavailable is what a balancer answers while its backend restarts.
func ErrUnavailable() *Error { return fatalf("08004", "backend unavailable") }

// ErrLoginBlocked is maintenance.
func ErrLoginBlocked() *Error { return fatalf("MZ010", "login blocked") }

// ErrSessionDenied is a network policy.
func ErrSessionDenied() *Error { return fatalf("MZ011", "session denied") }

func errCanceled() *Error { return errorf("57014", "canceling statement due to user request") }

func errIdle() *Error {
	return fatalf("25P03", "terminating connection due to idle-in-transaction timeout")
}

// errDropped is the end of a stream whose relation is gone, in the words of the era.
func errDropped(era Era, name store.Name, copying bool) *Error {
	switch {
	case era == EraOld:
		return errorf("XX000", "subscribe has been terminated because underlying relation \"%s\" was dropped", name)
	case era == EraMiddle && !copying:
		return errorf("XX000", "query could not complete because relation \"%s\" was dropped", name)
	}
	return errorf("42704", "relation '%s' was dropped", name)
}

// errCompacted is an AS OF below the read frontier.
func errCompacted(era Era, asOf, since uint64, id string) *Error {
	if era != EraNewest {
		return errorf("XX000", "Timestamp (%d) is not valid for all inputs: [Antichain { elements: [%d] }]", asOf, since)
	}
	return &Error{
		Code: "22000", Message: "could not find a valid timestamp for the query",
		Detail: fmt.Sprintf("Constraints:\nlower:\n  (ReadFrontier, [%s]): [%d]\nupper:\n  (QueryAsOf): [%d]", id, since, asOf),
	}
}

// asError makes an ErrorResponse of any error. sql is the statement, for the
// position of syntax errors.
func asError(err error, sql string) *Error {
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
		return ErrEvaluation(e.Text)
	}
	return errorf("XX000", "%s", err)
}
