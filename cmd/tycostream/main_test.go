package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/testpg"
)

var update = flag.Bool("update", false, "rewrite the expected outputs in testdata")

// asProgram makes the test binary behave as the program itself, so that the
// tests see real processes, exit codes and signals without a second build.
const asProgram = "RUN_AS_THE_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(pool.Run(m))
}

var pool testpg.Pool

// outcome is what a process left behind.
type outcome struct {
	code           int
	stdout, stderr string
}

// command prepares the program in dir with only the given environment.
func command(t *testing.T, dir string, env []string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Dir = dir
	cmd.Env = append([]string{asProgram + "=1", "PATH=" + os.Getenv("PATH"), "HOME=" + dir}, env...)
	return cmd
}

func execute(t *testing.T, dir string, env []string, args ...string) outcome {
	t.Helper()
	cmd := command(t, dir, env, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	o := outcome{stdout: stdout.String(), stderr: stderr.String()}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		o.code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	return o
}

// files fills a new directory.
func files(t *testing.T, contents map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range contents {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const goodSchema = "sources:\n  trades:\n    primary_key: id\n    columns: {id: Integer, side: String}\n"

// TestExitCodes runs the program as people do: right, wrong, and misspelt.
func TestExitCodes(t *testing.T) {
	good := map[string]string{"schema.yaml": goodSchema}
	for _, c := range []struct {
		name   string
		files  map[string]string
		env    []string
		args   []string
		code   int
		stdout string // a part of it; everything when it ends in a line feed
		stderr string
	}{
		{name: "version", args: []string{"version"}, stdout: "tycostream "},
		{name: "version as a flag", args: []string{"--version"}, stdout: "tycostream "},
		{name: "version as JSON", args: []string{"version", "--json"}, stdout: `{"version":"`},
		{name: "help", args: []string{"--help"}, stdout: "tycostream demo "},
		{name: "check", files: good, args: []string{"check"}, stdout: "./schema.yaml: no mistakes, 1 source(s); --connect compares with the database\n"},
		{name: "schema", files: good, args: []string{"schema"}, stdout: "type tradesUpdate"},
		{
			name: "config", env: []string{"DATABASE_PASSWORD=hush-hush", "DATABASE_HOTS=x"}, args: []string{"config", "--port", "4001"},
			stdout: "port: 4001 # --port", stderr: "warning: DATABASE_HOTS: no setting has this name; did you mean \"DATABASE_HOST\"?\n",
		},
		{name: "no schema file", code: 1, stderr: "try    tycostream demo "},
		{name: "no schema file, serve", args: []string{"serve"}, code: 1, stderr: "or     tycostream introspect --source NAME > schema.yaml"},
		{name: "schema file elsewhere", env: []string{"SCHEMA_PATH=x.yaml"}, args: []string{"check"}, code: 1, stderr: "tycostream: x.yaml: there is no schema file"},
		{
			name: "mistakes in schema.yaml", files: map[string]string{"schema.yaml": "source:\n  a: {}\n"}, args: []string{"check"}, code: 1,
			stderr: "./schema.yaml:1:1: unknown key \"source\"; did you mean \"sources\"?\n",
		},
		{
			name: "undecided key", files: map[string]string{"schema.yaml": "sources:\n  a:\n    primary_key: CHOOSE # id\n"}, code: 1,
			stderr: "./schema.yaml:3:18: choose the primary_key of source \"a\": the comment beside it lists candidates\n",
		},
		{name: "mistake in the environment", env: []string{"GRAPHQL_PORT=x"}, args: []string{"config"}, code: 1, stderr: "GRAPHQL_PORT: \"x\" is not a whole number\n"},
		{
			name: "no directory for data", files: good, env: []string{"DATA_DIR=schema.yaml"}, args: []string{"check"}, code: 1,
			stderr: "tycostream: DATA_DIR: nothing can be kept there: schema.yaml is no directory: set it to ",
		},
		{name: "no data without triggers", files: good, env: []string{"DATA_DIR=schema.yaml", "TRIGGERS=off"}, args: []string{"check"}, stdout: "no mistakes"},
		{name: "unknown command", args: []string{"sevre"}, code: 2, stderr: "tycostream: unknown command \"sevre\"; did you mean \"serve\"?\n"},
		{name: "unknown flag", args: []string{"serve", "--prot=1"}, code: 2, stderr: "tycostream: unknown flag --prot; did you mean \"--port\"?\n"},
		{name: "unknown short flag", args: []string{"-x"}, code: 2, stderr: "tycostream: unknown flag -x; tycostream --help lists all\n"},
		{name: "bad flag", args: []string{"config", "--port=x"}, code: 2, stderr: "--port: \"x\" is not a whole number\n"},
		{name: "flag without value", args: []string{"config", "--port"}, code: 2, stderr: "flag needs an argument"},
		{name: "surplus argument", args: []string{"check", "x"}, code: 2, stderr: "tycostream: check takes no argument \"x\": see tycostream check --help\n"},
		{name: "demo has no database", args: []string{"demo", "--database-host=x"}, code: 2, stderr: "tycostream: unknown flag --database-host"},
		{name: "demo without rows", args: []string{"demo", "--rows=0"}, code: 2, stderr: "tycostream: --rows must be 1 to 5000000\n"},
		{name: "introspect usage", args: []string{"introspect", "--key=id"}, code: 2, stderr: "tycostream: --key id: say of which source"},
		{
			name: "no database", files: good, args: []string{"check", "--connect", "--database-host=127.0.0.1", "--database-port=1"}, code: 1,
			stderr: "tycostream: cannot connect to 127.0.0.1:1/materialize (connect: connection refused): start it, or set DATABASE_URL",
		},
		{
			name: "schema needs the database", files: map[string]string{"schema.yaml": "sources: {a: {primary_key: id}}"},
			args: []string{"schema", "--database-url=postgres://127.0.0.1:1/x"}, code: 1,
			stderr: "tycostream: source a declares no columns: cannot connect to 127.0.0.1:1/x",
		},
		{
			name: "settings before the command", files: good, env: []string{"LOG_LEVEL=warn"}, args: []string{"--port", "4009", "config"},
			stdout: "port: 4009 # --port",
		},
		{
			name: ".env and file", files: map[string]string{".env": "GRAPHQL_PORT=4002\n", "t.yaml": "log: {level: debug}\n"},
			args: []string{"config", "--config=t.yaml"}, stdout: "port: 4002 # .env:1 GRAPHQL_PORT",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := execute(t, files(t, c.files), c.env, c.args...)
			if o.code != c.code {
				t.Errorf("exit code %d, want %d", o.code, c.code)
			}
			compare(t, "stdout", o.stdout, c.stdout)
			compare(t, "stderr", o.stderr, c.stderr)
			if strings.Contains(o.stdout+o.stderr, "hush-hush") {
				t.Error("a secret is shown")
			}
		})
	}
}

func compare(t *testing.T, what, got, want string) {
	t.Helper()
	switch {
	case want == "" && got != "":
		t.Errorf("unexpected %s:\n%s", what, got)
	case strings.HasSuffix(want, "\n") && got != want:
		t.Errorf("%s is\n%s\nwant\n%s", what, got, want)
	case !strings.Contains(got, want):
		t.Errorf("%s\n%s\ndoes not hold\n%s", what, got, want)
	}
}

// TestHelp keeps the help texts as they were looked at.
func TestHelp(t *testing.T) {
	for _, name := range []string{"", "serve", "demo", "introspect", "check", "schema", "config", "version"} {
		var args []string
		path := "testdata/help.txt"
		if name != "" {
			args = []string{name}
			path = "testdata/help_" + name + ".txt"
		}
		got := execute(t, t.TempDir(), nil, append(args, "--help")...)
		if got.code != 0 || got.stderr != "" {
			t.Errorf("%s: %+v", name, got)
		}
		if *update {
			if err := os.WriteFile(path, []byte(got.stdout), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || string(want) != got.stdout {
			t.Errorf("the help of %q changed: look at it and run go test ./cmd/tycostream -update (%v)\n%s", name, err, got.stdout)
		}
	}
}

// TestSchemaIsValid: what `schema` prints for the repository's own file.
func TestSchemaOfTheRepository(t *testing.T) {
	text, err := os.ReadFile("../../schema.yaml")
	if err != nil {
		t.Fatal(err)
	}
	o := execute(t, files(t, map[string]string{"schema.yaml": string(text)}), nil, "schema")
	for _, want := range []string{"type LivePnL ", "livePnL(where: LivePnLExpression", "instrumentId: Int!", "theoreticalPnl: Decimal", "livePnLByPk(instrumentId: Int!): LivePnL"} {
		if !strings.Contains(strings.Join(strings.Fields(o.stdout), " "), strings.TrimSpace(want)) {
			t.Errorf("%s is not in the schema", want)
		}
	}
	if o.code != 0 || o.stderr != "" {
		t.Errorf("%d %s", o.code, o.stderr)
	}
}

// TestFromCatalogToSchema walks the way of somebody with a database: look,
// choose, check, print.
func TestFromCatalogToSchema(t *testing.T) {
	d := pool.Database(t)
	d.Exec(t, "CREATE TABLE trades (id int PRIMARY KEY, side text, price numeric)")
	d.Exec(t, "INSERT INTO trades VALUES (1, 'buy', 1.5), (2, 'sell', 1.5)")
	env := []string{"DATABASE_URL=" + d.URL()}
	dir := t.TempDir()
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "schema.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	step := func(code int, args ...string) outcome {
		t.Helper()
		o := execute(t, dir, env, args...)
		if o.code != code {
			t.Fatalf("%v: exit code %d\n%s\n%s", args, o.code, o.stdout, o.stderr)
		}
		return o
	}

	undecided := step(0, "introspect").stdout
	write(undecided)
	compare(t, "stderr", step(1, "check").stderr, `./schema.yaml:4:18: choose the primary_key of source "trades"`)

	write(step(0, "introspect", "--source=trades", "--key=id", "--enum=side=buy,sell", "--column=trades.side=side").stdout)
	compare(t, "stdout", step(0, "check", "--connect").stdout, "trades: 2 rows, the key is unique\n./schema.yaml fits the postgres at 127.0.0.1:")
	compare(t, "stdout", step(0, "schema").stdout, "type TradesUpdate {")

	write("sources: {trades: {primary_key: id}}")
	compare(t, "stdout", step(0, "schema").stdout, "price: ")

	write("sources: {trades: {primary_key: id, columns: {id: Integer, prize: Decimal}}}")
	compare(t, "stderr", step(1, "check", "--connect").stderr, `./schema.yaml:1:37: source trades: column "prize" (line 1) does not exist`)
}
