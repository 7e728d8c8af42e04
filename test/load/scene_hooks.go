package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/tycostream/tycostream/test/load/rig"
)

// flipping has rows above the triggers' limit and below by turns.
type flipping struct {
	rig  *rig.Rig
	ids  []int
	next int
	up   bool
	told int // events that this has caused
}

const above, below = 1500, 0

// step changes the next n rows in one transaction.
func (f *flipping) step(n int) error {
	n = min(n, len(f.ids)-f.next)
	if f.next == 0 {
		f.up = !f.up
	}
	value := below
	if f.up {
		value = above
	}
	ids := f.ids[f.next : f.next+n]
	f.next = (f.next + n) % len(f.ids)
	f.told += n
	return f.rig.Set(value, ids...)
}

// shuffled returns numbers from first on.
func shuffled(first, n int) []int {
	ids := rand.Perm(n) //nolint:gosec // not for secrets
	for i := range ids {
		ids[i] += first
	}
	return ids
}

// arrived waits until so many events were taken.
func arrived(ctx context.Context, r *rig.Rig, n int) error {
	return r.Wait(ctx, "all is delivered", func() error {
		got, err := r.Receiver.Count()
		if err == nil && got != n {
			err = fmt.Errorf("%d of %d events", got, n)
		}
		return err
	})
}

// rigged builds the gateway, and prints a table of the rows that measure adds,
// also of those before an error.
func (p *plan) rigged(ctx context.Context, title, header string, measure func(ctx context.Context, binary string, add func(cells ...any)) error) error {
	binary, remove, err := rig.Build(ctx)
	if err != nil {
		return err
	}
	defer remove()
	var rows [][]any
	defer func() { p.table(title, header, rows) }()
	return measure(ctx, binary, func(cells ...any) { rows = append(rows, cells) })
}

// webhooks measures how many signed deliveries a gateway makes in a second, from
// the database to the receiver, each FIRE and CLEAR on disk before it is sent.
func (p *plan) webhooks(ctx context.Context) error {
	return p.rigged(ctx, "Signed deliveries over loopback; database, gateway and receiver share the machine",
		"TRIGGER_SYNC\tdelivered per s\tgateway CPU per delivery, us\tothers, %", p.webhookSyncs)
}

func (p *plan) webhookSyncs(ctx context.Context, binary string, add func(...any)) error {
	for _, c := range []struct {
		sync   string
		target float64
	}{{"always", 1500}, {"interval", 5000}} {
		var rates, costs, weathers []float64
		for range p.rounds {
			rate, cost, others, err := p.webhookRound(ctx, binary, c.sync)
			if err != nil {
				return fmt.Errorf("%s: %w", c.sync, err)
			}
			rates, costs, weathers = append(rates, rate), append(costs, cost), append(weathers, others)
		}
		rate := figures(rates)
		add(c.sync, rate, figures(costs), figures(weathers))
		p.judge(rate.median >= c.target, "signed deliveries, TRIGGER_SYNC="+c.sync, fmt.Sprintf(">= %.0f/s", c.target), "%v/s", rate)
	}
	return nil
}

func (p *plan) webhookRound(ctx context.Context, binary, sync string) (rate, cost, others float64, err error) {
	const outstanding, portion = 4000, 200
	n := p.clients(2000)
	r, err := rig.New(ctx, binary, n)
	if err != nil {
		return 0, 0, 0, err
	}
	defer r.Close()
	err = r.Start(ctx, trigger("high", r.Receiver.URL, "value: {_gt: 1000}"), "TRIGGER_SYNC="+sync)
	if err == nil {
		err = r.Is(ctx, "tycostream_triggers_active", 1)
	}
	if err != nil {
		return 0, 0, 0, err
	}
	flow := flipping{rig: r, ids: shuffled(0, n)}
	w, own, began := watch(), cpuNow(), time.Now()
	for time.Since(began) < p.duration {
		if got, err := r.Receiver.Count(); err != nil {
			return 0, 0, 0, err
		} else if flow.told-got > outstanding {
			if err := until(ctx, time.Now().Add(time.Millisecond)); err != nil {
				return 0, 0, 0, err
			}
			continue
		}
		if err := flow.step(portion); err != nil {
			return 0, 0, 0, err
		}
	}
	if err := arrived(ctx, r, flow.told); err != nil {
		return 0, 0, 0, fmt.Errorf("%w\n%s", err, r.Log())
	}
	took := time.Since(began)
	cpu, err := r.CPU()
	if err != nil {
		return 0, 0, 0, err
	}
	n = flow.told
	return float64(n) / took.Seconds(), microseconds(cpu) / float64(n), w.others(cpu + cpuNow().minus(own).total()), nil
}

