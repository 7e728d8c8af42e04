package graph

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

func TestSDL(t *testing.T) {
	for name, m := range map[string]Model{
		"database-string": {StringScalars: true},
		"database-typed":  {},
		"camel-typed":     {CamelCase: true},
		"camel-string":    {CamelCase: true, StringScalars: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(have *Model) { have.CamelCase, have.StringScalars = m.CamelCase, m.StringScalars })
			path := filepath.Join("testdata", name+".graphql")
			if *update {
				if err := os.WriteFile(path, []byte(w.exec.SDL()), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path) //nolint:gosec // a golden file
			if err != nil {
				t.Fatal(err)
			}
			if got := w.exec.SDL(); got != string(want) {
				t.Errorf("%s differs from the schema, which is now\n%s", path, got)
			}
			for i := range w.model.Sources {
				w.model.Sources[i].Feed = nil
			}
			if got, err := SDL(w.model); got != string(want) || err != nil {
				t.Errorf("without feeds the schema is another: %v", err)
			}
		})
	}
}
