package main

import (
	"bytes"
	"context"
	"os"
	"runtime"
	"strconv"
	"time"
)

// busy returns how long the machine's cores have worked since it started, all
// processes together; false where /proc is missing.
func busy() (time.Duration, bool) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, false
	}
	return parseBusy(text)
}

// parseBusy takes the first line of /proc/stat, in hundredths of a second:
// user, nice, system, idle, iowait, irq, softirq, steal.
func parseBusy(text []byte) (time.Duration, bool) {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) < 9 || string(fields[0]) != "cpu" {
		return 0, false
	}
	var sum time.Duration
	for i, f := range fields[1:9] {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return 0, false
		}
		if i != 3 && i != 4 {
			sum += time.Duration(n) * 10 * time.Millisecond
		}
	}
	return sum, true
}

// weather is how much others used the machine while something ran.
type weather struct {
	start time.Time
	busy  time.Duration
	known bool
}

func watch() weather {
	w := weather{start: time.Now()}
	w.busy, w.known = busy()
	return w
}

// others returns the share of all cores that others used since, in percent,
// when own is what we used.
func (w weather) others(own time.Duration) float64 {
	now, ok := busy()
	if !ok || !w.known {
		return 0
	}
	all := time.Since(w.start).Seconds() * float64(runtime.NumCPU())
	return max(0, 100*(now-w.busy-own).Seconds()/all)
}

// awaitCalm waits until others use at most so many percent of the machine for
// half a second, but not longer than patience.
func awaitCalm(ctx context.Context, percent float64, patience time.Duration) {
	limit := time.After(patience)
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for w := watch(); ; w = watch() {
		select {
		case <-tick.C:
		case <-limit:
			return
		case <-ctx.Done():
			return
		}
		if w.others(0) <= percent {
			return
		}
	}
}
