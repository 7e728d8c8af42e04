package schemafile_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/config/mistake"
	"github.com/tycostream/tycostream/internal/config/schemafile"
	"github.com/tycostream/tycostream/internal/relation"
)

var update = flag.Bool("update", false, "rewrite the expected outputs in testdata")

// TestMistakes compares what is said about each broken file in testdata.
func TestMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/mistakes/*.yaml")
	if err != nil || len(files) < 20 {
		t.Fatal("testdata is missing", err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, err = schemafile.Parse("schema.yaml", text, schemafile.Options{})
			list, ok := errors.AsType[mistake.List](err)
			if !ok {
				t.Fatalf("no mistake found, but %v", err)
			}
			for _, m := range list {
				if m.Line < 1 {
					t.Errorf("without a line: %s", m.Text)
				}
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".txt", err.Error()+"\n")
		})
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}

func parse(t *testing.T, text string) *schemafile.File {
	t.Helper()
	f, err := schemafile.Parse("schema.yaml", []byte(text), schemafile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestRepositorySchema(t *testing.T) {
	f, err := schemafile.Load("../../../schema.yaml", schemafile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !f.CamelCase || f.StringScalars || len(f.Sources) != 1 {
		t.Fatalf("%+v", f)
	}
	s := f.Sources[0]
	if s.Name != "live_pnl" || s.Base != "livePnL" || s.Relation != "live_pnl" || len(s.Columns) != 7 ||
		s.Columns[0].Field != "instrumentId" || s.Columns[6].Field != "theoreticalPnl" || !s.Required || s.Lazy {
		t.Errorf("%+v", s)
	}
}

// TestOriginalFormat reads the shortest file of the predecessor.
func TestOriginalFormat(t *testing.T) {
	f := parse(t, `
enums: {side: [buy, sell]}
sources:
  trades:
    primary_key: id
    columns: {id: Integer, instrument_id: Integer, side: side, quantity: Integer, price: Float, executed_at: Timestamp}
`)
	if f.CamelCase || !f.StringScalars {
		t.Error("the defaults of the original are naming: database and scalars: string")
	}
	s := f.Sources[0]
	if s.Base != "trades" || len(s.Columns) != 6 || s.Columns[1].Field != "instrument_id" || s.Key[0] != "id" {
		t.Errorf("%+v", s)
	}
	if c := s.Columns[2]; c.Kind != relation.Enumeration || c.Enum != f.Enums[0] || c.Enum.Values[1] != "sell" {
		t.Errorf("%+v", c)
	}
	if s.Field("a_b") != "a_b" || s.Linger != 5*time.Minute {
		t.Error("defaults of a source")
	}
}

func TestEveryKey(t *testing.T) {
	f := parse(t, `
naming: camelCase
scalars: string
sources:
  one:
    relation: materialize.public."Strange.View"
    primary_key: [a_b, c]
    start: lazy
    linger: 90s
    max_rows: 5_000_000
    columns:
      a_b: Integer
      c: {type: String, graphql_name: sea, nullable: false}
      d: {type: Array, nullable: true}
  two:
    query: |
      SELECT * FROM huge WHERE desk = 'x';
    primary_key: id
    required: false
`)
	if !f.StringScalars {
		t.Error("scalars: string is not heard")
	}
	one, two := f.Sources[0], f.Sources[1]
	if !one.Lazy || one.Required || one.Linger != 90*time.Second || one.MaxRows != 5_000_000 || len(one.Key) != 2 {
		t.Errorf("%+v", one)
	}
	if c := one.Columns[1]; c.Field != "sea" || c.Nullable == nil || *c.Nullable || c.Line != 13 {
		t.Errorf("%+v", c)
	}
	if two.Query != "SELECT * FROM huge WHERE desk = 'x'" || two.Relation != "" || two.Required || two.Columns != nil {
		t.Errorf("%+v", two)
	}
	if got := two.Field("first_name"); got != "firstName" {
		t.Error(got)
	}
}

// TestAliases shows that columns can be shared by an anchor.
func TestAliases(t *testing.T) {
	f := parse(t, `
sources:
  a: {primary_key: id, columns: &cols {id: Integer, x: String}}
  b: {primary_key: id, columns: *cols}
`)
	if len(f.Sources[1].Columns) != 2 {
		t.Errorf("%+v", f.Sources[1])
	}
}

func TestWarnings(t *testing.T) {
	f := parse(t, `
sources:
  a: {primary_key: id, linger: 1s}
  b: {primary_key: id, start: lazy, required: true}
`)
	want := "s.yaml:3:24: linger does nothing here: it is for sources with start: lazy\n" +
		"s.yaml:4:37: a lazy source connects with its first subscriber, so it does not count for readiness"
	if got := strings.ReplaceAll(f.Warnings.Error(), "schema.yaml", "s.yaml"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestPlace(t *testing.T) {
	f := parse(t, "sources:\n  a:\n    primary_key: id\n    columns:\n      id: Integer\n")
	for _, c := range []struct {
		path []string
		want string
	}{
		{[]string{"sources", "a"}, "schema.yaml:2:3"},
		{[]string{"sources", "a", "columns", "id"}, "schema.yaml:5:7"},
		{[]string{"sources", "a", "columns", "nowhere"}, "schema.yaml:4:5"},
		{[]string{"nowhere"}, "schema.yaml:1"},
	} {
		if got := f.Place(c.path...).Place(); got != c.want {
			t.Errorf("%v: %s, want %s", c.path, got, c.want)
		}
	}
}

func TestMissingFile(t *testing.T) {
	_, err := schemafile.Load(filepath.Join(t.TempDir(), "schema.yaml"), schemafile.Options{})
	if !errors.Is(err, schemafile.ErrMissing) {
		t.Error(err)
	}
	if _, err = schemafile.Load(t.TempDir(), schemafile.Options{}); err == nil {
		t.Error("a directory was read")
	}
}

// FuzzSchema: no text takes the process down, every mistake has a line, and a
// good file reads the same twice.
func FuzzSchema(f *testing.F) {
	files, err := filepath.Glob("testdata/mistakes/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range append(files, "../../../schema.yaml") {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := schemafile.Parse("s", text, schemafile.Options{})
		if err != nil {
			list, ok := errors.AsType[mistake.List](err)
			if !ok || len(list) == 0 {
				t.Fatalf("not a list of mistakes: %v", err)
			}
			for _, m := range list {
				if m.Line < 1 || m.Text == "" {
					t.Errorf("a mistake without place or text: %+v", m)
				}
			}
			return
		}
		again, err := schemafile.Parse("s", text, schemafile.Options{})
		if err != nil || len(file.Sources) == 0 || len(again.Sources) != len(file.Sources) {
			t.Errorf("read differently the second time: %v", err)
		}
		for _, s := range file.Sources {
			if len(s.Key) == 0 || s.Base == "" || s.Query == "" && s.Relation == "" {
				t.Errorf("accepted %+v", s)
			}
		}
	})
}

func TestTriggers(t *testing.T) {
	f := parse(t, `
sources:
  a:
    primary_key: id
    triggers:
      one: {webhook: "https://example.com", fire: {x: {_gt: 12345678901234567890.5}}, for: 30s, fields: id, headers: {X-A: b}}
      two: {webhook: "https://example.com", fire: {x: {_is_null: true, _in: [1, "2"]}}, snapshot: true, paused: true}
  b:
    primary_key: id
    triggers:
    - &base {name: three, webhook: "https://example.com", fire: {_not: {x: {_eq: text}}}}
`)
	a, b := f.Triggers["a"], f.Triggers["b"]
	if len(a) != 2 || len(b) != 1 || a[0].Name != "one" || a[1].Name != "two" || b[0].Name != "three" {
		t.Fatalf("%+v", f.Triggers)
	}
	if got := fmt.Sprint(a[0].Fire, a[1].Fire, b[0].Fire); got != "map[x:map[_gt:12345678901234567890.5]] map[x:map[_in:[1 2] _is_null:true]] map[_not:map[x:map[_eq:text]]]" {
		t.Error(got)
	}
	if a[0].For != 30*time.Second || !slices.Equal(a[0].Fields, []string{"id"}) || a[0].Header["X-A"] != "b" || !a[1].Snapshot || !a[1].Paused {
		t.Errorf("%+v", a)
	}
}

// TestVariables: what may be secret, or differ between installations, comes from
// the environment; conditions are left alone.
func TestVariables(t *testing.T) {
	variables := map[string]string{"HOOK": "https://hooks.example/T0/B1", "TOKEN": "t0ken", "NEW": "the newest secret", "OLD": "the secret before"}
	f, err := schemafile.Parse("schema.yaml", []byte(`
sources:
  a:
    primary_key: id
    triggers:
      one:
        webhook: ${HOOK}
        fire: {x: {_eq: "${TOKEN}"}}
        headers: {Authorization: "Bearer ${TOKEN}", X-Plain: "$${TOKEN}", X-Default: "${NONE:-none}"}
        secrets: ["${NEW}", "${OLD}", a plain one that is long]
`), schemafile.Options{Variable: func(name string) (string, error) { return variables[name], nil }})
	if err != nil {
		t.Fatal(err)
	}
	in := f.Triggers["a"][0]
	if got, want := fmt.Sprint(in.Webhook, in.Fire, in.Header, in.Secrets), "https://hooks.example/T0/B1map[x:map[_eq:${TOKEN}]] "+
		"map[Authorization:Bearer t0ken X-Default:none X-Plain:${TOKEN}] [the newest secret the secret before a plain one that is long]"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, hidden := range []string{"https://hooks.example/T0/B1", "Bearer t0ken", "the newest secret", "the secret before", "a plain one that is long"} {
		if !slices.Contains(f.Secrets(), hidden) {
			t.Errorf("the log may show %q", hidden)
		}
	}
	_, err = schemafile.Parse("schema.yaml", []byte("sources: {a: {primary_key: id, triggers: {one: {webhook: 'https://x', fire: {x: {_gt: 1}}, secret: '${S}'}}}}"),
		schemafile.Options{Variable: func(string) (string, error) { return "", errors.New("open /run/secrets/s: no such file") }})
	if want := "schema.yaml:1:92: trigger \"one\": secret: S_FILE: open /run/secrets/s: no such file"; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
