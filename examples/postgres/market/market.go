// Package market is the example's trading book in PostgreSQL: its tables and
// triggers (market.sql, which explains itself), the writer that feeds them and
// the worker that keeps the totals per desk.
//
// Load prepares a database. Any number of [Writer.Run] and [Work] may then run
// at the same time, in one program or in many.
package market

import (
	"context"
	_ "embed" // market.sql
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
)

//go:embed market.sql
var tables string

// Desks are the desks that Load deals the instruments out to.
func Desks() []string { return []string{"Equities", "Rates", "Credit", "FX", "Commodities"} }

// Load makes the tables in an empty database, with so many instruments. It
// does nothing when they exist.
func Load(ctx context.Context, conn *pgx.Conn, instruments int) error {
	var exist bool
	if err := conn.QueryRow(ctx, "SELECT to_regclass('live_pnl') IS NOT NULL").Scan(&exist); err != nil {
		return fmt.Errorf("look for the tables: %w", err)
	}
	if exist {
		return nil
	}
	if _, err := conn.Exec(ctx, "BEGIN;"+tables+";COMMIT"); err != nil {
		return fmt.Errorf("make the tables: %w", err)
	}
	const fill = `INSERT INTO instruments (id, symbol, desk)
		SELECT i, chr(65 + i / 676 % 26) || chr(65 + i / 26 % 26) || chr(65 + i % 26) || CASE WHEN i >= 17576 THEN (i / 17576)::text ELSE '' END,
		       ($2::text[])[1 + i % cardinality($2::text[])]
		FROM generate_series(1, $1) i`
	if _, err := conn.Exec(ctx, fill, instruments, Desks()); err != nil {
		return fmt.Errorf("make the instruments: %w", err)
	}
	return nil
}

// noteBatch is how many notes the worker adds up at a time.
const noteBatch = 10_000

// Drain adds up all notes that are there now and returns how many.
func Drain(ctx context.Context, conn *pgx.Conn) (int64, error) {
	var sum int64
	for {
		var n int64
		if err := conn.QueryRow(ctx, "SELECT total_desks($1)", noteBatch).Scan(&n); err != nil {
			return sum, fmt.Errorf("add up the desks: %w", err)
		}
		if sum += n; n < noteBatch {
			return sum, nil
		}
	}
}

// Work keeps desk_totals, on purpose only once every lag, until ctx ends.
func Work(ctx context.Context, url string, lag time.Duration) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing left to say
	for wait(ctx, lag) {
		if _, err := Drain(ctx, conn); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// Keep runs work again a second after it failed, until ctx ends.
func Keep(ctx context.Context, log *slog.Logger, name string, work func(context.Context) error) {
	for {
		if err := work(ctx); err != nil {
			log.Warn("starting again in a second", "program", name, "error", err)
		}
		if !wait(ctx, time.Second) {
			return
		}
	}
}

// wait returns false when ctx ends first.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
