package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"
)

// eventBytes is an event's size on the wire, as document and the world make it.
const eventBytes = 300

// plan is what to measure.
type plan struct {
	only     string
	rounds   int
	duration time.Duration
	idle     int
	divide   int     // clients and filters by so much
	calm     float64 // percent of the machine; 0: any weather
	profile  string
	out      io.Writer
}

func (p *plan) run(ctx context.Context) error {
	_, _ = fmt.Fprintf(p.out, "%s, %d cores, GOMAXPROCS of each process by its cores; %d rounds of %v, median [lowest, highest]\n",
		runtime.Version(), runtime.NumCPU(), p.rounds, p.duration)
	p.divide = max(1, p.divide)
	for _, part := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"fan-out", p.fanOut},
		{"saturation", p.saturation},
		{"latency", p.latency},
		{"filters", p.filters},
		{"idle", p.idleMemory},
	} {
		if p.only != "" && p.only != part.name {
			continue
		}
		if err := part.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

// table prints a table.
func (p *plan) table(title, header string, rows [][]any) {
	text := []byte("\n" + title + "\n\n" + header + "\n")
	for _, r := range rows {
		for i, cell := range r {
			if i > 0 {
				text = append(text, '\t')
			}
			text = fmt.Append(text, cell)
		}
		text = append(text, '\n')
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	_, _ = w.Write(text)
	_ = w.Flush()
}

// gateway runs a round against the gateway.
func (p *plan) gateway(ctx context.Context, s spec) (result, error) {
	if p.profile != "" {
		s.Profile = fmt.Sprintf("%s%d-clients-%d-merged-%d-filters.pprof", p.profile, s.Clients, s.Merge, s.Filters)
	}
	return p.round(ctx, roleGateway, s)
}

// round runs a round, again and again if the machine is not calm enough; the
// calmest counts.
func (p *plan) round(ctx context.Context, role string, s spec) (result, error) {
	const attempts, patience = 4, 10 * time.Second
	if p.calm == 0 {
		return round(ctx, role, s)
	}
	var best result
	for i := range attempts {
		awaitCalm(ctx, p.calm, patience)
		r, err := round(ctx, role, s)
		if err != nil {
			return r, err
		}
		if i == 0 || r.others < best.others {
			best = r
		}
		if best.others <= p.calm {
			break
		}
	}
	return best, nil
}

// both runs the rounds of a spec against the bare writer and the gateway, in
// turns, so that both see the same weather.
func (p *plan) both(ctx context.Context, s spec) (bares, gateways []result, err error) {
	for range p.rounds {
		b, err := p.round(ctx, roleBare, s)
		if err != nil {
			return nil, nil, err
		}
		g, err := p.gateway(ctx, s)
		if err != nil {
			return nil, nil, err
		}
		bares, gateways = append(bares, b), append(gateways, g)
	}
	return bares, gateways, nil
}

// figure is a measured value over the rounds.
type figure struct{ median, low, high float64 }

func over(rs []result, value func(result) float64) figure {
	all := make([]float64, len(rs))
	for i, r := range rs {
		all[i] = value(r)
	}
	slices.Sort(all)
	return figure{all[len(all)/2], all[0], all[len(all)-1]}
}

func (f figure) String() string { return fmt.Sprintf("%.3g [%.3g, %.3g]", f.median, f.low, f.high) }

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func cost(r result) float64 { return microseconds(r.cost()) }

// weatherOf is what others used of the machine, in percent.
func weatherOf(rs []result) string {
	f := over(rs, func(r result) float64 { return r.others })
	return fmt.Sprintf("%.0f [%.0f, %.0f]", f.median, f.low, f.high)
}

// perWrite is how many messages went into a write.
func perWrite(r result) float64 { return float64(r.server.Messages) / float64(max(1, r.server.Writes)) }

func (p *plan) fanOut(ctx context.Context) error {
	rows := make([][]any, 0, 5)
	defer func() { // what there is, also when a round fails
		p.table("Cost of a delivery (server CPU)",
			"clients\tevents per pass\tbare, us\tgateway, us\tbare/gateway\tgateway, deliveries per CPU-s\tmessages per write\tbytes\tbare pass p99, ms\tgateway pass p99, ms\tothers, %", rows)
	}()
	for _, s := range []spec{
		{Clients: 100, Merge: 1, Rate: 1000},
		{Clients: 1000, Merge: 1, Rate: 100},
		{Clients: 100, Merge: 16, Rate: 250},
		{Clients: 1000, Merge: 16, Rate: 25},
		{Clients: 1000, Merge: 16, Rate: 25, OneTime: true},
	} {
		s.Clients /= p.divide
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
		pass := func(r result) float64 { return r.clients.Pass.P99.Seconds() * 1000 }
		rows = append(rows, []any{
			s.Clients, merge, b, g, fmt.Sprintf("%.0f %%", 100*b.median/g.median), thousands(1e6 / g.median),
			fmt.Sprintf("%.1f", over(gateways, perWrite).median), fmt.Sprintf("%.0f", size.median),
			over(bares, pass), over(gateways, pass), weatherOf(append(bares, gateways...)),
		})
	}
	return nil
}

func thousands(v float64) string { return fmt.Sprintf("%.0fk", math.Round(v/1000)) }

// saturation offers more than can be sent one by one.
func (p *plan) saturation(ctx context.Context) error {
	rows := make([][]any, 0, 2)
	defer func() { // what there is, also when a round fails
		p.table("As it comes: each event a time of its own, merged by load alone",
			"clients\toffered per s\tdelivered, k/s\tus per delivery\tmessages per write\tconflated, %\tlatency p50, ms\tp99, ms\tothers, %", rows)
	}()
	for _, s := range []spec{
		{Clients: 100, Merge: 1, Rate: 10_000},
		{Clients: 1000, Merge: 1, Rate: 1000},
	} {
		s.Clients /= p.divide
		s.Rows, s.Duration = 200, p.duration
		var rs []result
		for range p.rounds {
			r, err := p.gateway(ctx, s)
			if err != nil {
				return err
			}
			rs = append(rs, r)
		}
		rows = append(rows, []any{
			s.Clients, thousands(s.Rate * float64(s.Clients)),
			over(rs, func(r result) float64 { return float64(r.server.Messages) / r.server.Elapsed.Seconds() / 1000 }),
			over(rs, cost),
			over(rs, perWrite),
			over(rs, func(r result) float64 {
				return 100 - 100*float64(r.clients.Messages)/float64(r.server.Events*s.Clients)
			}),
			over(rs, func(r result) float64 { return r.clients.Latency.P50.Seconds() * 1000 }),
			over(rs, func(r result) float64 { return r.clients.Latency.P99.Seconds() * 1000 }),
			weatherOf(rs),
		})
	}
	return nil
}

// latency runs at half of what one core can do one by one.
func (p *plan) latency(ctx context.Context) error {
	s := spec{Clients: 100 / p.divide, Merge: 1, Rate: 1000, Rows: 200, Bytes: eventBytes, Duration: p.duration}
	probe, err := p.gateway(ctx, s)
	if err != nil {
		return err
	}
	s.Rate = 0.5 / probe.cost().Seconds() / float64(s.Clients)
	bares, gateways, err := p.both(ctx, s)
	if err != nil {
		return err
	}
	var rows [][]any
	for _, side := range []struct {
		name string
		rs   []result
	}{{"bare", bares}, {"gateway", gateways}} {
		quantile := func(q func(spread) time.Duration) figure {
			return over(side.rs, func(r result) float64 { return microseconds(q(r.clients.Latency)) })
		}
		rows = append(rows, []any{
			side.name, fmt.Sprintf("%.0f", s.Rate),
			over(side.rs, func(r result) float64 { return 100 * r.server.CPU.total().Seconds() / r.server.Elapsed.Seconds() }),
			over(side.rs, func(r result) float64 { return 100 * r.clients.CPU.total().Seconds() / r.server.Elapsed.Seconds() }),
			quantile(func(s spread) time.Duration { return s.P50 }),
			quantile(func(s spread) time.Duration { return s.P90 }),
			quantile(func(s spread) time.Duration { return s.P99 }),
			weatherOf(side.rs),
		})
	}
	p.table(fmt.Sprintf("Latency at half load, %d clients", s.Clients),
		"server\tevents per s\tserver CPU, %\tclients' CPU, %\tp50, us\tp90, us\tp99, us\tothers, %", rows)
	return nil
}

// filters gives every subscriber a filter of its own; each event goes to one.
func (p *plan) filters(ctx context.Context) error {
	var rows [][]any
	defer func() { // what there is, also when a round fails
		p.table("Each subscriber its own _eq filter: server CPU per update, which goes to one subscriber",
			"subscribers\tconnections\tupdates per s\tus per update\tagainst one\tlatency p99, ms\tothers, %", rows)
	}()
	one := 0.0
	for _, s := range []spec{
		{Clients: 1, Filters: 1, Rate: 1000},
		{Clients: 100, Filters: 10, Rate: 500},
		{Clients: 100, Filters: 100, Rate: 200},
	} {
		if s.Clients > 1 {
			s.Clients /= p.divide
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
			over(rs, func(r result) float64 { return r.clients.Latency.P99.Seconds() * 1000 }),
			weatherOf(rs),
		})
	}
	return nil
}

func (p *plan) idleMemory(ctx context.Context) error {
	var rs []result
	for range p.rounds {
		r, err := round(ctx, roleGateway, spec{Clients: p.idle, Rows: 10})
		if err != nil {
			return err
		}
		rs = append(rs, r)
	}
	p.table("Memory of an idle subscribed connection, bytes", "connections\theap and stacks\tresident", [][]any{{
		p.idle, over(rs, func(r result) float64 { return r.idle.InUse }), over(rs, func(r result) float64 { return r.idle.Resident }),
	}})
	return nil
}
