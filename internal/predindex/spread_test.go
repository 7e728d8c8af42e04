//go:build unix

package predindex

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/relation"
)

// spreadFilters are filters on one column, few of which match a row.
var spreadFilters = []struct {
	name  string
	where func(i int) string
}{
	{"eq", func(i int) string { return fmt.Sprintf(`{"instrument":{"_eq":"INSTR-%05d"}}`, i) }},
	{"like contains", func(i int) string { return fmt.Sprintf(`{"instrument":{"_like":"%%-%05d%%"}}`, i) }},
	{"like prefix", func(i int) string { return fmt.Sprintf(`{"instrument":{"_like":"INSTR-%05d%%"}}`, i) }},
	{"like suffix", func(i int) string { return fmt.Sprintf(`{"instrument":{"_like":"%%%05d"}}`, i) }},
	{"like pieces", func(i int) string { return fmt.Sprintf(`{"instrument":{"_like":"%%STR_%05d%%"}}`, i) }},
	{"ilike contains", func(i int) string { return fmt.Sprintf(`{"instrument":{"_ilike":"%%str-%05d%%"}}`, i) }},
	{"regex", func(i int) string { return fmt.Sprintf(`{"instrument":{"_regex":"-0*%d$"}}`, i) }},
	{"iregex", func(i int) string { return fmt.Sprintf(`{"instrument":{"_iregex":"(str|foo)-%05d"}}`, i) }},
	{"like without text", func(i int) string { return fmt.Sprintf(`{"instrument":{"_like":"%%%s"}}`, blanks(i)) }},
	{"regex without text", func(i int) string { return fmt.Sprintf(`{"instrument":{"_regex":"%s$"}}`, classes(i)) }},
}

// classes are expressions for the digits of i, none of them a single character.
func classes(i int) string {
	var b strings.Builder
	for _, d := range fmt.Sprintf("%05d", i) {
		fmt.Fprintf(&b, `[%cA-Z]`, d)
	}
	return b.String()
}

// BenchmarkSpread is BenchmarkVisit in a process that does other things too:
// each filter comes with a connection's 8 kB in small pieces, so that hardly
// two of its parts are neighbors in memory, and what a visit reaches is read.
// Rows stay what they are in the column of the filters, and come again, or
// change there and are new.
func BenchmarkSpread(b *testing.B) {
	const size = 10_000
	for _, c := range spreadFilters {
		for _, changed := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/changed=%v", c.name, changed), func(b *testing.B) {
				x, connections := spread(b, size, c.where)
				list := spreadUpdates(size, changed)
				visits, read, n := 0, 0, 0
				visit := func(v *[1024]byte, _, _ bool) { visits++; read += int(v[512]) }
				for _, u := range list[:len(list)/2] {
					x.Visit(u[0], u[1], visit)
				}
				if changed {
					list = list[len(list)/2:]
				}
				visits = 0
				start := processorTime()
				for b.Loop() {
					u := &list[n%(len(list)/2)]
					x.Visit(u[0], u[1], visit)
					n++
				}
				spent := float64((processorTime() - start).Nanoseconds()) / float64(n)
				b.ReportMetric(spent, "cpu-ns/op")
				b.ReportMetric(spent/size, "cpu-ns/filter")
				b.ReportMetric(float64(visits)/float64(n), "visits/op")
				runtime.KeepAlive(connections)
			})
		}
	}
}

// processorTime is what the process has used, which on a busy machine tells more
// than a clock.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func spread(tb testing.TB, size int, where func(i int) string) (x *Index[*[1024]byte], connections [][]byte) {
	tb.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	x = New[*[1024]byte](trades)
	for i := range size {
		p := compile(tb, trades, where(i))
		for n := 0; n < 8192; {
			piece := make([]byte, 16<<r.IntN(7))
			connections = append(connections, piece)
			n += len(piece)
		}
		x.Add(p, new([1024]byte))
	}
	return x, connections
}

func spreadUpdates(size int, changed bool) (list [][2]relation.Row) {
	list = updates(1<<10, size)
	for i := range list {
		if changed {
			list[i][1] = list[(i+1)%len(list)][0]
		}
	}
	return list
}
