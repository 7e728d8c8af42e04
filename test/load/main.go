package main

import (
	"context"
	"errors"
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
	p := plan{out: os.Stdout, divide: 1}
	var quick, list bool
	var limit time.Duration
	flag.StringVar(&p.only, "only", "", "run these scenarios alone: names with commas between them")
	flag.BoolVar(&list, "list", false, "name the scenarios")
	flag.IntVar(&p.rounds, "rounds", 3, "rounds of each measurement, but for the long ones; the median is reported")
	flag.DurationVar(&p.duration, "duration", 3*time.Second, "measured part of a round")
	flag.DurationVar(&p.long, "long", 20*time.Second, "and of rounds that watch something over time")
	flag.DurationVar(&p.gap, "gap", 10*time.Second, "how long the clients of storm are away")
	flag.DurationVar(&p.minute, "minute", time.Minute, "time in which the clients of arrivals come and go")
	flag.IntVar(&p.divide, "divide", 1, "divide numbers of clients by this")
	flag.StringVar(&p.profile, "profile", "", "write CPU profiles of the gateway to files that begin like this; it costs a few percent")
	flag.Float64Var(&p.calm, "calm", 0, "on a shared machine: wait for moments when others use at most so many percent of it, and repeat rounds in which they used more")
	flag.BoolVar(&quick, "quick", false, "one short round each with a tenth of the clients")
	flag.DurationVar(&limit, "limit", time.Hour, "stop after so long")
	flag.Parse()
	if list {
		for _, s := range p.scenarios() {
			p.print("%-12s %s\n", s.name, s.about)
		}
		return nil
	}
	if quick {
		p.hurry(10)
	}
	if p.divide < 1 || p.rounds < 1 {
		return errors.New("-divide and -rounds are at least 1")
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return p.run(ctx)
}

// hurry makes everything small and short.
func (p *plan) hurry(divide int) {
	p.rounds, p.divide = 1, divide
	p.duration, p.long, p.gap, p.minute = 500*time.Millisecond, 2*time.Second, time.Second, 4*time.Second
}
