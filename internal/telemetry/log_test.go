package telemetry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/telemetry"
)

func TestJSONLines(t *testing.T) {
	var out bytes.Buffer
	log := telemetry.NewLogger(&out, telemetry.LogOptions{Format: "auto", Level: slog.LevelInfo})
	log.Debug("hidden")
	log.With("source", "live_pnl").Warn("connection lost", "error", errors.New("EOF"))
	var line map[string]string
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%v in %s", err, out.String())
	}
	if line["level"] != "warn" || line["msg"] != "connection lost" || line["source"] != "live_pnl" || line["error"] != "EOF" {
		t.Errorf("%v", line)
	}
	if at, err := time.Parse(time.RFC3339Nano, line["time"]); err != nil || !strings.HasSuffix(line["time"], "Z") || time.Since(at) > time.Minute {
		t.Errorf("time %q: %v", line["time"], err)
	}
}

func TestTextLines(t *testing.T) {
	var out bytes.Buffer
	log := telemetry.NewLogger(&out, telemetry.LogOptions{Format: "text", Level: slog.LevelDebug})
	log.Info("ready")
	log.With("source", "a b").WithGroup("g").Error("gone wrong", "n", 5)
	got := regexp.MustCompile(`\d\d:\d\d:\d\d\.\d{3}`).ReplaceAllString(out.String(), "T")
	if want := "T INFO  ready\nT ERROR gone wrong source=\"a b\" g.n=5\n"; got != want {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

type hidden struct{ Password string }

func TestSecretsStayOut(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		log := telemetry.NewLogger(&out, telemetry.LogOptions{Format: format, Secrets: []string{"s3cr3t!", "short", ""}})
		log.Info("connect", "url", "postgres://u:s3cr3t!@h", "error", errors.New("no s3cr3t! here"), "config", hidden{"s3cr3t!"},
			"db_password", "other", "admin_secret", "x", "short", "short")
		log.With("dsn", "s3cr3t!").WithGroup("g").Info("again", "v", "s3cr3t!")
		if strings.Contains(out.String(), "s3cr3t!") || strings.Contains(out.String(), "other") {
			t.Errorf("%s", out.String())
		}
		if !strings.Contains(out.String(), "short") || strings.Count(out.String(), "********") < 6 {
			t.Errorf("%s", out.String())
		}
	}
}

func TestBuild(t *testing.T) {
	b := telemetry.ReadBuild("v1.2.3")
	if b.Version != "v1.2.3" || !strings.HasPrefix(b.Go, "go1.") {
		t.Errorf("%+v", b)
	}
	if got := (telemetry.Build{Version: "v1", Revision: "0123456789abcdef", Modified: true, Go: "go1.26"}).String(); got !=
		"tycostream v1 (0123456789ab, modified) go1.26" {
		t.Error(got)
	}
	if telemetry.ReadBuild("").Version == "" {
		t.Error("no version at all")
	}
}
