package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tycostream/tycostream/internal/webhook"
	"github.com/tycostream/tycostream/internal/webhook/store"
)

func TestProbe(t *testing.T) {
	dir := t.TempDir()
	held := filepath.Join(dir, "held")
	s, err := store.Open(t.Context(), store.Options{Dir: held})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Probe(held); !errors.Is(err, webhook.ErrLocked) || !strings.Contains(err.Error(), held) {
		t.Errorf("held: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"held": "", "new": "", "new/and/deep": "", "file": "is no directory", "file/below": "not a directory",
	} {
		err := store.Probe(filepath.Join(dir, name))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "new")); err == nil {
		t.Error("a probe made the directory")
	}
}
