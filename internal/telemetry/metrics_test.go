package telemetry_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/tycostream/tycostream/internal/telemetry"
)

// TestNaming keeps the rules: what promlint knows, one prefix, and that what is
// collected is what is described.
func TestNaming(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(telemetry.NewCollector(full))
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "tycostream_") || !strings.HasSuffix(f.GetHelp(), ".") {
			t.Errorf("%s, help %q", f.GetName(), f.GetHelp())
		}
	}
}

// TestParses reads a scrape as Prometheus does.
func TestParses(t *testing.T) {
	if _, err := promlint.New(strings.NewReader(scrape(t, full()))).Lint(); err != nil {
		t.Error(err)
	}
}

var metricName = regexp.MustCompile(`tycostream_[a-z_]+`)

// TestDocumented compares the metrics with docs/metrics.md, both ways, and with
// the alerts.
func TestDocumented(t *testing.T) {
	page, alerts := read(t, "../../docs/metrics.md"), read(t, "../../docs/alerts.yaml")
	names := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^# TYPE (tycostream_[a-z_]+) ").FindAllStringSubmatch(scrape(t, full()), -1) {
		names[m[1]] = true
		if !strings.Contains(page, "\n| `"+m[1]+"` |") {
			t.Errorf("docs/metrics.md has no row for %s", m[1])
		}
	}
	if len(names) < 40 {
		t.Errorf("only %d metrics", len(names))
	}
	histogram := strings.NewReplacer("_seconds_bucket", "_seconds", "_seconds_sum", "_seconds", "_seconds_count", "_seconds")
	for _, name := range metricName.FindAllString(page+alerts, -1) {
		if !names[histogram.Replace(name)] {
			t.Errorf("the documents speak of %s, which there is not", name)
		}
	}
	for _, m := range regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(alerts, -1) {
		if !strings.Contains(page, "\n| "+m[1]+" |") {
			t.Errorf("docs/metrics.md does not explain the alert %s", m[1])
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func BenchmarkScrape(b *testing.B) {
	stats := full()
	for range 18 {
		s := stats.Sources[0]
		s.Name += string(rune('a' + len(stats.Sources)))
		stats.Sources = append(stats.Sources, s)
	}
	r := prometheus.NewRegistry()
	r.MustRegister(telemetry.NewCollector(func() telemetry.Stats { return stats }))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Gather(); err != nil {
			b.Fatal(err)
		}
	}
}
