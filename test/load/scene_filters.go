package main

import (
	"context"
	"fmt"
	"time"
)

// filters gives every subscriber a filter of its own, many to a connection;
// each event goes to one.
func (p *plan) filters(ctx context.Context) error {
	var rows [][]any
	defer func() { // what there is, also when a round fails
		p.table("Each subscriber its own _eq filter: server CPU per update, which goes to one subscriber",
			"subscribers\tconnections\tupdates per s\tus per update\tagainst one\tlatency p99, ms\tothers, %", rows)
	}()
	one := 0.0
	for _, s := range []spec{
		{Clients: 1, Filters: 1, Rate: 1000},
		{Clients: 100, Filters: 10, Rate: 1000},
		{Clients: 100, Filters: 100, Rate: 1000},
	} {
		if s.Clients > 1 {
			s.Clients = p.clients(s.Clients)
		}
		s.Rows, s.Merge, s.Duration = 10_000, 1, p.duration
		var rs []result
		for range p.rounds {
			r, err := p.gateway(ctx, s)
			if err != nil {
				return err
			}
			rs = append(rs, r)
		}
		f := over(rs, func(r result) float64 { return microseconds(r.perEvent()) })
		if one == 0 {
			one = f.median
		}
		rows = append(rows, []any{
			s.Clients * s.Filters, s.Clients, fmt.Sprintf("%.0f", s.Rate), f, fmt.Sprintf("%.1f x", f.median/one),
			over(rs, func(r result) float64 { return milliseconds(r.clients.Latency.P99) }),
			weatherOf(rs),
		})
		if s.Clients > 1 {
			p.judge(f.median <= 2*one, fmt.Sprintf("%d _eq filters: cost per update", s.Clients*s.Filters), "<= 2 x one subscriber's", "%.1f x", f.median/one)
		}
	}
	return nil
}

// ownFilters gives every connection a filter of its own, on both cores. Updates
// leave alone what patterns are about, so that those which no index finds are
// asked about each row once: that is measured first, and then what comes behind.
func (p *plan) ownFilters(ctx context.Context) error {
	var cols []column
	defer func() { p.report("Every client its own filter, server and clients on all cores", cols...) }()
	for _, own := range []struct {
		kind, name string
		hot        int // rows that change; 0: all, and none twice
	}{
		{ownEqual, "_eq", 0},
		{ownLike, "_like %x%", 0},
		{ownRegex, "_regex", 0},
		{ownBlank, "_like _x_y_", 0},
		{ownBlank, "asked before", 400}, // the warm-up changes each twice
	} {
		s := spec{Clients: p.clients(10_000), Filters: 1, Own: own.kind, Merge: 1, Rate: 2000, Duration: p.duration, Spread: true}
		s.Rows, s.Hot = s.Clients, min(own.hot, s.Clients)
		c, err := p.beside(ctx, s)
		if err != nil {
			return fmt.Errorf("%s: %w", own.name, err)
		}
		c.name = own.name
		c.add("until the last had its first row, s", "%.1f", c.rs[0].joins.All.Seconds())
		speed := over(c.rs, func(r result) float64 { return float64(r.server.Evals) / r.server.CPU.total().Seconds() / 1e6 })
		c.add("filters asked per server CPU-second, M", "%v", speed)
		cols = append(cols, c)
		if own.kind == ownBlank && own.hot == 0 {
			p.judge(speed.median >= 10, "filters that no index helps", ">= 10 M evaluations per CPU-second", "%.1f M", speed.median)
			continue
		}
		most := over(c.rs, func(r result) float64 { return milliseconds(r.clients.Latency.P99) })
		p.judge(most.median < 50, fmt.Sprintf("%d clients with a filter each, 2,000 updates/s: %s", s.Clients, own.name), "all converge, p99 < 50 ms", "%.1f ms", most.median)
	}
	return nil
}

// arrivals lets subscribers with filters of their own come and go beside
// others that stay.
func (p *plan) arrivals(ctx context.Context) error {
	stay, come := p.clients(1000), p.clients(10_000)
	s := spec{Clients: stay, Filters: 1, Rows: stay + come, Hot: stay + come, Merge: 1, Rate: 2000, Duration: p.long, Spread: true, Sample: time.Second}
	calm, busy, err := arrivalsRound(ctx, s, come, p.minute)
	if err != nil {
		return err
	}
	quiet, loud := column{name: "nobody comes", rs: []result{calm}}, column{name: "others come and go", rs: []result{busy}}
	loud.joined(busy.joins)
	p.report(fmt.Sprintf("%d clients stay while %d come and go within %v", stay, come, p.minute), quiet, loud)
	p.judge(busy.server.Lag.P99 < 50*time.Millisecond, "arrivals: ingest lag p99", "< 50 ms", "%.1f ms against %.1f", milliseconds(busy.server.Lag.P99), milliseconds(calm.server.Lag.P99))
	p.judge(busy.clients.Latency.P99 < 50*time.Millisecond, "arrivals: p99 of those that stay", "< 50 ms", "%.1f ms against %.1f", milliseconds(busy.clients.Latency.P99), milliseconds(calm.clients.Latency.P99))
	return nil
}
