package main

import (
	"context"
	"fmt"
	"time"
)

// undoBytes is about what the feed keeps of a change.
const undoBytes = 200

// storm cuts every client at once, and lets all come back with their cursors.
func (p *plan) storm(ctx context.Context) error {
	s := spec{
		Clients: p.clients(1000), Rows: 2000, Hot: 200, Churn: 10, Merge: 1, Rate: 100, Frames: true, Together: true,
		History: true, Sample: 100 * time.Millisecond, Duration: 2*p.gap + 2*patience,
	}
	var cols []column
	defer func() {
		p.report(fmt.Sprintf("%d clients are cut and come back at once %v later", s.Clients, p.gap), cols...)
	}()
	for _, old := range []bool{false, true} {
		want, name := kindResumed, "cursors in the history"
		if old {
			s.UndoBytes, want, name = int(s.Rate*p.gap.Seconds()/5)*undoBytes, kindReset, "cursors too old"
		}
		first, again, err := stormRound(ctx, s, p.gap)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		c := column{name: name, rs: []result{again}}
		c.joined(again.joins)
		c.add("rows that they held already", "%d", again.joins.Same)
		c.add("MiB of their first snapshots", "%s", mebibytes(first.joins.Bytes))
		cols = append(cols, c)
		if n := again.joins.Kinds[want]; n != s.Clients {
			return fmt.Errorf("%s: %d of %d clients were told %s: %v", name, n, s.Clients, want, again.joins.Kinds)
		}
		p.judge(true, fmt.Sprintf("%d clients resume, %s", s.Clients, name), "all told "+want, "%d", again.joins.Kinds[want])
		if !old {
			p.judge(again.joins.Rows <= uint64(s.Clients*s.Hot), fmt.Sprintf("%d clients resume", s.Clients), "only the difference", //nolint:gosec // not negative
				"%s MiB instead of %s, %.0f ms until all were back", mebibytes(again.joins.Bytes), mebibytes(first.joins.Bytes), milliseconds(again.joins.All))
		}
	}
	return nil
}

// joiners joins one client, and many at once, to a source that nobody has read.
func (p *plan) joiners(ctx context.Context) error {
	var cols []column
	s := spec{Rows: p.clients(100_000), Together: true, Sample: 10 * time.Millisecond, Duration: patience}
	defer func() { p.report(fmt.Sprintf("Joining a cold source of %d rows", s.Rows), cols...) }()
	perRow := make(map[string]float64)
	for _, frames := range []bool{false, true} {
		for _, n := range []int{1, p.clients(100)} {
			s.Clients, s.Frames = n, frames
			c := column{name: fmt.Sprintf("livePnL, %d", n)}
			if frames {
				c.name = fmt.Sprintf("livePnLChanges, %d", n)
			}
			for range p.rounds {
				r, err := p.calmest(ctx, func() (result, error) { return joinRound(ctx, s) })
				if err != nil {
					return fmt.Errorf("%s: %w", c.name, err)
				}
				c.rs = append(c.rs, r)
			}
			c.joined(c.rs[0].joins)
			speed := over(c.rs, func(r result) float64 { return float64(r.joins.Rows) / r.joins.All.Seconds() / 1e6 })
			c.add("M rows/s, all together", "%v", speed)
			c.add("server memory per row of the source, B", "%v", over(c.rs, func(r result) float64 { return r.perRow }))
			perRow[c.name] = over(c.rs, cost).median
			cols = append(cols, c)
		}
	}
	one, all := cols[0], cols[1]
	p.judge(perRow[all.name] < perRow[one.name], fmt.Sprintf("%d joiners share the encoding", s.Clients), "cheaper per row than one",
		"%.2f us against %.2f", perRow[all.name], perRow[one.name])
	return nil
}

// idle connects clients that nothing is sent to.
func (p *plan) idle(ctx context.Context) error {
	var rows [][]any
	defer func() {
		p.table("Memory of an idle subscribed connection, bytes", "connections\tfilter\theap and stacks\tresident", rows)
	}()
	for _, filters := range []int{0, 1} {
		for _, n := range []int{5000, 10_000} {
			n = p.clients(n)
			s := spec{Clients: n, Filters: filters, Rows: 10 + filters*n}
			var rs []result
			for range p.rounds {
				r, err := idleRound(ctx, s)
				if err != nil {
					return err
				}
				rs = append(rs, r)
			}
			filter := "none"
			if filters > 0 {
				filter = "its own _eq"
			}
			heap, resident := over(rs, func(r result) float64 { return r.idle.InUse }), over(rs, func(r result) float64 { return r.idle.Resident })
			rows = append(rows, []any{n, filter, heap, resident})
			if filters == 0 {
				p.judge(resident.median < 10<<10, fmt.Sprintf("%d idle connections", n), "< 10 KiB each", "%v B resident", resident)
			}
		}
	}
	return nil
}
