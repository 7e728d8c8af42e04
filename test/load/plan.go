package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"
)

// eventBytes is a row's size on the wire, as the documents and the world make
// it.
const eventBytes = 300

// plan is what to measure.
type plan struct {
	only     string // names of scenarios, separated by commas; empty: all
	rounds   int
	duration time.Duration // of the measured part of a round
	long     time.Duration // of rounds that watch something over time
	gap      time.Duration // for which a storm's clients are away
	minute   time.Duration // in which arrivals come and go
	divide   int           // clients by so much
	calm     float64       // percent of the machine; 0: any weather
	profile  string
	out      io.Writer
	verdicts []verdict
}

// scenario is a part of the plan that can run alone.
type scenario struct {
	name, about string
	run         func(context.Context) error
}

func (p *plan) scenarios() []scenario {
	return []scenario{
		{"fan-out", "what a delivered row costs, beside a bare TCP writer", p.fanOut},
		{"saturation", "more events than can be sent one by one", p.saturation},
		{"latency", "what the gateway adds at half load", p.latency},
		{"filters", "cost of an update when every subscriber has its own filter", p.filters},
		{"own-filters", "10,000 connections with a filter each, 2,000 updates/s; also filters that no index helps", p.ownFilters},
		{"unfiltered", "1,000 clients, 1,000 updates/s, not one left out", p.unfiltered},
		{"storm", "1,000 clients are cut and resume 10 s later; also with cursors that are too old", p.storm},
		{"joiners", "100 clients join a cold source of 100,000 rows at once", p.joiners},
		{"slow", "one client reads a message a second beside 999 fast ones; also over TLS", p.slow},
		{"idle", "memory of an idle subscribed connection", p.idle},
		{"arrivals", "10,000 subscribers come and go within a minute beside 1,000 that stay", p.arrivals},
		{"rates", "1,000 clients with maxRate 4 on 10,000 updates/s", p.rates},
		{"webhooks", "signed deliveries per second, from the database to the receiver", p.webhooks},
		{"dead-hook", "100,000 deliveries wait for a dead endpoint: memory, restart, other triggers", p.deadHook},
		{"triggers", "cost of a change with 10,000 triggers beside one", p.manyTriggers},
	}
}

// chosen returns the scenarios to run.
func (p *plan) chosen() ([]scenario, error) {
	all := p.scenarios()
	if p.only == "" {
		return all, nil
	}
	var out []scenario
	for name := range strings.SplitSeq(p.only, ",") {
		i := slices.IndexFunc(all, func(s scenario) bool { return s.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no scenario %q: -list names them", name)
		}
		out = append(out, all[i])
	}
	return out, nil
}

// run runs what was chosen. A scenario that fails does not keep others from
// running.
func (p *plan) run(ctx context.Context) error {
	chosen, err := p.chosen()
	if err != nil {
		return err
	}
	p.print("%s, %d cores, GOMAXPROCS of each process by its cores; %d rounds of %v, median [lowest, highest]\n",
		runtime.Version(), runtime.NumCPU(), p.rounds, p.duration)
	var errs []error
	for _, s := range chosen {
		began := time.Now()
		err := s.run(ctx)
		if err != nil {
			err = fmt.Errorf("%s: %w", s.name, err)
			p.print("\nFAILED %v\n", err)
			errs = append(errs, err)
		}
		p.print("(%s took %v)\n", s.name, time.Since(began).Round(100*time.Millisecond))
		if ctx.Err() != nil {
			break
		}
	}
	p.printVerdicts()
	return errors.Join(errs...)
}

// clients is a number of clients, fewer if asked so.
func (p *plan) clients(n int) int { return max(2, n/p.divide) }

// gateway runs a round against the gateway.
func (p *plan) gateway(ctx context.Context, s spec) (result, error) {
	if p.profile != "" {
		s.Profile = fmt.Sprintf("%s%d-clients-%d-merged-%d-filters%s.pprof", p.profile, s.Clients, s.Merge, s.Filters, s.Own)
	}
	return p.calmest(ctx, func() (result, error) { return round(ctx, roleGateway, s) })
}

// calmest runs a round, again and again if the machine is not calm enough; the
// calmest counts.
func (p *plan) calmest(ctx context.Context, run func() (result, error)) (result, error) {
	const attempts, patience = 4, 10 * time.Second
	if p.calm == 0 {
		return run()
	}
	var best result
	for i := range attempts {
		awaitCalm(ctx, p.calm, patience)
		r, err := run()
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
		b, err := p.calmest(ctx, func() (result, error) { return round(ctx, roleBare, s) })
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

// beside runs the rounds of a spec against the gateway, and behind each a bare
// writer that makes as many writes of as many bytes.
func (p *plan) beside(ctx context.Context, s spec) (column, error) {
	var out column
	for range p.rounds {
		g, err := p.gateway(ctx, s)
		if err != nil {
			return out, err
		}
		b, err := p.like(ctx, g)
		if err != nil {
			return out, err
		}
		out.rs, out.bares = append(out.rs, g), append(out.bares, b)
	}
	return out, nil
}

// like runs a bare writer that makes as many writes of as many bytes as the
// gateway made. Its Messages are set to the rows that these would have held.
func (p *plan) like(ctx context.Context, g result) (result, error) {
	if g.server.Writes == 0 || g.clients.Messages == 0 {
		return result{}, errors.New("the gateway wrote nothing")
	}
	writes := float64(g.server.Writes)
	s := spec{
		Clients: g.spec.Clients, Merge: 1, Spread: g.spec.Spread, One: g.spec.recipients() < g.spec.Clients,
		Bytes:    max(bareHeader, int(float64(g.clients.Bytes)/writes)),
		Duration: min(g.server.Elapsed, p.duration),
		Rate:     writes / g.server.Elapsed.Seconds(),
	}
	if !s.One {
		s.Rate /= float64(s.Clients)
	}
	b, err := p.calmest(ctx, func() (result, error) { return round(ctx, roleBare, s) })
	b.clients.Messages = uint64(float64(b.server.Writes) * float64(g.clients.Messages) / writes)
	return b, err
}