// trigger is one in schema.yaml.
func trigger(name, url, fire string) string {
	return fmt.Sprintf("      %s: {webhook: %q, fire: {%s}}\n", name, url, fire)
}

// deadHook has many deliveries wait for an endpoint that is dead, and looks at
// memory, at another trigger's deliveries, and at a restart by kill -9.
func (p *plan) deadHook(ctx context.Context) error {
	return p.rigged(ctx, "Deliveries that wait for a dead endpoint",
		"endpoint\twaiting\tRSS without, MiB\tRSS with, MiB\tafter kill -9, MiB\tback after, s\tothers' p50, p99, max without, ms\twith\tafter kill -9\tothers, %", p.deadKinds)
}

func (p *plan) deadKinds(ctx context.Context, binary string, add func(...any)) error {
	for _, kind := range []string{"refuses", "hangs"} {
		row, err := p.deadRound(ctx, binary, kind)
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		add(row...)
	}
	return nil
}

// deadRound is one kind of endpoint.
func (p *plan) deadRound(ctx context.Context, binary, kind string) (row []any, err error) {
	n, few := p.clients(100_000), 100
	r, err := rig.New(ctx, binary, n+few)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	url := r.Dead
	if kind == "hangs" {
		url = r.Hanging
	}
	d := dead{plan: p, rig: r, flow: flipping{rig: r, ids: shuffled(n, few)}, all: n, w: watch(), own: cpuNow()}
	err = r.Start(ctx, trigger("dead", url, fmt.Sprintf("value: {_gt: 1000}, id: {_lt: %d}", n))+
		trigger("alive", r.Receiver.URL, fmt.Sprintf("value: {_gt: 1000}, id: {_gte: %d}", n)))
	if err == nil {
		err = r.Is(ctx, "tycostream_triggers_active", 2)
	}
	if err == nil {
		err = d.run(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, r.Log())
	}
	d.judge("endpoint that " + kind)
	ms := func(s spread) string {
		return fmt.Sprintf("%.0f, %.0f, %.0f", milliseconds(s.P50), milliseconds(s.P99), milliseconds(s.Max))
	}
	return []any{
		kind, n, mebibytes(d.before), mebibytes(d.waiting), mebibytes(d.after), fmt.Sprintf("%.1f", d.back.Seconds()),
		ms(d.latency[0]), ms(d.latency[1]), ms(d.latency[2]), round3(d.others),
	}, nil
}

// dead is a round beside a dead endpoint.
type dead struct {
	plan *plan
	rig  *rig.Rig
	flow flipping
	all  int
	w    weather
	own  cpu

	before, waiting, after uint64 // RSS
	back                   time.Duration
	latency                [3]spread // before, with what waits, after the restart
	others                 float64
}

func (d *dead) run(ctx context.Context) (err error) {
	r := d.rig
	if d.latency[0], err = d.alive(ctx); err != nil {
		return err
	}
	if d.before, err = r.Resident(ctx); err != nil {
		return err
	}
	ids := shuffled(0, d.all)
	for len(ids) > 0 {
		part := ids[:min(1000, len(ids))]
		ids = ids[len(part):]
		if err := r.Set(above, part...); err != nil {
			return err
		}
	}
	if err := r.Is(ctx, "tycostream_webhook_queue_depth", d.all); err != nil {
		return err
	}
	if d.latency[1], err = d.alive(ctx); err != nil {
		return err
	}
	if d.waiting, err = r.Resident(ctx); err != nil {
		return err
	}
	used, err := r.CPU()
	if err != nil {
		return err
	}
	r.Kill()
	if err := d.flow.step(1); err != nil { // nobody looks
		return err
	}
	began := time.Now()
	if err := r.Again(ctx); err != nil {
		return err
	}
	if err := arrived(ctx, r, d.flow.told); err != nil {
		return err
	}
	d.back = time.Since(began)
	if err := r.Is(ctx, "tycostream_webhook_queue_depth", d.all); err != nil {
		return err
	}
	for d.flow.next != 0 { // a whole number of turns
		if err := d.flow.step(1); err != nil {
			return err
		}
	}
	if d.latency[2], err = d.alive(ctx); err != nil {
		return err
	}
	if d.after, err = r.Resident(ctx); err != nil {
		return err
	}
	again, err := r.CPU()
	d.others = d.w.others(used + again + cpuNow().minus(d.own).total())
	return err
}

