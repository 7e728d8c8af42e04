// Command writer feeds trades and prices into the example's tables.
package main

import (
	"context"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/jackc/pgx/v5"

	"github.com/tycostream/tycostream/examples/postgres/market"
)

func main() {
	url := flag.String("url", os.Getenv("DATABASE_URL"), "the `database`: postgres://user:password@host:port/name")
	instruments := flag.Int("instruments", 200, "how many instruments to make, if the tables do not exist")
	rate := flag.Float64("rate", 200, "ticks a second; every tenth brings a trade")
	seed := flag.Uint64("seed", 1, "another seed is another market")
	flag.Parse()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	market.Keep(ctx, log, "writer", func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, *url)
		if err != nil {
			return err
		}
		err = market.Load(ctx, conn, *instruments)
		var count int
		if err == nil {
			err = conn.QueryRow(ctx, "SELECT max(id) FROM instruments").Scan(&count)
		}
		_ = conn.Close(context.WithoutCancel(ctx)) // the writer has its own
		if err != nil {
			return err
		}
		return (&market.Writer{URL: *url, Instruments: count, Rate: *rate, Seed: *seed}).Run(ctx)
	})
}
