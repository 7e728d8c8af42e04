package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"

	"github.com/tycostream/tycostream/internal/config/expand"
	"github.com/tycostream/tycostream/internal/config/mistake"
	"github.com/tycostream/tycostream/internal/webhook/guard"
	"github.com/tycostream/tycostream/internal/webhook/sign"
)

// Input is where settings are read from.
type Input struct {
	Flags   *pflag.FlagSet // parsed; may be nil
	Environ []string       // as os.Environ returns it
	Dir     string         // holds .env; empty: the working directory

	// Demo ignores .env and everything that concerns the database and
	// schema.yaml, and listens on loopback unless told otherwise.
	Demo bool
}

// Result is what Load found.
type Result struct {
	Config   *Config
	Entries  []Entry  // every setting in table order
	Warnings []string // for the log

	// Variable looks a variable up in the process's environment and in .env, for
	// texts of other files.
	Variable expand.Lookup
}

// Entry is one effective setting.
type Entry struct {
	Setting
	Text   string // empty: the default, and there is none
	Origin string // "default", "file.yaml:3:5", "PORT", "--port"
}

// UsageError is a mistake in the command line itself.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }

func (e *UsageError) Unwrap() error { return e.Err }

// loader collects the layers.
type loader struct {
	in       Input
	settings []Setting
	byKey    map[string]*Setting
	env      *environment
	koanf    *koanf.Koanf
	origins  map[string]mistake.Mistake
	mistakes mistake.List
	warnings mistake.List
	usage    bool // a flag is among the mistakes
}

// Load reads all layers. Its error lists every mistake; it is a *UsageError
// when a flag is among them.
func Load(in Input) (*Result, error) {
	l := &loader{
		in: in, settings: Settings(), byKey: map[string]*Setting{},
		koanf: koanf.New("."), origins: map[string]mistake.Mistake{},
	}
	for i := range l.settings {
		l.byKey[l.settings[i].Key] = &l.settings[i]
	}
	for _, step := range []func() error{l.loadDefaults, l.readEnvironment, l.loadFile, l.loadEnvironment, l.loadFlags} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return l.result()
}

func (l *loader) loadDefaults() error {
	defaults := map[string]any{}
	for _, s := range l.settings {
		defaults[s.Key] = s.Default
		l.origins[s.Key] = mistake.Mistake{File: "default"}
	}
	if l.in.Demo {
		defaults["listen.host"] = "127.0.0.1"
		defaults["shutdown_grace"] = "1s"
		defaults["data_dir"] = ""
	}
	return l.koanf.Load(confmap.Provider(defaults, "."), nil)
}

func (l *loader) readEnvironment() (err error) {
	dotenv := filepath.Join(l.in.Dir, ".env")
	if l.in.Demo {
		dotenv = ""
	}
	l.env, err = readEnvironment(l.in.Environ, dotenv, &l.warnings)
	return err
}

func (l *loader) loadFile() error {
	path := l.env.get(configVariable)
	if l.in.Flags != nil {
		if f := l.in.Flags.Lookup("config"); f != nil && f.Changed {
			path = f.Value.String()
		}
	}
	if path == "" {
		return nil
	}
	parser := &fileParser{
		name: path, settings: l.byKey, lookup: l.env.variable,
		mistakes: &l.mistakes, places: l.origins,
	}
	scratch := koanf.New(".")
	if err := scratch.Load(file.Provider(path), parser); err != nil {
		if perr, ok := errors.AsType[*fs.PathError](err); ok {
			err = perr.Err
		}
		return fmt.Errorf("read %s: %w: name an existing file with --config", path, err)
	}
	return l.merge(scratch.All())
}

func (l *loader) loadEnvironment() error {
	values := map[string]any{}
	for i := range l.settings {
		s := &l.settings[i]
		if text, place := l.env.find(s, &l.mistakes); text != "" || s.Blank && place != "" {
			values[s.Key] = text
			l.note(s.Key, mistake.Mistake{File: place})
		}
	}
	l.env.warnUnknown(l.settings, &l.warnings)
	return l.merge(values)
}

