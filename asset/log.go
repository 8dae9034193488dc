package asset

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/assetdev/assetdev/internal/wire"
)

// A logHandler sends what goes to log/slog, and through it to package log, to the step's log: the message, then the attributes
// as key=value. All levels are sent; what is shown is assetdev's choice.
type logHandler struct {
	say          func(wire.Message)
	mu           *sync.Mutex // guards text
	text         *bytes.Buffer
	slog.Handler // writes attributes to text
}

func newLogHandler(say func(wire.Message)) *logHandler {
	text := &bytes.Buffer{}
	return &logHandler{say, &sync.Mutex{}, text, slog.NewTextHandler(text, &slog.HandlerOptions{
		Level: slog.LevelDebug - 100,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
				return slog.Attr{}
			}
			return a
		},
	})}
}

// Handle sends one record.
func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	h.mu.Lock()
	h.text.Reset()
	err := h.Handler.Handle(ctx, r)
	attributes := strings.TrimSpace(h.text.String())
	h.mu.Unlock()
	if err != nil {
		return fmt.Errorf("log: %w", err)
	}
	text := strings.TrimRight(r.Message, "\n")
	if attributes != "" {
		text += " " + attributes
	}
	level := wire.LevelDebug
	switch {
	case r.Level >= slog.LevelError:
		level = wire.LevelError
	case r.Level >= slog.LevelWarn:
		level = wire.LevelWarning
	case r.Level >= slog.LevelInfo:
		level = wire.LevelInfo
	}
	for line := range strings.SplitSeq(text, "\n") {
		h.say(wire.Message{Type: wire.TypeLog, Log: &wire.Log{Level: level, Text: line}})
	}
	return nil
}

// WithAttrs returns a handler that adds attributes to every record.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &logHandler{h.say, h.mu, h.text, h.Handler.WithAttrs(attrs)}
}

// WithGroup returns a handler that puts later attributes into a group.
func (h *logHandler) WithGroup(name string) slog.Handler {
	return &logHandler{h.say, h.mu, h.text, h.Handler.WithGroup(name)}
}
