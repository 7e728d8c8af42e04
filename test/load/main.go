package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if role := os.Getenv(roleVariable); role != "" {
		err = runChild(ctx, role)
	} else {
		err = runAll(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

func runAll(ctx context.Context) error {
	var p plan
	var quick bool
	var limit time.Duration
	flag.StringVar(&p.only, "only", "", "run one part: fan-out, saturation, latency, filters or idle")
	flag.IntVar(&p.rounds, "rounds", 3, "rounds of each measurement; the median is reported")
	flag.DurationVar(&p.duration, "duration", 3*time.Second, "measured part of a round")
	flag.IntVar(&p.idle, "idle", 5000, "idle connections")
	flag.StringVar(&p.profile, "profile", "", "write CPU profiles of the gateway to files that begin like this; it costs a few percent")
	flag.Float64Var(&p.calm, "calm", 0, "on a shared machine: wait for moments when others use at most so many percent of it, and repeat rounds in which they used more")
	flag.BoolVar(&quick, "quick", false, "one round of half a second each, with fewer clients")
	flag.DurationVar(&limit, "limit", 15*time.Minute, "stop after so long")
	flag.Parse()
	if quick {
		p.rounds, p.duration, p.idle, p.divide = 1, 500*time.Millisecond, 200, 10
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	p.out = os.Stdout
	return p.run(ctx)
}