func (l *loader) loadFlags() error {
	if l.in.Flags == nil {
		return nil
	}
	byFlag := map[string]*Setting{}
	for i := range l.settings {
		byFlag[l.settings[i].Flag] = &l.settings[i]
	}
	provider := posflag.ProviderWithFlag(l.in.Flags, ".", l.koanf, func(f *pflag.Flag) (string, any) {
		s := byFlag[f.Name]
		if s == nil || !f.Changed || f.Value.String() == "" && !s.Blank {
			return "", nil
		}
		l.note(s.Key, mistake.Mistake{File: "--" + f.Name})
		return s.Key, f.Value.String()
	})
	return l.koanf.Load(provider, nil)
}

// ignored reports what a demo does not listen to.
func (l *loader) ignored(key string) bool {
	group, _, _ := strings.Cut(key, ".")
	return l.in.Demo && (group == "database" || group == "postgres" || group == "tls" || key == "schema_path")
}

func (l *loader) note(key string, place mistake.Mistake) {
	if !l.ignored(key) {
		l.origins[key] = place
	}
}

func (l *loader) merge(values map[string]any) error {
	for key := range values {
		if l.ignored(key) {
			delete(values, key)
		}
	}
	return l.koanf.Load(confmap.Provider(values, "."), nil)
}

// result turns the texts into values.
func (l *loader) result() (*Result, error) {
	values := map[string]any{}
	r := &Result{Config: new(Config), Variable: l.env.variable}
	for i := range l.settings {
		s := &l.settings[i]
		text := l.koanf.String(s.Key)
		v, err := s.parse(text)
		if err != nil {
			l.fault(s, err.Error())
			continue
		}
		values[s.Key] = v
		r.Entries = append(r.Entries, Entry{Setting: *s, Text: text, Origin: l.origins[s.Key].Place()})
	}
	typed := koanf.New(".")
	if err := typed.Load(confmap.Provider(values, "."), nil); err != nil {
		return nil, fmt.Errorf("load settings: %w", err)
	}
	if err := typed.Unmarshal("", r.Config); err != nil {
		return nil, fmt.Errorf("decode settings: %w", err)
	}
	r.Config.Limits.unlimited()
	l.resolveDatabase(r)
	l.crossCheck(r.Config)
	if err := l.mistakes.Err(); err != nil {
		if l.usage {
			return nil, &UsageError{err}
		}
		return nil, err
	}
	for _, w := range l.warnings {
		r.Warnings = append(r.Warnings, w.String())
	}
	return r, nil
}

// fault reports a mistake at the place where the setting got its value.
func (l *loader) fault(s *Setting, text string) {
	m := l.origins[s.Key]
	if strings.HasPrefix(m.File, "--") {
		l.usage = true
	}
	switch {
	case m.Line > 0:
		text = s.Key + ": " + text
	case m.File == "default":
		m.File = s.Env[0]
	}
	m.Text = text
	l.mistakes = append(l.mistakes, m)
}

// crossCheck finds settings that are right alone and wrong together.
func (l *loader) crossCheck(c *Config) {
	if c.Listen.InternalPort != 0 && c.Listen.InternalPort == c.Listen.Port {
		l.fault(l.byKey["listen.internal_port"], fmt.Sprintf("%d is the port for clients already: take another", c.Listen.Port))
	}
	switch {
	case c.TLS.Cert != "" && c.TLS.Key == "":
		l.fault(l.byKey["tls.cert"], "is set without tls.key (TLS_KEY): set both, or neither")
	case c.TLS.Cert == "" && c.TLS.Key != "":
		l.fault(l.byKey["tls.key"], "is set without tls.cert (TLS_CERT): set both, or neither")
	}
	if _, err := guard.New(false, c.Webhook.Allow); err != nil {
		l.fault(l.byKey["webhook.allow"], err.Error())
	}
	for _, secret := range c.Webhook.Secrets {
		if _, err := sign.Parse(secret); err != nil {
			l.fault(l.byKey["webhook.secrets"], err.Error())
		}
	}
	if c.Retry.Max < c.Retry.Min {
		l.fault(l.byKey["retry.max"], fmt.Sprintf("%s is less than retry.min, %s", c.Retry.Max, c.Retry.Min))
	}
	for _, key := range []string{"heartbeat", "init_timeout", "ping_interval", "stall_timeout", "undo_age", "retry.min", "retry.slow", "postgres.poll_interval", "webhook.timeout"} {
		if d := l.koanf.String(key); d == "0" || d == "0s" {
			l.fault(l.byKey[key], "must be more than 0")
		}
	}
}
