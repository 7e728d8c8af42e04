package config_test

import (
	"errors"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/tycostream/tycostream/internal/config"
)

var update = flag.Bool("update", false, "rewrite the expected outputs")

// world is a directory, an environment and a command line.
type world struct {
	dotenv, file string
	env, flags   []string
	demo         bool
}

func (w world) load(t *testing.T) (*config.Result, error) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if w.dotenv != "" {
		write(".env", w.dotenv)
	}
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.AddFlags(fs, !w.demo)
	args := w.flags
	if w.file != "" {
		args = append([]string{"--config", write("tycostream.yaml", w.file)}, args...)
	}
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	r, err := config.Load(config.Input{Flags: fs, Environ: w.env, Dir: dir, Demo: w.demo})
	if err != nil {
		err = errors.Join(errors.New(strings.ReplaceAll(err.Error(), dir+"/", "")), err)
	}
	return r, err
}

func (w world) mustLoad(t *testing.T) *config.Result {
	t.Helper()
	r, err := w.load(t)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// origin returns where a setting's value came from.
func origin(r *config.Result, key string) string {
	i := slices.IndexFunc(r.Entries, func(e config.Entry) bool { return e.Key == key })
	o := r.Entries[i].Origin
	if j := strings.LastIndex(o, "/"); j >= 0 {
		o = o[j+1:]
	}
	return o
}

func TestPrecedence(t *testing.T) {
	file := "listen:\n  port: 1001\n"
	for _, c := range []struct {
		name   string
		w      world
		port   int
		origin string
	}{
		{"default", world{}, 4000, "default"},
		{"file", world{file: file}, 1001, "tycostream.yaml:2:9"},
		{".env beats file", world{file: file, dotenv: "GRAPHQL_PORT=1002"}, 1002, ".env:1 GRAPHQL_PORT"},
		{"environment beats .env", world{file: file, dotenv: "GRAPHQL_PORT=1002", env: []string{"GRAPHQL_PORT=1003"}}, 1003, "GRAPHQL_PORT"},
		{"flag beats all", world{file: file, dotenv: "GRAPHQL_PORT=1002", env: []string{"GRAPHQL_PORT=1003"}, flags: []string{"--port=1004"}}, 1004, "--port"},
		{"PORT is a fallback", world{env: []string{"PORT=1005"}}, 1005, "PORT"},
		{"PORT yields to GRAPHQL_PORT", world{env: []string{"PORT=1005", "GRAPHQL_PORT=1003"}}, 1003, "GRAPHQL_PORT"},
		{"PORT yields to GRAPHQL_PORT in .env", world{env: []string{"PORT=1005"}, dotenv: "GRAPHQL_PORT=1002"}, 1002, ".env:1 GRAPHQL_PORT"},
		{"PORT beats the file", world{file: file, env: []string{"PORT=1005"}}, 1005, "PORT"},
		{"empty is unset", world{file: file, env: []string{"GRAPHQL_PORT="}, flags: []string{"--port="}}, 1001, "tycostream.yaml:2:9"},
		{"null is unset", world{file: "listen:\n  port:\n"}, 4000, "default"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := c.w.mustLoad(t)
			if r.Config.Listen.Port != c.port || origin(r, "listen.port") != c.origin {
				t.Errorf("port %d from %q, want %d from %q", r.Config.Listen.Port, origin(r, "listen.port"), c.port, c.origin)
			}
			if len(r.Warnings) != 0 {
				t.Error(r.Warnings)
			}
		})
	}
}

