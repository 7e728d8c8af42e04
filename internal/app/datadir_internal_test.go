package app

import (
	"log/slog"
	"os"
	"testing"

	"github.com/tycostream/tycostream/internal/config"
	"github.com/tycostream/tycostream/internal/config/schemafile"
	"github.com/tycostream/tycostream/internal/trigger/spec"
)

// A directory that cannot be written matters to those alone who named it, or
// declare triggers.
func TestDataDirThatCannotBeWritten(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("data", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	some := map[string][]spec.Input{"positions": {{Name: "big"}}}
	for _, c := range []struct {
		name, dir, want string
		triggers        map[string][]spec.Input
	}{
		{"by default", config.DefaultDataDir, "", nil},
		{"with triggers", config.DefaultDataDir, config.DefaultDataDir, some},
		{"named", "./data/x", "./data/x", nil},
		{"in memory", "", "", some},
	} {
		o := &Options{
			Config: &config.Config{DataDir: c.dir}, Schema: &schemafile.File{Triggers: c.triggers}, Log: slog.New(slog.DiscardHandler),
		}
		if got := dataDir(o); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if err := os.Remove("data"); err != nil {
		t.Fatal(err)
	}
	o := &Options{Config: &config.Config{DataDir: config.DefaultDataDir}, Schema: &schemafile.File{}, Log: slog.New(slog.DiscardHandler)}
	if got := dataDir(o); got != config.DefaultDataDir {
		t.Errorf("where it can be written: %q", got)
	}
}
