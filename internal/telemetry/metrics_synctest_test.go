package telemetry_test

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tycostream/tycostream/internal/telemetry"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestExposition compares a whole scrape, but for the process's own metrics,
// with testdata/metrics.txt. Time stands still meanwhile.
func TestExposition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got bytes.Buffer
		for line := range strings.Lines(scrape(t, full())) {
			if strings.Contains(line, "tycostream_") {
				got.WriteString(line)
			}
		}
		const golden = "testdata/metrics.txt"
		if *update {
			if err := os.WriteFile(golden, got.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(want), "\n")
		for i, line := range strings.Split(got.String(), "\n") {
			if i >= len(lines) || line != lines[i] {
				t.Fatalf("line %d is\n%s\nwhich testdata/metrics.txt has not: look at the difference that -update makes", i+1, line)
			}
		}
		if got.Len() < len(want) {
			t.Errorf("%d bytes, want %d", got.Len(), len(want))
		}
	})
}

// TestClockAhead is about a database whose clock is ahead of ours.
func TestClockAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := full()
		s.Sources[0].Frontier = time.Now().Add(time.Hour)
		s.Sources[0].UndoFrom = time.Now().Add(time.Hour)
		got := scrape(t, s)
		for _, want := range []string{
			"tycostream_source_lag_seconds{source=\"live_pnl\"} 0\n", "tycostream_undo_log_seconds{source=\"live_pnl\"} 0\n",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("no %s", want)
			}
		}
	})
}

func TestBeforeAnythingHappened(t *testing.T) {
	got := scrape(t, telemetry.Stats{Sources: []telemetry.SourceStats{{Name: "trades", State: "STARTING"}}})
	for _, absent := range []string{"source_lag_seconds", "source_frontier_timestamp_seconds", "source_last_change_timestamp_seconds"} {
		if strings.Contains(got, absent) {
			t.Errorf("a source without a time has %s", absent)
		}
	}
	for _, zero := range []string{
		`tycostream_source_up{source="trades"} 0`, `tycostream_resumes_total{result="reset",source="trades"} 0`,
		`tycostream_undo_log_seconds{source="trades"} 0`, `tycostream_subscription_snapshot_seconds_count{source="trades"} 0`,
		`tycostream_write_seconds_count{protocol="http"} 0`, "tycostream_websocket_connections 0", "go_goroutines ", "process_open_fds ", "tycostream_build_info",
	} {
		if !strings.Contains(got, zero) {
			t.Errorf("no %s", zero)
		}
	}
}
