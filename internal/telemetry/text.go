package telemetry

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
)

// textHandler writes lines for people: the time of day, the level, the message
// and then the attributes as slog's own text handler writes them.
type textHandler struct {
	*shared

	attrs slog.Handler // writes the attributes, and nothing else, to line
}

type shared struct {
	mu   sync.Mutex // guards line and the order of writes to out
	line bytes.Buffer
	out  io.Writer
}

func newTextHandler(w io.Writer, level slog.Leveler, replace func([]string, slog.Attr) slog.Attr) *textHandler {
	h := &textHandler{shared: &shared{out: w}}
	h.attrs = slog.NewTextHandler(&h.line, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
				return slog.Attr{}
			}
			return replace(groups, a)
		},
	})
	return h
}

// Enabled implements slog.Handler.
func (h *textHandler) Enabled(ctx context.Context, l slog.Level) bool { return h.attrs.Enabled(ctx, l) }

// Handle implements slog.Handler.
func (h *textHandler) Handle(ctx context.Context, r slog.Record) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.line.Reset()
	fmt.Fprintf(&h.line, "%s %-5s %s", r.Time.Format("15:04:05.000"), r.Level, r.Message)
	mark := h.line.Len()
	h.line.WriteByte(' ')
	if err := h.attrs.Handle(ctx, r); err != nil {
		return err
	}
	if h.line.Len() == mark+2 { // a blank and the end of line: no attributes
		h.line.Truncate(mark)
		h.line.WriteByte('\n')
	}
	_, err := h.out.Write(h.line.Bytes())
	return err
}

// WithAttrs implements slog.Handler.
func (h *textHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &textHandler{h.shared, h.attrs.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h *textHandler) WithGroup(name string) slog.Handler {
	return &textHandler{h.shared, h.attrs.WithGroup(name)}
}
