package deptest

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// link is a link to a file of the repository.
var link = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)

// documents reads every Markdown file of the repository, by its path.
func documents(t *testing.T) map[string]string {
	t.Helper()
	docs := map[string]string{}
	err := filepath.WalkDir("../..", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "../.." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || d.Name() == "dist"):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".md":
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		docs[strings.TrimPrefix(filepath.ToSlash(name), "../../")] = string(text)
		return nil
	})
	if err != nil {
		t.Fatalf("read the documents: %v", err)
	}
	return docs
}

func TestLinksLeadSomewhere(t *testing.T) {
	docs := documents(t)
	if _, ok := docs["README.md"]; !ok {
		t.Fatal("found no README.md")
	}
	for name, text := range docs {
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			target := path.Join(path.Dir(name), found[1])
			if _, err := os.Stat(filepath.Join("../..", target)); err != nil {
				t.Errorf("%s links to %s, which is not there", name, found[1])
			}
		}
	}
}

func TestRecordsAreListed(t *testing.T) {
	docs := documents(t)
	index := docs["docs/adr/README.md"]
	for name := range docs {
		if base := path.Base(name); path.Dir(name) == "docs/adr" && base != "README.md" && !strings.Contains(index, "("+base+")") {
			t.Errorf("%s is not in docs/adr/README.md", name)
		}
	}
}

// TestDependenciesHaveRecords wants every module that go.mod requires directly
// to be named in a decision record.
func TestDependenciesHaveRecords(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	var records strings.Builder
	for name, text := range documents(t) {
		if path.Dir(name) == "docs/adr" {
			records.WriteString(text)
		}
	}
	var direct []string
	for line := range strings.Lines(string(mod)) {
		fields := strings.Fields(line)
		if len(fields) == 2 && strings.HasPrefix(line, "\t") && strings.HasPrefix(fields[1], "v") {
			direct = append(direct, fields[0])
		}
	}
	if len(direct) < 5 {
		t.Fatalf("found %q in go.mod only", direct)
	}
	for _, module := range slices.Sorted(slices.Values(direct)) {
		// koanf's record speaks of its providers as well.
		if root, _, ok := strings.Cut(module, "/providers/"); ok {
			module = root
		}
		if !strings.Contains(records.String(), strings.TrimSuffix(module, "/v2")) {
			t.Errorf("go.mod requires %s, which no record in docs/adr names", module)
		}
	}
}
