package app

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/config"
	"github.com/tycostream/tycostream/internal/config/schemafile"
	"github.com/tycostream/tycostream/internal/trigger/spec"
)

// TestPrivateTargets: who may name a private address.
func TestPrivateTargets(t *testing.T) {
	const metadata = "http://169.254.169.254/latest"
	for _, c := range []struct {
		name    string
		environ []string
		target  string
		refused bool
	}{
		{"anybody", nil, "http://127.0.0.1:9/", true},
		{"the listener is on loopback", []string{"LISTEN_HOST=localhost"}, "http://127.0.0.1:9/", false},
		{"there is an admin secret", []string{"ADMIN_SECRET=x"}, "http://10.0.0.1/", false},
		{"it is allowed", []string{"WEBHOOK_ALLOW=10.0.0.0/8"}, "http://10.0.0.1/", false},
		{"another is allowed", []string{"WEBHOOK_ALLOW=10.0.0.0/8"}, "http://192.168.0.1/", true},
		{"metadata", []string{"ADMIN_SECRET=x", "LISTEN_HOST=127.0.0.1"}, metadata, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			settings, err := config.Load(config.Input{Environ: append(c.environ, "DATA_DIR="), Dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			const schema = "sources: {trades: {primary_key: id, columns: {id: Integer}}}"
			file, err := schemafile.Parse("schema.yaml", []byte(schema), schemafile.Options{})
			if err != nil {
				t.Fatal(err)
			}
			g, err := newGateway(t.Context(), &Options{Config: settings.Config, Schema: file, Log: slog.New(slog.DiscardHandler)}, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer g.close()
			fire := map[string]any{"id": map[string]any{"_eq": "1"}}
			_, err = g.triggers.engine.Create(t.Context(), "trades", spec.Input{Name: "t", Webhook: c.target, Fire: fire})
			refusal, ok := errors.AsType[*spec.Error](err)
			switch {
			case !c.refused && err != nil, c.refused && (!ok || refusal.Code != spec.CodeRefused):
				t.Errorf("got %v", err)
			case c.refused && c.target != metadata && !strings.Contains(err.Error(), "WEBHOOK_ALLOW"):
				t.Errorf("%v names no setting", err)
			}
		})
	}
}

func TestDeliverySettings(t *testing.T) {
	for attempts, longest := range map[int]time.Duration{1: 0, 2: 5 * time.Second, 10: 24 * time.Hour, 20: 24 * time.Hour} {
		s := deliverySettings(&config.Webhook{Attempts: attempts, Timeout: time.Second, Concurrency: 300})
		if s.Delays == nil || len(s.Delays) != attempts-1 || attempts > 1 && s.Delays[attempts-2] != longest {
			t.Errorf("%d attempts: %v", attempts, s.Delays)
		}
		if s.PerEndpoint != 300 || s.InFlight != 300 || s.Timeout != time.Second {
			t.Errorf("%+v", s)
		}
	}
}

func TestDeliveryDelays(t *testing.T) {
	s := deliverySettings(&config.Webhook{Attempts: 5, Delays: []time.Duration{time.Second, time.Minute}})
	if want := []time.Duration{time.Second, time.Minute, time.Minute, time.Minute}; !slices.Equal(s.Delays, want) {
		t.Errorf("%v, want %v", s.Delays, want)
	}
}

func TestStatusLabel(t *testing.T) {
	for status, want := range map[int]string{0: "none", 200: "200", 410: "410", 299: "other", 999: "other"} {
		if got := statusLabel(status); got != want {
			t.Errorf("%d: %s, want %s", status, got, want)
		}
	}
}
