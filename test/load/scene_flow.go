package main

import (
	"context"
	"fmt"
	"strings"
)

// unfiltered sends every event to every client, and counts them.
func (p *plan) unfiltered(ctx context.Context) error {
	var cols []column
	defer func() { p.report("Every event to every client, none left out", cols...) }()
	for _, frames := range []bool{false, true} {
		s := spec{Clients: p.clients(1000), Rows: 1000, Merge: 1, Rate: 1000, Duration: p.duration, Frames: frames, Exact: true}
		c, err := p.beside(ctx, s)
		if c.name = "livePnL"; frames {
			c.name = "livePnLChanges"
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		for _, r := range c.rs {
			c.add("events, each seen by each client", "%d", r.server.Events)
		}
		cols = append(cols, c)
		p.judge(true, fmt.Sprintf("%d clients, %.0f updates/s, %s", s.Clients, s.Rate, c.name), "every event to every client", "%d of %d",
			c.rs[0].clients.Messages, c.rs[0].server.Events*s.Clients)
	}
	return nil
}

// slow compares clients beside one that reads as fast as they with clients
// beside one that does not.
func (p *plan) slow(ctx context.Context) error {
	for _, filters := range []int{1, 0} {
		for _, tls := range []bool{false, true} {
			if err := p.slowBeside(ctx, filters, tls); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *plan) slowBeside(ctx context.Context, filters int, tls bool) error {
	s := spec{
		Clients: p.clients(1000), Rows: 1000, Merge: 1, Rate: 10_000, Filters: filters, TLS: tls,
		Frames: true, History: true, Duration: p.long, Sample: p.long / 20,
		UndoBytes: 8 << 20, // full within seconds, so that one can see whether anything else grows
	}
	if filters > 0 {
		s.Wide, s.RingTotal = 1, 16<<20
	}
	name := "no filter"
	if filters > 0 {
		name = "a filter each"
	}
	if tls {
		name += ", TLS"
	}
	var cols []column
	for slow, label := range []string{"all fast", "one slow"} {
		s.Slow = slow
		r, err := p.gateway(ctx, s)
		if err != nil {
			return fmt.Errorf("%s, %s: %w", name, label, err)
		}
		c := column{name: label, rs: []result{r}}
		c.add("server RSS over time, MiB", "%s", series(r.server.Samples, func(m memory) uint64 { return m.Resident }))
		c.add("server heap and stacks over time, MiB", "%s", series(r.server.Samples, func(m memory) uint64 { return m.InUse }))
		c.add("states compared with the source's", "%d", len(r.clients.States))
		cols = append(cols, c)
	}
	p.report(fmt.Sprintf("A slow client beside %d fast ones, %s; it has no filter", s.Clients-1, name), cols...)
	without, with := cols[0].rs[0], cols[1].rs[0]
	earlier, later := halves(with.server.Samples)
	p.judge(later <= 1.1*earlier+4, "slow client, "+name+": server RSS over time", "flat: <= 1.1 x from the third quarter to the last", "%.0f MiB, then %.0f", earlier, later)
	p.judge(float64(with.server.peak()) <= 1.25*float64(without.server.peak()), "slow client, "+name+": server RSS", "<= 1.25 x without it",
		"%s MiB against %s", mebibytes(with.server.peak()), mebibytes(without.server.peak()))
	a, b := milliseconds(without.clients.Latency.P99), milliseconds(with.clients.Latency.P99)
	p.judge(b <= max(1.5*a, a+5), "slow client, "+name+": others' p99", "<= 1.5 x without it", "%.1f ms against %.1f", b, a)
	return nil
}

// halves returns the mean memory in the third quarter of the samples and in the
// last, in MiB: by then what is bounded is full.
func halves(samples []memory) (earlier, later float64) {
	half := samples[len(samples)/2:]
	mean := func(part []memory) float64 {
		sum := 0.0
		for _, m := range part {
			sum += float64(m.Resident) / (1 << 20)
		}
		return sum / float64(max(1, len(part)))
	}
	return mean(half[:len(half)/2]), mean(half[len(half)/2:])
}

// series writes samples of memory in MiB.
func series(samples []memory, value func(memory) uint64) string {
	text := make([]string, len(samples))
	for i, m := range samples {
		text[i] = fmt.Sprintf("%.0f", float64(value(m))/(1<<20))
	}
	return strings.Join(text, " ")
}

// rates lets clients ask for four passes a second.
func (p *plan) rates(ctx context.Context) error {
	var cols []column
	defer func() { p.report("Clients that ask for four passes a second", cols...) }()
	for _, rate := range []float64{4, 0} {
		s := spec{Clients: p.clients(1000), Rows: 200, Merge: 1, Rate: 10_000, Frames: true, MaxRate: rate, Duration: p.duration}
		c, err := p.beside(ctx, s)
		if c.name = "no maxRate"; rate > 0 {
			c.name = fmt.Sprintf("maxRate %g", rate)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		passes := over(c.rs, func(r result) float64 {
			return float64(r.clients.Frames) / float64(r.spec.Clients) / r.server.Elapsed.Seconds()
		})
		c.add("frames per client per s", "%v", passes)
		cols = append(cols, c)
		if rate > 0 {
			p.judge(passes.high <= rate+1, fmt.Sprintf("maxRate %g on 10,000 updates/s", rate), fmt.Sprintf("<= %g passes per client per s", rate), "%v", passes)
		}
	}
	return nil
}