// alive measures the other trigger's deliveries at a hundred events a second.
func (d *dead) alive(ctx context.Context) (spread, error) {
	var h histogram
	d.rig.Receiver.Observe(h.add)
	err := paced(ctx, max(100, int(100*d.plan.long.Seconds())), 100, func(time.Time, bool) error { return d.flow.step(1) })
	if err == nil {
		err = arrived(ctx, d.rig, d.flow.told)
	}
	d.rig.Receiver.Observe(nil)
	return h.spread(), err
}

func (d *dead) judge(what string) {
	p := d.plan
	bound := d.before + uint64(d.all)*3*1024 //nolint:gosec // not negative
	p.judge(max(d.waiting, d.after) <= bound, fmt.Sprintf("%d deliveries wait for an %s: RSS", d.all, what), "<= 3 KiB more each, the garbage collector's room included",
		"%s MiB, %s before", mebibytes(max(d.waiting, d.after)), mebibytes(d.before))
	p.judge(d.back < 5*time.Second, "the same, kill -9: back to delivering", "< 5 s", "%.1f s", d.back.Seconds())
	p.judge(max(d.latency[1].P99, d.latency[2].P99) <= 2*d.latency[0].P99+10*time.Millisecond, "the same, another trigger's deliveries", "p99 as without it (<= 2 x and 10 ms)",
		"%.0f ms, after the restart %.0f, without %.0f", milliseconds(d.latency[1].P99), milliseconds(d.latency[2].P99), milliseconds(d.latency[0].P99))
}

// manyTriggers compares what a change costs a gateway with one trigger and with
// ten thousand, each with a condition on a row of its own.
func (p *plan) manyTriggers(ctx context.Context) error {
	return p.rigged(ctx, "What a change of a row costs the whole gateway, by triggers", "triggers\tcondition\tCPU per change, us\tothers, %", p.triggerNumbers)
}

func (p *plan) triggerNumbers(ctx context.Context, binary string, add func(...any)) error {
	n := p.clients(10_000)
	for _, c := range []struct{ name, fire string }{
		{"id: {_eq: N}", "id: {_eq: %d}"},
		{"id: {_eq: N}, value: {_gt: 1000}", "id: {_eq: %d}, value: {_gt: 1000}"},
	} {
		var medians []float64
		for _, triggers := range []int{1, n} {
			var costs, weathers []float64
			for range p.rounds {
				cost, others, err := p.manyRound(ctx, binary, n, triggers, c.fire)
				if err != nil {
					return fmt.Errorf("%d triggers: %w", triggers, err)
				}
				costs, weathers = append(costs, cost), append(weathers, others)
			}
			f := figures(costs)
			medians = append(medians, f.median)
			add(triggers, c.name, f, figures(weathers))
		}
		p.judge(medians[1] <= 2*medians[0], fmt.Sprintf("%d triggers, %s: cost of a change", n, c.name), "<= 2 x one trigger's", "%.2f us, %.2f with one", medians[1], medians[0])
	}
	return nil
}

// manyRound changes 20,000 rows in a second, and never so that a trigger fires.
func (p *plan) manyRound(ctx context.Context, binary string, rows, triggers int, fire string) (cost, others float64, err error) {
	r, err := rig.New(ctx, binary, rows)
	if err != nil {
		return 0, 0, err
	}
	defer r.Close()
	var schema strings.Builder
	for i := range triggers {
		schema.WriteString(trigger(fmt.Sprint("t", i), r.Receiver.URL, fmt.Sprintf(fire, i)))
	}
	err = r.Start(ctx, schema.String(), "TRIGGER_SYNC=interval")
	if err == nil {
		err = r.Is(ctx, "tycostream_triggers_active", triggers)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("%w\n%s", err, r.Log())
	}
	const portion, passes = 200, 100.0
	ids, next, changes := shuffled(0, rows), 0, 0
	before, err := r.CPU()
	if err != nil {
		return 0, 0, err
	}
	w, own := watch(), cpuNow()
	err = paced(ctx, max(10, int(passes*p.duration.Seconds())), passes, func(time.Time, bool) error {
		part := ids[next:min(next+portion, len(ids))]
		next = (next + len(part)) % len(ids)
		changes += len(part)
		return r.Set(1+changes/len(ids)%900, part...)
	})
	if err == nil {
		err = r.Is(ctx, "tycostream_source_changes_total", rows+changes)
	}
	if err != nil {
		return 0, 0, err
	}
	after, err := r.CPU()
	if err != nil {
		return 0, 0, err
	}
	if got, err := r.Receiver.Count(); got > 0 || err != nil {
		return 0, 0, errors.Join(err, fmt.Errorf("%d events, where there should be none", got))
	}
	return microseconds(after-before) / float64(changes), w.others(after - before + cpuNow().minus(own).total()), nil
}
