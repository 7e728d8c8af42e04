package main

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// fanOut sends every event to every client, one or sixteen to a pass, and
// waits for the end of each pass.
func (p *plan) fanOut(ctx context.Context) error {
	rows := make([][]any, 0, 5)
	defer func() { // what there is, also when a round fails
		p.table("Cost of a delivery (server CPU)",
			"clients\tevents per pass\tbare, us\tgateway, us\tbare/gateway\tgateway, rows per CPU-s\trows per write\tbytes\tbare pass p99, ms\tgateway pass p99, ms\tothers, %", rows)
	}()
	for _, s := range []spec{
		{Clients: 100, Merge: 1, Rate: 1000},
		{Clients: 1000, Merge: 1, Rate: 100},
		{Clients: 100, Merge: 16, Rate: 250},
		{Clients: 1000, Merge: 16, Rate: 25},
		{Clients: 1000, Merge: 16, Rate: 25, OneTime: true},
	} {
		s.Clients = p.clients(s.Clients)
		s.Rows, s.Bytes, s.Duration, s.Alone = 200, eventBytes, p.duration, true
		bares, gateways, err := p.both(ctx, s)
		if err != nil {
			return err
		}
		b, g := over(bares, cost), over(gateways, cost)
		merge := strconv.Itoa(s.Merge)
		if s.OneTime {
			merge += " of one time"
		}
		size := over(gateways, func(r result) float64 { return float64(r.clients.Bytes) / float64(r.clients.Messages) })
		pass := func(r result) float64 { return milliseconds(r.clients.Pass.P99) }
		bp, gp := over(bares, pass), over(gateways, pass)
		rows = append(rows, []any{
			s.Clients, merge, b, g, fmt.Sprintf("%.0f %%", 100*b.median/g.median), thousands(1e6 / g.median),
			fmt.Sprintf("%.1f", over(gateways, perWrite).median), fmt.Sprintf("%.0f", size.median),
			bp, gp, weatherOf(append(bares, gateways...)),
		})
		p.judgeFanOut(s, b, g, bp, gp)
	}
	return nil
}

func (p *plan) judgeFanOut(s spec, bare, gateway, barePass, gatewayPass figure) {
	what, least := "nothing to merge", 80.0
	if s.Merge > 1 {
		what, least = "merging", 60
	}
	what += fmt.Sprintf(", %d clients", s.Clients)
	if s.OneTime {
		what += ", one time"
	}
	ratio := 100 * bare.median / gateway.median
	p.judge(ratio >= least, what, fmt.Sprintf(">= %.0f %% of bare", least), "%.0f %%", ratio)
	if s.Clients < 1000 {
		return
	}
	if s.Merge > 1 {
		p.judge(gateway.median <= 1/1.5, what, ">= 1.5 M rows per CPU-second", "%.2f M", 1/gateway.median)
	}
	p.judge(gatewayPass.median <= 1.5*barePass.median, what+": p99 of a pass", "<= 1.5 x bare", "%.1f x", gatewayPass.median/barePass.median)
}

// saturation offers more than can be sent one by one.
func (p *plan) saturation(ctx context.Context) error {
	var cols []column
	defer func() { p.report("As it comes: each event a time of its own, merged by load alone", cols...) }()
	for _, s := range []spec{
		{Clients: 100, Merge: 1, Rate: 10_000},
		{Clients: 1000, Merge: 1, Rate: 1000},
	} {
		s.Clients = p.clients(s.Clients)
		s.Rows, s.Duration = 200, p.duration
		c, err := p.beside(ctx, s)
		if err != nil {
			return err
		}
		c.name = fmt.Sprintf("%d clients", s.Clients)
		cols = append(cols, c)
	}
	return nil
}

// latency runs at half of what one core can do one by one.
func (p *plan) latency(ctx context.Context) error {
	s := spec{Clients: p.clients(100), Merge: 1, Rate: 1000, Rows: 200, Bytes: eventBytes, Duration: p.duration}
	probe, err := p.gateway(ctx, s)
	if err != nil {
		return err
	}
	s.Rate = min(20_000, 0.5/probe.cost().Seconds()/float64(s.Clients))
	bares, gateways, err := p.both(ctx, s)
	if err != nil {
		return err
	}
	p.report("Latency at half load", column{name: "bare", rs: bares}, column{name: "gateway", rs: gateways})
	added := func(q func(spread) time.Duration) float64 {
		value := func(r result) float64 { return milliseconds(q(r.clients.Latency)) }
		return over(gateways, value).median - over(bares, value).median
	}
	half := func(s spread) time.Duration { return s.P50 }
	most := func(s spread) time.Duration { return s.P99 }
	p.judge(added(half) < 1 && added(most) < 5, fmt.Sprintf("added latency at half load, %d clients", s.Clients),
		"p50 < 1 ms, p99 < 5 ms", "p50 %.2f ms, p99 %.2f ms", added(half), added(most))
	return nil
}