// TestBlank: for the data directory, empty is a value where it is given.
func TestBlank(t *testing.T) {
	const file = "data_dir: /var/lib/x\n"
	for _, c := range []struct {
		name   string
		w      world
		dir    string
		origin string
	}{
		{"default", world{}, "./data", "default"},
		{"file", world{file: file}, "/var/lib/x", "tycostream.yaml:1:11"},
		{"empty variable", world{file: file, env: []string{"DATA_DIR="}}, "", "DATA_DIR"},
		{"empty in .env", world{dotenv: "DATA_DIR="}, "", ".env:1 DATA_DIR"},
		{"variable beats an empty .env", world{dotenv: "DATA_DIR=", env: []string{"DATA_DIR=/d"}}, "/d", "DATA_DIR"},
		{"empty flag", world{env: []string{"DATA_DIR=/d"}, flags: []string{"--data-dir="}}, "", "--data-dir"},
		{"empty in the file", world{file: "data_dir: ''\n"}, "", "tycostream.yaml:1:11"},
		{"null in the file", world{file: "data_dir:\n"}, "./data", "default"},
		{"demo", world{demo: true}, "", "default"},
		{"demo with a directory", world{demo: true, env: []string{"DATA_DIR=/d"}}, "/d", "DATA_DIR"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := c.w.mustLoad(t)
			if r.Config.DataDir != c.dir || origin(r, "data_dir") != c.origin {
				t.Errorf("%q from %q, want %q from %q", r.Config.DataDir, origin(r, "data_dir"), c.dir, c.origin)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	c := world{}.mustLoad(t).Config
	d := c.Database
	if d.Host != "localhost" || d.Port != 6875 || d.User != "materialize" || d.Password != "materialize" ||
		d.Name != "materialize" || d.SSLMode != "prefer" || d.Engine != "auto" || d.Cluster != "" {
		t.Errorf("%+v", d)
	}
	if c.SchemaPath != "./schema.yaml" || !c.Listen.UI || c.Listen.RowChannels || c.Listen.InternalPort != 0 || c.Log.Level != slog.LevelInfo ||
		c.StaleAfter != 10*time.Second || c.QueryWait != 5*time.Second || c.Heartbeat != 5*time.Second ||
		c.SlowClientTimeout != 10*time.Minute || c.InitTimeout != 3*time.Second || c.StallTimeout != 30*time.Second ||
		c.Linger != 5*time.Minute || c.AllowedOrigins != nil || c.Limits.MessageBytes != 1<<20 || c.Postgres.Slot != "" {
		t.Errorf("%+v", c)
	}
}

// TestTableFitsConfig sets every setting to something else and sees each of
// them arrive, in the environment and in the file.
func TestTableFitsConfig(t *testing.T) {
	for _, s := range config.Settings() {
		text := map[config.Kind]string{
			config.Text: "x", config.Integer: "7", config.Port: "7", config.Duration: "7s", config.Size: "99KiB",
			config.Boolean: "false", config.Level: "error", config.Origins: "https://x.example", config.URL: "postgres://x/y",
			config.List: "hooks.example-of-16", config.Durations: "1s,2m",
		}[s.Kind]
		switch {
		case s.Kind == config.Boolean && s.Default == "false":
			text = "true"
		case s.Kind == config.Choice && s.Values[0] == s.Default:
			text = s.Values[1]
		case s.Kind == config.Choice:
			text = s.Values[0]
		}
		before := world{}.mustLoad(t)
		for _, w := range []world{
			{env: []string{s.Env[0] + "=" + text}},
			{flags: []string{"--" + s.Flag + "=" + text}},
			{file: nested(s.Key, text)},
		} {
			switch s.Key { // not right alone
			case "retry.max":
				w.env = append(w.env, "TYCOSTREAM_RETRY_MIN=1ms")
			case "tls.cert":
				w.env = append(w.env, "TLS_KEY=k")
			case "tls.key":
				w.env = append(w.env, "TLS_CERT=c")
			}
			after, err := w.load(t)
			if err != nil {
				t.Errorf("%s: %v", s.Key, err)
				continue
			}
			if same(before.Config, after.Config) {
				t.Errorf("%s has no place in Config, or %+v is not heard", s.Key, w)
			}
		}
	}
}

func nested(key, text string) string {
	if group, name, ok := strings.Cut(key, "."); ok {
		return group + ":\n  " + name + ": " + text + "\n"
	}
	return key + ": " + text + "\n"
}

func TestMistakesAllAtOnce(t *testing.T) {
	for _, c := range []struct {
		name string
		w    world
		want []string
	}{
		{
			"webhooks",
			world{env: []string{
				"WEBHOOK_ALLOW=10.0.0.0/8,http://x/", "WEBHOOK_SECRET=short", "TRIGGER_SYNC=never", "TYCOSTREAM_WEBHOOK_ATTEMPTS=0", "TYCOSTREAM_WEBHOOK_DELAYS=5s,1",
			}},
			[]string{
				`TRIGGER_SYNC: "never" is not a choice; use one of always, interval`,
				`TYCOSTREAM_WEBHOOK_ATTEMPTS: 0 is too small: at least 1`,
				`TYCOSTREAM_WEBHOOK_DELAYS: "1" has no unit: write 1s or 1ms`,
				`WEBHOOK_ALLOW: "http://x/" is no address, network or host pattern: write 10.0.0.5, 10.0.0.0/8 or *.corp.example`,
				`WEBHOOK_SECRET: the webhook secret must hold 24 to 64 bytes behind whsec_, or be a plain text of at least 16`,
			},
		},
		{"values", world{
			env: []string{
				"GRAPHQL_PORT=abc", "DATABASE_PORT=70000", "LOG_LEVEL=inof", "GRAPHQL_UI=perhaps", "DATABASE_ENGINE=postgress",
				"TYCOSTREAM_STALE_AFTER=10", "TYCOSTREAM_QUERY_WAIT=soon", "TYCOSTREAM_RING_BYTES=1XB", "ALLOWED_ORIGINS=https://a.example/path",
				"TYCOSTREAM_HEARTBEAT=-1s", "TYCOSTREAM_LIMITS_DEPTH=-1", "DATABASE_URL=mysql://x",
			},
		}, []string{
			`ALLOWED_ORIGINS: "https://a.example/path" is more than an origin: write https://a.example`,
			`TYCOSTREAM_STALE_AFTER: "10" has no unit: write 10s or 10ms`,
			`TYCOSTREAM_QUERY_WAIT: "soon" is not a duration: write 250ms, 30s or 5m`,
			`TYCOSTREAM_HEARTBEAT: "-1s" is negative`,
			`TYCOSTREAM_RING_BYTES: "1XB" is not a size: write 512, 64KiB or 1MB`,
			`GRAPHQL_PORT: "abc" is not a whole number`,
			`GRAPHQL_UI: "perhaps" is neither true nor false`,
			`DATABASE_URL: scheme "mysql" is not known: write postgres://user:password@host:port/name`,
			`DATABASE_PORT: 70000 is not a port: use 1 to 65535`,
			`DATABASE_ENGINE: "postgress" is not a choice; did you mean "postgres"?`,
			`LOG_LEVEL: "inof" is not a log level; did you mean "info"?`,
			`TYCOSTREAM_LIMITS_DEPTH: -1 is too small: at least 0`,
		}},
		{"file", world{
			file: "listen:\n  prot: 1\n  port: x\n  port: 2\nhost: y\ndatabase: 5\nGRAPHQL_PORT: 1\nlog: {level: [a]}\nadmin_secret: ${NOPE}\nallowed_origins: [a, b]\n",
		}, []string{
			`tycostream.yaml:2:3: unknown setting "listen.prot"; did you mean "listen.port"?`,
			`tycostream.yaml:3:9: listen.port: "x" is not a whole number`,
			`tycostream.yaml:4:3: "listen.port" stands here twice; the first is in line 3`,
			`tycostream.yaml:5:1: unknown setting "host"; did you mean "database.host" or "listen.host"?`,
			`tycostream.yaml:6:11: "database" must hold settings, as in "port: 4000"`,
			`tycostream.yaml:7:1: unknown setting "GRAPHQL_PORT"; did you mean "listen.port"?`,
			`tycostream.yaml:8:14: "log.level" needs a single value of type level`,
			`tycostream.yaml:9:15: admin_secret: the environment variable NOPE is not set, nor is NOPE_FILE; write ${NOPE:-default} to do without`,
			`tycostream.yaml:10:18: allowed_origins: "a" is not an origin: write https://app.example.com, with scheme and without path`,
		}},
		{"not YAML", world{file: "a: [\n"}, []string{`tycostream.yaml:1: this is not YAML: did not find expected node content`}},
		{"together", world{env: []string{"INTERNAL_PORT=4000", "TYCOSTREAM_RETRY_MAX=1ms", "TYCOSTREAM_HEARTBEAT=0s"}}, []string{
			"INTERNAL_PORT: 4000 is the port for clients already: take another",
			"TYCOSTREAM_RETRY_MAX: 1ms is less than retry.min, 100ms",
			"TYCOSTREAM_HEARTBEAT: must be more than 0",
		}},
		{"certificate alone", world{file: "tls:\n  cert: c.pem\n"}, []string{
			"tycostream.yaml:2:9: tls.cert: is set without tls.key (TLS_KEY): set both, or neither",
		}},
		{"key alone", world{env: []string{"TLS_KEY=k.pem"}}, []string{"TLS_KEY: is set without tls.cert (TLS_CERT): set both, or neither"}},
		{"secret files", world{env: []string{"ADMIN_SECRET=a", "ADMIN_SECRET_FILE=b", "DATABASE_PASSWORD_FILE=/nonexistent/x"}}, []string{
			"ADMIN_SECRET: ADMIN_SECRET_FILE is set too: set one of them",
			"DATABASE_PASSWORD_FILE: open /nonexistent/x: no such file or directory",
		}},
	} {
		t.Run(c.name, func(t *testing.T) { c.w.mistakes(t, c.want) })
	}
}

// mistakes wants exactly these.
func (w world) mistakes(t *testing.T, wanted []string) {
	t.Helper()
	_, err := w.load(t)
	if err == nil {
		t.Fatal("no mistake found")
	}
	got, _, _ := strings.Cut(err.Error(), "\n\x00")
	lines := strings.Split(got, "\n")
	for i, want := range wanted {
		if i >= len(lines) || lines[i] != want {
			t.Errorf("line %d: want %s; got\n%s", i, want, got)
		}
	}
	if len(lines) != 2*len(wanted) { // load joins the shortened and the original error
		t.Errorf("%d mistakes instead of %d:\n%s", len(lines)/2, len(wanted), got)
	}
	if _, usage := errors.AsType[*config.UsageError](err); usage {
		t.Error("reported as a mistake in the command line")
	}
}

func TestFlagMistakesAreUsage(t *testing.T) {
	_, err := world{flags: []string{"--port=x"}}.load(t)
	if _, usage := errors.AsType[*config.UsageError](err); !usage || !strings.HasPrefix(err.Error(), `--port: "x" is not a whole number`) {
		t.Error(err)
	}
	_, err = config.Load(config.Input{Environ: []string{"TYCOSTREAM_CONFIG=/nonexistent.yaml"}, Dir: t.TempDir()})
	if err == nil || err.Error() != "read /nonexistent.yaml: no such file or directory: name an existing file with --config" {
		t.Error(err)
	}
}

func TestWarnings(t *testing.T) {
	r := world{
		env: []string{
			"DATABASE_HOTS=x", "TYCOSTREAM_DATABASE_HOST=y", "TYCOSTREAM_STALE=1", "DATABASE_HOST_FILE=z", "OTHER=1",
			"GRAPHQL_PORT_NUMBER=1", "HASURA_GRAPHQL_ADMIN_SECRET=s",
		},
		dotenv: "DATABASE_USR=x\nnot an assignment\n",
	}.mustLoad(t)
	want := []string{
		".env:2:1: this line is ignored: write NAME=value",
		`DATABASE_HOST_FILE: no setting has this name; only secrets are read from files`,
		`DATABASE_HOTS: no setting has this name; did you mean "DATABASE_HOST"?`,
		`GRAPHQL_PORT_NUMBER: no setting has this name`,
		`TYCOSTREAM_DATABASE_HOST: no setting has this name; did you mean "DATABASE_HOST"?`,
		`TYCOSTREAM_STALE: no setting has this name; did you mean "TYCOSTREAM_STALE_AFTER"?`,
		`.env:1 DATABASE_USR: no setting has this name; did you mean "DATABASE_USER"?`,
	}
	if !slices.Equal(r.Warnings, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(r.Warnings, "\n"), strings.Join(want, "\n"))
	}
	if r.Config.AdminSecret != "s" {
		t.Error("the alias of ADMIN_SECRET is not heard")
	}
}

func TestSecretFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("p4ss\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := world{env: []string{"DATABASE_PASSWORD_FILE=" + path, "HASURA_GRAPHQL_ADMIN_SECRET_FILE=" + path}}.mustLoad(t).Config
	if c.Database.Password != "p4ss" || c.AdminSecret != "p4ss" {
		t.Errorf("%q %q", c.Database.Password, c.AdminSecret)
	}
}

func TestExpansion(t *testing.T) {
	c := world{
		file: "database:\n  user: ${WHO}\n  password: \"a${WHO}b$${x}\"\n  name: ${DB:-fallback}\nallowed_origins: [\"${O}\", 'https://*.b.example']\n",
		env:  []string{"WHO=bob", "O=https://A.example/"},
	}.mustLoad(t).Config
	path := filepath.Join(t.TempDir(), "who")
	if err := os.WriteFile(path, []byte("eve\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := world{file: "database: {user: \"${WHO}\"}\n", env: []string{"WHO_FILE=" + path}}.mustLoad(t)
	if who, err := r.Variable("WHO"); r.Config.Database.User != "eve" || who != "eve" || err != nil {
		t.Errorf("from a file: %q, %q, %v", r.Config.Database.User, who, err)
	}
	if w := (world{env: []string{"TYCOSTREAM_WEBHOOK_DELAYS=5s, 1m"}}).mustLoad(t).Config.Webhook; !slices.Equal(w.Delays, []time.Duration{5 * time.Second, time.Minute}) {
		t.Error(w.Delays)
	}
	if c.Database.User != "bob" || c.Database.Password != "abobb${x}" || c.Database.Name != "fallback" {
		t.Errorf("%+v", c.Database)
	}
	if !slices.Equal(c.AllowedOrigins, []string{"https://a.example", "https://*.b.example"}) {
		t.Error(c.AllowedOrigins)
	}
}

func TestDemoIgnoresTheRest(t *testing.T) {
	r := world{
		demo:   true,
		dotenv: "GRAPHQL_PORT=1\nnonsense",
		file:   "database: {host: h}\nlog: {level: debug}\n",
		env:    []string{"DATABASE_HOST=db", "DATABASE_PORT=nonsense", "SCHEMA_PATH=x", "PORT=4001", "TLS_CERT=x"},
	}.mustLoad(t)
	c := r.Config
	if c.Database.Host != "localhost" || c.SchemaPath != "./schema.yaml" || c.Listen.Port != 4001 ||
		c.Listen.Host != "127.0.0.1" || c.Log.Level != slog.LevelDebug || c.TLS.Cert != "" {
		t.Errorf("%+v", c)
	}
	if len(r.Warnings) != 0 {
		t.Error(r.Warnings)
	}
}

func TestZeroMeansNoLimit(t *testing.T) {
	c := world{file: "limits: {depth: 0, query_rows: 0}\n"}.mustLoad(t).Config
	if c.Limits.Depth != -1 || c.Limits.QueryRows != -1 || c.Limits.Fields != 1000 {
		t.Errorf("%+v", c.Limits)
	}
}

func TestDotenvDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, ".env"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(config.Input{Dir: dir}); err != nil {
		t.Error(err)
	}
}

func TestSecretTexts(t *testing.T) {
	for want, env := range map[string][]string{
		"":                                   nil,
		"an admin|p%x/y|p%25x%2Fy|p%25x%2Fy": {"ADMIN_SECRET=an admin", "DATABASE_PASSWORD=p%x/y"},
		"s3":                                 {"ADMIN_SECRET=s3", "DATABASE_PASSWORD=joe", "DATABASE_USER=joe"},
	} {
		if got := strings.Join(world{env: env}.mustLoad(t).Config.Secrets(), "|"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "512": 512, "64KiB": 65536, "1MB": 1_000_000, "2 GiB": 2 << 30, "3k": 3072, "7b": 7,
	} {
		if got, err := config.ParseSize(text); err != nil || got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "KiB", "-1", "1.5MB", "1 TBX", "9223372036854775807KiB", "1 2"} {
		if got, err := config.ParseSize(text); err == nil {
			t.Errorf("%q: %d", text, got)
		}
	}
}
