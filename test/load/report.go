package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

func (p *plan) print(format string, args ...any) { _, _ = fmt.Fprintf(p.out, format, args...) }

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

// figure is a measured value over the rounds.
type figure struct{ median, low, high float64 }

func over(rs []result, value func(result) float64) figure {
	all := make([]float64, len(rs))
	for i, r := range rs {
		all[i] = value(r)
	}
	return figures(all)
}

func figures(all []float64) figure {
	slices.Sort(all)
	return figure{all[len(all)/2], all[0], all[len(all)-1]}
}

func (f figure) String() string {
	if f.low == f.high {
		return round3(f.median)
	}
	return fmt.Sprintf("%s [%s, %s]", round3(f.median), round3(f.low), round3(f.high))
}

// round3 writes three digits, never as a power of ten.
func round3(v float64) string {
	if math.Abs(v) >= 1000 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func milliseconds(d time.Duration) float64 { return 1000 * d.Seconds() }

func thousands(v float64) string { return fmt.Sprintf("%.0fk", math.Round(v/1000)) }

func mebibytes(n uint64) string { return fmt.Sprintf("%.1f", float64(n)/(1<<20)) }

func cost(r result) float64 { return microseconds(r.cost()) }

// weatherOf is what others used of the machine, in percent.
func weatherOf(rs []result) string {
	f := over(rs, func(r result) float64 { return r.others })
	return fmt.Sprintf("%.0f [%.0f, %.0f]", f.median, f.low, f.high)
}

// perWrite is how many rows went into a write.
func perWrite(r result) float64 {
	return float64(r.clients.Messages) / float64(max(1, r.server.Writes))
}

// column is one case of a scenario in a report.
type column struct {
	name      string
	rs, bares []result
	extra     []entry
}

type entry struct{ name, value string }

func (c *column) add(name, format string, args ...any) {
	c.extra = append(c.extra, entry{name, fmt.Sprintf(format, args...)})
}

// measure is a line of every report.
type measure struct {
	name  string
	value func(result) float64
	when  func(result) bool // nil: always
}

func delivers(r result) bool { return r.clients.Messages > 0 }

func paces(r result) bool { return r.server.Events > 0 }

func lags(r result) bool { return r.server.Lag.Max > 0 }

func waits(r result) bool { return r.clients.Latency.Max > 0 }

// counts says whether every event has so many recipients as the spec says.
func counts(r result) bool { return paces(r) && r.spec.Hot == 0 }

// measures are the lines of every report.
func measures() []measure {
	latency := func(q func(spread) time.Duration) func(result) float64 {
		return func(r result) float64 { return milliseconds(q(r.clients.Latency)) }
	}
	share := func(c func(result) cpu) func(result) float64 {
		return func(r result) float64 { return 100 * c(r).total().Seconds() / max(1e-9, r.server.Elapsed.Seconds()) }
	}
	return []measure{
		{"clients", func(r result) float64 { return float64(r.spec.Clients) }, nil},
		{"updates offered per s", func(r result) float64 { return r.spec.Rate * float64(r.spec.Merge) }, paces},
		{"updates taken per s", func(r result) float64 { return float64(r.server.Events) / r.server.Flowed.Seconds() }, paces},
		{"rows delivered, k/s", func(r result) float64 { return float64(r.clients.Messages) / r.server.Elapsed.Seconds() / 1000 }, delivers},
		{"server CPU per row, us", cost, delivers},
		{"rows per server CPU-second, k", func(r result) float64 { return 1000 / cost(r) }, delivers},
		{"rows per write", perWrite, delivers},
		{"bytes per row", func(r result) float64 { return float64(r.clients.Bytes) / float64(r.clients.Messages) }, delivers},
		{"conflated, %", func(r result) float64 { return max(0, 100*r.conflated()) }, counts},
		{"latency p50, ms", latency(func(s spread) time.Duration { return s.P50 }), waits},
		{"latency p99, ms", latency(func(s spread) time.Duration { return s.P99 }), waits},
		{"latency max, ms", latency(func(s spread) time.Duration { return s.Max }), waits},
		{"ingest lag p99, ms", func(r result) float64 { return milliseconds(r.server.Lag.P99) }, lags},
		{"ingest lag max, ms", func(r result) float64 { return milliseconds(r.server.Lag.Max) }, lags},
		{"server CPU, % of a core", share(func(r result) cpu { return r.server.CPU }), func(r result) bool { return r.server.Elapsed > 0 }},
		{"clients' CPU, % of a core", share(func(r result) cpu { return r.clients.CPU }), paces},
		{"server RSS peak, MiB", func(r result) float64 { return float64(r.server.peak()) / (1 << 20) }, func(r result) bool { return len(r.server.Samples) > 0 }},
	}
}

// report prints a scenario's cases side by side.
func (p *plan) report(title string, cols ...column) {
	if len(cols) == 0 {
		return
	}
	names := make([]string, len(cols))
	for i, c := range cols {
		names[i] = "\t" + c.name
	}
	var rows [][]any
	for _, m := range measures() {
		line, some := []any{m.name}, false
		for _, c := range cols {
			if m.when != nil && !m.when(c.rs[0]) {
				line = append(line, "-")
				continue
			}
			line, some = append(line, over(c.rs, m.value)), true
		}
		if some {
			rows = append(rows, line)
		}
	}
	rows = append(rows, barely(cols)...)
	rows = append(rows, extras(cols)...)
	last := []any{"others, %"}
	converged := []any{"clients hold the true rows"}
	for _, c := range cols {
		last, converged = append(last, weatherOf(append(slices.Clip(c.rs), c.bares...))), append(converged, "all")
	}
	p.table(title, strings.Join(names, ""), append(rows, converged, last))
}

// barely are the lines about the bare writer.
func barely(cols []column) [][]any {
	costs, ratios, some := []any{"bare TCP, the same writes, us per row"}, []any{"bare/gateway"}, false
	for _, c := range cols {
		if len(c.bares) == 0 {
			costs, ratios = append(costs, "-"), append(ratios, "-")
			continue
		}
		some = true
		bare := over(c.bares, cost)
		costs, ratios = append(costs, bare), append(ratios, fmt.Sprintf("%.0f %%", 100*bare.median/over(c.rs, cost).median))
	}
	if !some {
		return nil
	}
	return [][]any{costs, ratios}
}

// extras are the lines of single columns, in the order in which they were
// added.
func extras(cols []column) [][]any {
	var rows [][]any
	seen := make(map[string]int)
	for i, c := range cols {
		for _, e := range c.extra {
			at, ok := seen[e.name]
			if !ok {
				at = len(rows)
				seen[e.name] = at
				row := []any{e.name}
				for range cols {
					row = append(row, "-")
				}
				rows = append(rows, row)
			}
			rows[at][i+1] = e.value
		}
	}
	return rows
}

// joined adds the lines about those who joined.
func (c *column) joined(j joinReport) {
	c.add("joined", "%d", j.Clients)
	c.add("until the last was ready, ms", "%.0f", milliseconds(j.All))
	c.add("from request to last row p50, p99, max, ms", "%.0f, %.0f, %.0f", milliseconds(j.Took.P50), milliseconds(j.Took.P99), milliseconds(j.Took.Max))
	c.add("rows that they got", "%d", j.Rows)
	c.add("MiB that they got", "%s", mebibytes(j.Bytes))
	var kinds []string
	for _, k := range slices.Sorted(maps.Keys(j.Kinds)) {
		kinds = append(kinds, fmt.Sprintf("%d %s", j.Kinds[k], k))
	}
	c.add("first frames", "%s", strings.Join(kinds, ", "))
}

// verdict is a figure beside its target.
type verdict struct {
	what, target, measured string
	met                    bool
}

func (p *plan) judge(met bool, what, target, format string, args ...any) {
	p.verdicts = append(p.verdicts, verdict{what, target, fmt.Sprintf(format, args...), met})
}

func (p *plan) printVerdicts() {
	if len(p.verdicts) == 0 {
		return
	}
	var rows [][]any
	for _, v := range p.verdicts {
		word := "met"
		if !v.met {
			word = "MISSED"
		}
		rows = append(rows, []any{v.what, v.target, v.measured, word})
	}
	p.table("Against the targets", "what\ttarget\tmeasured\tverdict", rows)
}
