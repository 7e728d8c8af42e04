// Command pgfeed is a private PostgreSQL with a table that changes when it is
// told to, for tests in other languages. It answers each line of its input with
// a line of JSON; the first it says unasked.
//
//	                          {"url": "postgres://..."}
//	sql UPDATE orders ...     {}
//	run 5000 10s              {"changes": 50000}   5000 changes a second, for 10 seconds
//	dump                      {"rows": [[...], ...]}   every cell as the database's text, by key
//
// The end of its input ends it and the server.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tycostream/tycostream/internal/testpg"
)

// firstID is beyond what a double can count.
const firstID = 9007199254740993

// step is how often changes are committed.
const step = 50 * time.Millisecond

const setup = `
CREATE TABLE orders (
	id bigint PRIMARY KEY, symbol text NOT NULL, side text NOT NULL, quantity bigint NOT NULL, price numeric NOT NULL,
	total numeric, ratio double precision, open boolean, at timestamptz NOT NULL
);
INSERT INTO orders SELECT %[1]d + i, 'S' || i %% 97, 'buy', i * 900719925474099, i * 0.00000001, NULL, NULL, NULL, 'epoch'
FROM generate_series(0, %[2]d - 1) i`

func main() {
	rows := 10_000
	if len(os.Args) > 1 {
		rows, _ = strconv.Atoi(os.Args[1])
	}
	if err := run(context.Background(), rows); err != nil {
		fmt.Fprintln(os.Stderr, "pgfeed:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, rows int) error {
	server, err := testpg.Launch(ctx, testpg.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = server.Close() }()
	db, err := pgx.Connect(ctx, server.URL("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close(ctx) }()
	if _, err := db.Exec(ctx, fmt.Sprintf(setup, firstID, rows)); err != nil {
		return err
	}
	f := &feed{db: db, next: firstID + int64(rows), size: rows}
	for i := range rows {
		f.ids = append(f.ids, firstID+int64(i))
	}
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(map[string]any{"url": server.URL("postgres")}); err != nil {
		return err
	}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		answer, err := f.obey(ctx, in.Text())
		if err != nil {
			return fmt.Errorf("%s: %w", in.Text(), err)
		}
		if err := out.Encode(answer); err != nil {
			return err
		}
	}
	return in.Err()
}

// feed changes the table, of which it knows the keys.
type feed struct {
	db   *pgx.Conn
	ids  []int64
	next int64
	size int
}

func (f *feed) obey(ctx context.Context, line string) (map[string]any, error) {
	verb, rest, _ := strings.Cut(line, " ")
	switch verb {
	case "sql":
		_, err := f.db.Exec(ctx, rest)
		return map[string]any{}, err
	case "run":
		var rate int
		var length string
		if _, err := fmt.Sscan(rest, &rate, &length); err != nil {
			return nil, err
		}
		span, err := time.ParseDuration(length)
		if err != nil {
			return nil, err
		}
		n, err := f.run(ctx, rate, span)
		return map[string]any{"changes": n}, err
	case "dump":
		rows, err := f.dump(ctx)
		return map[string]any{"rows": rows}, err
	}
	return nil, errors.New("no such command")
}

// run changes rows at a rate: of ten changes eight are updates, one is an
// insert and one a delete, in random order.
func (f *feed) run(ctx context.Context, rate int, length time.Duration) (int, error) {
	done, start := 0, time.Now()
	tick := time.NewTicker(step)
	defer tick.Stop()
	for time.Since(start) < length {
		due := int(min(time.Since(start)+step, length).Seconds() * float64(rate))
		batch := &pgx.Batch{}
		for ; done < due; done++ {
			f.change(batch)
		}
		if err := pgx.BeginFunc(ctx, f.db, func(tx pgx.Tx) error { return tx.SendBatch(ctx, batch).Close() }); err != nil {
			return done, err
		}
		<-tick.C
	}
	return done, nil
}

func (f *feed) change(batch *pgx.Batch) {
	i := rand.IntN(len(f.ids))      //nolint:gosec // dice
	switch dice := rand.IntN(10); { //nolint:gosec // dice
	case dice == 0 && len(f.ids) > f.size/2:
		batch.Queue("DELETE FROM orders WHERE id = $1", f.ids[i])
		f.ids[i] = f.ids[len(f.ids)-1]
		f.ids = f.ids[:len(f.ids)-1]
	case dice <= 1:
		batch.Queue("INSERT INTO orders VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)", append([]any{f.next}, cells()...)...)
		f.ids = append(f.ids, f.next)
		f.next++
	default:
		batch.Queue(`UPDATE orders SET symbol = $2, side = $3, quantity = $4, price = $5, total = $6, ratio = $7, open = $8, at = $9
			WHERE id = $1`, append([]any{f.ids[i]}, cells()...)...)
	}
}

// cells are values of all columns but the key, with as many digits as they can
// have.
func cells() []any {
	n := rand.Int64() //nolint:gosec // dice, as all below
	symbol := "S" + strconv.FormatInt(n%97, 10)
	side := []string{"buy", "sell"}[n%2]
	quantity := n - 1<<62
	price := fmt.Sprintf("%d.%08d", n%100_000, rand.IntN(100_000_000)) //nolint:gosec // dice
	var total, ratio, open any
	if n%5 > 0 {
		total = fmt.Sprintf("%d%018d.%d", quantity, n, n%1000)
	}
	if n%7 > 0 {
		ratio = rand.NormFloat64() * 1e6 //nolint:gosec // dice
	}
	if n%3 > 0 {
		open = n%3 == 1
	}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n%1e15) * time.Microsecond / 100)
	return []any{symbol, side, quantity, price, total, ratio, open, at.Truncate(time.Microsecond)}
}

func (f *feed) dump(ctx context.Context) ([][]*string, error) {
	rows, err := f.db.Query(ctx, `SELECT id::text, symbol, side, quantity::text, price::text, total::text, ratio::text, open::text,
		to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') FROM orders ORDER BY id`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) ([]*string, error) {
		cells := make([]*string, 9)
		places := make([]any, len(cells))
		for i := range cells {
			places[i] = &cells[i]
		}
		return cells, row.Scan(places...)
	})
}
