package deptest

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/tycostream/tycostream"

// file is one Go file of the module.
type file struct {
	pkg  string // its folder, relative to the module's; "." for the root
	path string
	test bool
	ast  *ast.File
}

// imports returns the paths that f imports.
func (f file) imports() []string {
	var paths []string
	for _, spec := range f.ast.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil {
			paths = append(paths, p)
		}
	}
	return paths
}

// ours returns the folder of a package of this module.
func ours(importPath string) (string, bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// matches tells whether pkg is what pattern names.
func matches(pattern, pkg string) bool {
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == base || strings.HasPrefix(pkg, base+"/")
	}
	return pattern == pkg
}

func matchesAny(patterns []string, pkg string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, pkg) })
}

// rule returns the entry of rules that speaks of pkg: the longest that matches.
func rule(rules map[string][]string, pkg string) (string, bool) {
	best, found := "", false
	for pattern := range rules {
		if matches(pattern, pkg) && (!found || specific(pattern) > specific(best)) {
			best, found = pattern, true
		}
	}
	return best, found
}

// specific orders patterns: longer is more specific, and a name more than /...
func specific(pattern string) int {
	base, wild := strings.CutSuffix(pattern, "/...")
	if wild {
		return 2 * len(base)
	}
	return 2*len(base) + 1
}

// library returns the library that an import path belongs to.
func library(importPath string) (string, bool) {
	for lib := range libraries {
		if matches(lib+"/...", importPath) {
			return lib, true
		}
	}
	return "", false
}

// load parses every Go file of the module, whatever its build tags.
func load(t *testing.T) []file {
	t.Helper()
	root := "../.."
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatalf("the module's root: %v", err)
	}
	var files []file
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || d.Name() == "testdata"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // an editor's temporary file
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		files = append(files, file{pkg: path.Dir(rel), path: rel, test: strings.HasSuffix(rel, "_test.go"), ast: parsed})
		return nil
	})
	if err != nil {
		t.Fatalf("read the module's files: %v", err)
	}
	if len(files) < 100 {
		t.Fatalf("found %d files only", len(files))
	}
	return files
}

func TestLayers(t *testing.T) {
	files := load(t)
	t.Run("imports point down", func(t *testing.T) { importsPointDown(t, files) })
	t.Run("guarded packages", func(t *testing.T) { guardedPackages(t, files) })
	t.Run("libraries stay where they are", func(t *testing.T) { librariesStayWhereTheyAre(t, files) })
	t.Run("quiet packages", func(t *testing.T) { quietPackages(t, files) })
}

func importsPointDown(t *testing.T, files []file) {
	t.Helper()
	used := map[string]bool{} // lines of the table, and each import that it allows
	for _, f := range files {
		pattern, known := rule(allowed, f.pkg)
		if !known {
			t.Errorf("%s: package %s is not in the table of allowed imports: add it to internal/deptest/rules_test.go", f.path, f.pkg)
			continue
		}
		used[pattern] = true
		if f.test {
			continue
		}
		for _, imported := range f.imports() {
			dep, ok := ours(imported)
			if !ok || strings.HasPrefix(dep, f.pkg+"/") {
				continue
			}
			if !matchesAny(allowed[pattern], dep) {
				t.Errorf("%s: %s may not import %s; it may import: %s",
					f.path, f.pkg, dep, strings.Join(append(slices.Clone(allowed[pattern]), "what lies below itself"), ", "))
			}
		}
	}
	for _, pattern := range slices.Sorted(maps.Keys(allowed)) {
		if !used[pattern] {
			t.Errorf("the table of allowed imports speaks of %s, which does not exist", pattern)
		}
	}
}

func guardedPackages(t *testing.T, files []file) {
	t.Helper()
	for _, f := range files {
		for _, imported := range f.imports() {
			dep, ok := ours(imported)
			if !ok {
				continue
			}
			pattern, ok := rule(guarded, dep)
			if !ok || matchesAny(guarded[pattern], f.pkg) || f.test && slices.Contains(guarded[pattern], "_test") {
				continue
			}
			t.Errorf("%s: imports %s, which is for these only: %s", f.path, dep, strings.Join(guarded[pattern], ", "))
		}
	}
}

func librariesStayWhereTheyAre(t *testing.T, files []file) {
	t.Helper()
	for _, f := range files {
		if f.test {
			continue
		}
		for _, imported := range f.imports() {
			first, _, _ := strings.Cut(imported, "/")
			if _, ok := ours(imported); ok || !strings.Contains(first, ".") {
				continue // this module's, or the standard library's
			}
			lib, known := library(imported)
			if !known {
				t.Errorf("%s: imports %s, a library without a record: write docs/adr/NNNN-*.md and add it to internal/deptest/rules_test.go", f.path, imported)
			} else if !matchesAny(libraries[lib], f.pkg) {
				t.Errorf("%s: %s may not use %s; these may: %s", f.path, f.pkg, lib, strings.Join(libraries[lib], ", "))
			}
		}
	}
}

func quietPackages(t *testing.T, files []file) {
	t.Helper()
	for _, f := range files {
		if f.test || !slices.Contains(quiet, f.pkg) {
			continue
		}
		for _, imported := range f.imports() {
			if slices.Contains(noisy, imported) {
				t.Errorf("%s: %s only computes; it may not import %s", f.path, f.pkg, imported)
			}
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if _, ok := n.(*ast.GoStmt); ok {
				t.Errorf("%s: %s only computes; it may not start a goroutine", f.path, f.pkg)
			}
			return true
		})
	}
}

// TestRules checks the checker: a table that allows everything would pass all
// of the above.
func TestRules(t *testing.T) {
	for _, c := range []struct {
		pkg, dep string
		want     bool
	}{
		{"internal/table", "internal/relation", true},
		{"internal/table", "internal/feed", false},
		{"internal/feed", "internal/source", false},
		{"internal/feed", "graph", false},
		{"internal/relation", "internal/table", false},
		{"internal/source", "internal/backend/materialize", false},
		{"internal/backend/postgres/pgcatalog", "internal/backend/materialize", false},
		{"graph", "internal/transport", false},
		{"internal/transport", "internal/app", false},
		{"internal/transport/delivery", "graph", false},
		{"internal/mzsim/store", "internal/feed", false},
		{"internal/app", "internal/transport/delivery", true},
		{"cmd/tycostream", "internal/mzsim", false},
		{"examples/postgres/worker", "internal/feed", false},
	} {
		pattern, ok := rule(allowed, c.pkg)
		if !ok {
			t.Errorf("no rule for %s", c.pkg)
		} else if got := matchesAny(allowed[pattern], c.dep); got != c.want {
			t.Errorf("%s imports %s: allowed %v, want %v", c.pkg, c.dep, got, c.want)
		}
	}
}
