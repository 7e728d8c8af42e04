package pgcatalog

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tycostream/tycostream/internal/source"
)

// SQLSTATE codes that say what to do. Those that are not listed are decided by
// their class, the first two characters.
const (
	// InsufficientPrivilege says that the role may not do that.
	InsufficientPrivilege = "42501"

	codeUndefinedTable    = "42P01"
	codeUndefinedColumn   = "42703"
	codeUndefinedObject   = "42704"
	codeObjectInUse       = "55006"
	codeNotInState        = "55000"
	codeLockNotAvailable  = "55P03"
	codeConfigLimit       = "53400"
	codeNoDatabase        = "3D000"
	codeUndefinedFile     = "58P01"
	codeProtocolViolation = "08P01"
)

// Classify turns an error of the server or of the connection into a
// *source.Error. An error that is one already stays as it is.
func Classify(step string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*source.Error](err); ok {
		return err
	}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		if _, bad := errors.AsType[*pgconn.ParseConfigError](err); bad {
			return &source.Error{Class: source.Config, Text: "the database settings are wrong", Err: err}
		}
		if errors.Is(err, source.ErrMalformed) {
			return &source.Error{Class: source.Retry, Text: "the database sent what cannot be read", Err: fmt.Errorf("%s: %w", step, err)}
		}
		return &source.Error{Class: source.Retry, Text: "the connection to the database is lost", Err: fmt.Errorf("%s: %w", step, err)}
	}
	class, text := verdict(pg)
	if pg.Hint != "" {
		err = fmt.Errorf("%w (hint: %s)", err, pg.Hint)
	}
	if pg.Detail != "" {
		err = fmt.Errorf("%w (detail: %s)", err, pg.Detail)
	}
	return &source.Error{Class: class, Text: text, Err: fmt.Errorf("%s: %w", step, err)}
}

func verdict(pg *pgconn.PgError) (source.Class, string) {
	switch pg.Code {
	case InsufficientPrivilege:
		return source.Config, "the database role lacks a privilege (see the log)"
	case codeNoDatabase:
		return source.Config, "the database does not exist"
	case codeUndefinedTable, codeUndefinedColumn:
		return source.Slow, "a table or column does not exist any more"
	case codeConfigLimit:
		return source.Config, "the database has no free replication slot: raise max_replication_slots or drop an unused slot"
	case codeObjectInUse:
		return source.Retry, "the replication slot is in use by another connection"
	case codeUndefinedObject:
		return source.Compacted, "the replication slot or the publication is gone"
	case codeUndefinedFile:
		return source.Compacted, "the database has dropped the log that the replication slot needs"
	case codeNotInState:
		if strings.Contains(pg.Message, "wal_level") {
			return source.Config, walLevelText
		}
		return source.Compacted, "the replication slot cannot go on"
	case codeProtocolViolation: // "unsupported startup parameter", says PgBouncer
		return source.Config, "the other side is no PostgreSQL server: connect to the server itself, not to a pooler"
	case codeLockNotAvailable:
		return source.Retry, "the database is busy"
	}
	switch pg.Code[:min(2, len(pg.Code))] {
	case "08", "57", "40":
		return source.Retry, "the database is shutting down or starting"
	case "53":
		return source.Retry, "the database is short of connections, memory or disk"
	case "28":
		return source.Config, "the database refused the user or the password"
	}
	return source.Slow, "the database reported an error (" + pg.Code + ")"
}

const walLevelText = "the database does not write a logical log: set wal_level to logical and restart the server"

// WALLevelError says how to switch logical decoding on.
func WALLevelError(level string) error {
	return ToRun(walLevelText, fmt.Errorf("wal_level is %s", level),
		"ALTER SYSTEM SET wal_level = 'logical'", "-- then restart the server")
}

// ToRun is a Config error whose cause names the statements that mend it. Text
// goes to clients, so that the statements stand in Err alone.
func ToRun(text string, cause error, statements ...string) error {
	err := fmt.Errorf("run: %s", strings.Join(statements, "; "))
	if cause != nil {
		err = fmt.Errorf("%w; %w", cause, err)
	}
	return &source.Error{Class: source.Config, Text: text, Err: err}
}

// Mistake is an error of a class with a text for clients.
func Mistake(class source.Class, format string, args ...any) error {
	return &source.Error{Class: class, Text: fmt.Sprintf(format, args...)}
}

// HasCode reports whether err comes from the server with this SQLSTATE.
func HasCode(err error, code string) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == code
}
