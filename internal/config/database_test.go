package config_test

import (
	"encoding/json"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/pflag"

	"github.com/tycostream/tycostream/internal/config"
)

func same(a, b *config.Config) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// TestConnString asks pgconn how it understands what we hand to it.
func TestConnString(t *testing.T) {
	for _, c := range []struct {
		name, host     string
		port           uint16
		user, pw, db   string
		env            []string
		tls, plainToo  bool
		runtimeParam   string
		expectWarnings int
	}{
		{name: "defaults", host: "localhost", port: 6875, user: "materialize", pw: "materialize", db: "materialize", tls: true, plainToo: true},
		{
			name: "parts", env: []string{"DATABASE_HOST=db.example", "DATABASE_PORT=1", "DATABASE_USER=u@x", "DATABASE_PASSWORD=p/?#%&", "DATABASE_NAME=n m", "DATABASE_SSLMODE=disable"},
			host: "db.example", port: 1, user: "u@x", pw: "p/?#%&", db: "n m",
		},
		{name: "engine postgres", env: []string{"DATABASE_ENGINE=postgres", "DATABASE_SSLMODE=disable"}, host: "localhost", port: 5432, user: "materialize", pw: "materialize", db: "materialize"},
		{
			name: "URL alone", env: []string{"DATABASE_URL=postgres://u:p%23@h.example:99/n?sslmode=disable&application_name=x"},
			host: "h.example", port: 99, user: "u", pw: "p#", db: "n", runtimeParam: "x",
		},
		{
			name: "URL beats parts", env: []string{"DATABASE_URL=postgres://u@h.example/n?sslmode=disable", "DATABASE_HOST=other", "DATABASE_PASSWORD=fromparts"},
			host: "h.example", port: 6875, user: "u", pw: "fromparts", db: "n", expectWarnings: 1,
		},
		{
			name: "URL without password", env: []string{"DATABASE_URL=postgres://bob@h.example/n?sslmode=disable"},
			host: "h.example", port: 6875, user: "bob", db: "n",
		},
		{
			name: "socket", env: []string{"DATABASE_HOST=/tmp/pg", "DATABASE_SSLMODE=disable"},
			host: "/tmp/pg", port: 6875, user: "materialize", pw: "materialize", db: "materialize",
		},
		{
			name: "IPv6", env: []string{"DATABASE_URL=postgres://[::1]:5433/n?sslmode=disable"},
			host: "::1", port: 5433, user: "materialize", db: "n",
		},
		{
			name: "URL of Materialize", env: []string{"DATABASE_URL=materialize://u:p@h.example/n", "DATABASE_SSLMODE=require"},
			host: "h.example", port: 6875, user: "u", pw: "p", db: "n", tls: true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := world{env: c.env}.mustLoad(t)
			got, err := pgconn.ParseConfig(r.Config.Database.ConnString())
			if err != nil {
				t.Fatal(err)
			}
			if got.Host != c.host || got.Port != c.port || got.User != c.user || got.Password != c.pw || got.Database != c.db {
				t.Errorf("%s:%d %s %s %s", got.Host, got.Port, got.User, got.Password, got.Database)
			}
			if (got.TLSConfig != nil) != c.tls || len(got.Fallbacks) > 0 != (c.plainToo || c.host == "localhost" && c.tls) {
				t.Errorf("TLS %v, fallbacks %d", got.TLSConfig != nil, len(got.Fallbacks))
			}
			if got.RuntimeParams["application_name"] != c.runtimeParam {
				t.Error(got.RuntimeParams)
			}
			if len(r.Warnings) != c.expectWarnings {
				t.Error(r.Warnings)
			}
			if c.pw != "" && strings.Contains(r.Config.Database.Target(), c.pw+"@") {
				t.Error(r.Config.Database.Target())
			}
		})
	}
}

