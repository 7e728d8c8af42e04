// Package backend says which engine stands behind a connection string; the
// packages below it each follow one.
package backend

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// The engines, as DATABASE_ENGINE names them.
const (
	Materialize = "materialize"
	Postgres    = "postgres"
)

const undefinedFunction = "42883"

// Recognize connects once and says whether Materialize or PostgreSQL answers:
// only the former has the function mz_version. The error is the connection's.
func Recognize(ctx context.Context, config *pgconn.Config) (string, error) {
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return "", fmt.Errorf("recognize the database: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing left to say
	if _, err = conn.Exec(ctx, "SELECT mz_version()").ReadAll(); err == nil {
		return Materialize, nil
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == undefinedFunction {
		return Postgres, nil
	}
	return "", fmt.Errorf("recognize the database: %w", err)
}
