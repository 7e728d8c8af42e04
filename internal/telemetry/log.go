package telemetry

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// LogOptions say what is logged and how.
type LogOptions struct {
	Level  slog.Level
	Format string // text, json, or auto: text on a terminal, JSON otherwise

	// Secrets are texts that never appear in the log, wherever they come from.
	// Those shorter than 6 characters, which would eat words, are left alone.
	Secrets []string
}

// NewLogger returns a logger that writes to w.
func NewLogger(w io.Writer, o LogOptions) *slog.Logger {
	m := newMasker(o.Secrets)
	if o.Format == "text" || o.Format != "json" && isTerminal(w) {
		return slog.New(newTextHandler(w, o.Level, m.replace))
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{
		Level: o.Level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			switch {
			case len(groups) > 0:
			case a.Key == slog.TimeKey && a.Value.Kind() == slog.KindTime:
				return slog.String(slog.TimeKey, a.Value.Time().UTC().Format(time.RFC3339Nano))
			case a.Key == slog.LevelKey:
				return slog.String(slog.LevelKey, strings.ToLower(a.Value.String()))
			}
			return m.replace(groups, a)
		},
	}))
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// masker keeps secrets out of attributes: by the attribute's name, and by the
// secret's own text.
type masker struct{ texts *strings.Replacer }

const mask = "********"

func newMasker(secrets []string) *masker {
	var pairs []string
	for _, s := range secrets {
		if len(s) >= 6 {
			pairs = append(pairs, s, mask)
		}
	}
	if pairs == nil {
		return &masker{}
	}
	return &masker{strings.NewReplacer(pairs...)}
}

func (m *masker) replace(_ []string, a slog.Attr) slog.Attr {
	switch key := strings.ToLower(a.Key); {
	case strings.Contains(key, "password"), strings.Contains(key, "secret"), strings.Contains(key, "authorization"):
		return slog.String(a.Key, mask)
	case m.texts == nil:
		return a
	}
	switch a.Value.Kind() {
	case slog.KindString:
		return slog.String(a.Key, m.texts.Replace(a.Value.String()))
	case slog.KindAny:
		if text := fmt.Sprint(a.Value.Any()); text != m.texts.Replace(text) {
			return slog.String(a.Key, m.texts.Replace(text))
		}
	default: // numbers and times hold no secrets; slog resolves groups itself
	}
	return a
}
