package predindex

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"testing"

	"github.com/tycostream/tycostream/internal/filter"
	"github.com/tycostream/tycostream/internal/relation"
)

var trades = &relation.Schema{
	Columns: []relation.Column{
		{Name: "id", Field: "id", Kind: relation.Integer},
		{Name: "account", Field: "account", Kind: relation.Integer},
		{Name: "instrument", Field: "instrument", Kind: relation.String},
		{Name: "desk", Field: "desk", Kind: relation.String},
		{Name: "side", Field: "side", Kind: relation.Enumeration, Enum: side},
		{Name: "quantity", Field: "quantity", Kind: relation.Integer},
		{Name: "price", Field: "price", Kind: relation.Decimal},
		{Name: "at", Field: "at", Kind: relation.Timestamp, Zoned: true},
		{Name: "note", Field: "note", Kind: relation.String, Nullable: true},
	},
	Key: []int{0},
}

func trade(account, desk, quantity int) relation.Row {
	return relation.Texts(strconv.Itoa(1_000_000+account), strconv.Itoa(account), fmt.Sprintf("INSTR-%05d", account), fmt.Sprintf("desk %d", desk),
		side.Values[account%3], strconv.Itoa(quantity), strconv.Itoa(100+quantity%50)+".2500", "2026-01-02 03:04:05.678+00", "a note on the trade")
}

// updates are pairs of rows that differ in quantity and price.
func updates(n, accounts int) (list [][2]relation.Row) {
	r := rand.New(rand.NewPCG(1, 2))
	for range n {
		account, desk := r.IntN(accounts), r.IntN(10)
		list = append(list, [2]relation.Row{trade(account, desk, r.IntN(1_000_000)), trade(account, desk, r.IntN(1_000_000))})
	}
	return list
}

var benchmarks = []struct {
	name  string
	sizes []int
	where func(i int) string
}{
	{"string eq", []int{1, 1000, 10_000}, func(i int) string { return fmt.Sprintf(`{"instrument":{"_eq":"INSTR-%05d"}}`, i) }},
	{"integer eq", []int{1, 1000, 10_000}, func(i int) string { return fmt.Sprintf(`{"account":{"_eq":%d}}`, i) }},
	{"in 10", []int{10_000}, func(i int) string {
		return fmt.Sprintf(`{"account":{"_in":[%d,%d,%d,%d,%d,%d,%d,%d,%d,%d]}}`, i, i+1, i+2, i+3, i+4, i+5, i+6, i+7, i+8, i+9)
	}},
	{"composite", []int{1, 10_000}, func(i int) string {
		return fmt.Sprintf(`{"desk":{"_eq":"desk %d"},"instrument":{"_eq":"INSTR-%05d"}}`, i%10, i)
	}},
	{"eq and pattern", []int{10_000}, func(i int) string {
		return fmt.Sprintf(`{"account":{"_eq":%d},"note":{"_like":"%%trade%%"}}`, i)
	}},
	{"threshold above", []int{1, 10_000}, func(i int) string { return fmt.Sprintf(`{"quantity":{"_gt":%d}}`, 999_000+i) }},
	{"threshold below", []int{10_000}, func(i int) string { return fmt.Sprintf(`{"price":{"_lt":%d.25}}`, 101-i) }},
	{"range", []int{10_000}, func(i int) string { return fmt.Sprintf(`{"quantity":{"_gte":%d,"_lt":%d}}`, i*100, i*100+100) }},
	{"like", []int{10_000}, func(i int) string { return fmt.Sprintf(`{"instrument":{"_like":"%%-%05d"}}`, i) }},
	{"ilike", []int{10_000}, func(i int) string { return fmt.Sprintf(`{"instrument":{"_ilike":"%%r-%05d%%"}}`, i) }},
	{"regex", []int{10_000}, func(i int) string { return fmt.Sprintf(`{"instrument":{"_regex":"-0*%d$"}}`, i) }},
	{"residual like", []int{10_000}, func(i int) string { return fmt.Sprintf(`{"instrument":{"_like":"%%%s"}}`, blanks(i)) }},
	{"residual changed", []int{10_000}, func(i int) string { return fmt.Sprintf(`{"quantity":{"_nin":[%d,1]},"note":{"_like":"_x%%"}}`, i) }},
}

// blanks are digits of i with something between them.
func blanks(i int) string { return fmt.Sprintf("%d_%d_%d_", i%10, i/10%10, i/100%10) }

func fill(tb testing.TB, n int, where func(i int) string) *Index[int] {
	tb.Helper()
	x := New[int](trades)
	for i := range n {
		x.Add(compile(tb, trades, where(i)), i)
	}
	return x
}

// BenchmarkVisit tells what one update costs, and how many entries it visits.
func BenchmarkVisit(b *testing.B) {
	for _, c := range benchmarks {
		for _, size := range c.sizes {
			b.Run(fmt.Sprintf("%s/%d", c.name, size), func(b *testing.B) {
				x := fill(b, size, c.where)
				list := updates(1<<12, max(size, 1000))
				if size == 1 {
					list = updates(1<<12, 1) // as many visits as among 10,000
				}
				i, visits := 0, 0
				visit := func(int, bool, bool) { visits++ }
				b.ReportAllocs()
				for b.Loop() {
					u := &list[i&(1<<12-1)]
					x.Visit(u[0], u[1], visit)
					i++
				}
				b.ReportMetric(float64(visits)/float64(i), "visits/op")
			})
		}
	}
}

// BenchmarkNaive evaluates every predicate, to compare with.
func BenchmarkNaive(b *testing.B) {
	var predicates []*filter.Predicate
	for i := range 10_000 {
		predicates = append(predicates, compile(b, trades, benchmarks[0].where(i)))
	}
	list := updates(1<<12, 10_000)
	i := 0
	for b.Loop() {
		u := &list[i&(1<<12-1)]
		for _, p := range predicates {
			p.Match(u[0])
			p.Match(u[1])
		}
		i++
	}
}

// BenchmarkChurn adds one entry to 10,000 and takes the oldest out.
func BenchmarkChurn(b *testing.B) {
	for _, c := range benchmarks {
		b.Run(c.name, func(b *testing.B) {
			x := New[int](trades)
			predicates := make([]*filter.Predicate, 11_000)
			entries := make([]*Entry[int], 10_000)
			for i := range predicates {
				predicates[i] = compile(b, trades, c.where(i))
			}
			for i := range entries {
				entries[i] = x.Add(predicates[i], i)
			}
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				e := &entries[i%len(entries)]
				x.Remove(*e)
				*e = x.Add(predicates[(i+len(entries))%len(predicates)], i)
				i++
			}
		})
	}
}

// BenchmarkMemory tells the bytes per entry, predicates apart.
func BenchmarkMemory(b *testing.B) {
	for _, c := range benchmarks {
		b.Run(c.name, func(b *testing.B) {
			const size = 10_000
			predicates := make([]*filter.Predicate, size)
			for i := range predicates {
				predicates[i] = compile(b, trades, c.where(i))
			}
			for b.Loop() {
				before := heap()
				x := New[*int](trades)
				for _, p := range predicates {
					x.Add(p, nil)
				}
				b.ReportMetric(float64(heap()-before)/size, "B/entry")
				runtime.KeepAlive(x)
			}
		})
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
