// Command worker adds live_pnl up per desk, on purpose a little later.
package main

import (
	"context"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/tycostream/tycostream/examples/postgres/market"
)

func main() {
	url := flag.String("url", os.Getenv("DATABASE_URL"), "the `database`: postgres://user:password@host:port/name")
	lag := flag.Duration("lag", 2*time.Second, "how long to wait between two rounds")
	flag.Parse()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	market.Keep(ctx, log, "worker", func(ctx context.Context) error { return market.Work(ctx, *url, *lag) })
}