func TestMaskURL(t *testing.T) {
	for in, want := range map[string]string{
		"postgres://u:p@h:1/n?sslmode=require": "postgres://u:********@h:1/n?sslmode=require",
		"postgres://u@h/n":                     "postgres://u@h/n",
		"postgres://h/n?user=u&password=p":     "postgres://h/n?password=********&user=u",
		"host=x password=y":                    "********",
		"postgres://u:p%zz@h":                  "********",
	} {
		if got := config.MaskURL(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

// TestSecretsAreMasked prints everything with secrets of known text.
func TestSecretsAreMasked(t *testing.T) {
	secret := "s3cr3t-of-length-16-" + url.PathEscape("x%y")
	env := []string{}
	for _, s := range config.Settings() {
		if s.Secret && s.Kind != config.URL {
			env = append(env, s.Env[0]+"="+secret)
		}
	}
	env = append(env, "DATABASE_URL=postgres://u:"+secret+"@h/n?password="+secret)
	r := world{env: env}.mustLoad(t)
	if got := r.YAML(); strings.Contains(got, "s3cr3t") || strings.Count(got, "********") != 5 {
		t.Errorf("%s", got)
	}
	_, err := world{env: []string{"DATABASE_URL=postgres://u:" + "s3cr3t%zz@h/n"}}.load(t)
	if err == nil || strings.Contains(err.Error(), "s3cr3t") {
		t.Error("a broken URL shows its password:", err)
	}
}

// TestYAMLReadsBack: what `config` prints is a settings file.
func TestYAMLReadsBack(t *testing.T) {
	w := world{env: []string{"LOG_LEVEL=debug", "ALLOWED_ORIGINS=https://a.example,https://b.example", "TYCOSTREAM_RING_BYTES=1MB"}}
	first := w.mustLoad(t)
	again := world{file: strings.ReplaceAll(first.YAML(), "********", "materialize")}.mustLoad(t)
	if !same(first.Config, again.Config) {
		t.Errorf("%+v\n%+v\n%s", first.Config, again.Config, first.YAML())
	}
}

// TestReference keeps docs/configuration.md in step with the table.
func TestReference(t *testing.T) {
	const path = "../../docs/configuration.md"
	if *update {
		if err := os.WriteFile(path, []byte(config.Reference()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != config.Reference() {
		t.Error("docs/configuration.md is out of date: run go generate ./internal/config", err)
	}
}

func TestUsageListsEverySetting(t *testing.T) {
	fs := pflag.NewFlagSet("x", pflag.ContinueOnError)
	config.AddFlags(fs, true)
	usage := config.Usage(fs)
	for _, s := range config.Settings() {
		if !strings.Contains(usage, "--"+s.Flag) || !strings.Contains(usage, "$"+s.Env[0]+" (default: "+s.DefaultText()+")") {
			t.Errorf("%s is missing in\n%s", s.Key, usage)
		}
		if !slices.Contains(config.Flags(), s.Flag) {
			t.Errorf("--%s is not suggested", s.Flag)
		}
	}
	demo := pflag.NewFlagSet("x", pflag.ContinueOnError)
	config.AddFlags(demo, false)
	if demo.Lookup("database-host") != nil || demo.Lookup("schema-path") != nil || demo.Lookup("postgres-slot") != nil || demo.Lookup("tls-cert") != nil ||
		demo.Lookup("port") == nil || demo.Lookup("log-level") == nil {
		t.Error("the wrong flags for a demo")
	}
}

// TestTableIsSound: keys, variables and flags are unique and documented.
func TestTableIsSound(t *testing.T) {
	seen := map[string]string{}
	for _, s := range config.Settings() {
		for _, name := range append([]string{s.Key, "--" + s.Flag}, s.Env...) {
			if other, twice := seen[name]; twice {
				t.Errorf("%s belongs to %s and %s", name, other, s.Key)
			}
			seen[name] = s.Key
		}
		if s.Help == "" || !strings.HasSuffix(s.Help, ".") || len(s.Key) == 0 {
			t.Errorf("%s has no proper help", s.Key)
		}
	}
}
