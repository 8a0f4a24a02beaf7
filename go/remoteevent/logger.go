package remoteevent

import (
	"context"
	"log/slog"
)

// containedLogger returns a logger whose handler can neither panic into this
// package nor end its goroutines. A line whose handler does so is lost.
func containedLogger(logger *slog.Logger) *slog.Logger {
	if _, contained := logger.Handler().(containedHandler); contained {
		return logger
	}
	return slog.New(containedHandler{logger.Handler()})
}

type containedHandler struct{ handler slog.Handler }

func (h containedHandler) Enabled(ctx context.Context, level slog.Level) (enabled bool) {
	return apart(func() { enabled = h.handler.Enabled(ctx, level) }) && enabled
}

func (h containedHandler) Handle(ctx context.Context, record slog.Record) (err error) {
	apart(func() { err = h.handler.Handle(ctx, record) })
	return err
}

func (h containedHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.derive(func() slog.Handler { return h.handler.WithAttrs(attrs) })
}

func (h containedHandler) WithGroup(name string) slog.Handler {
	return h.derive(func() slog.Handler { return h.handler.WithGroup(name) })
}

func (h containedHandler) derive(f func() slog.Handler) slog.Handler {
	var derived slog.Handler
	if !apart(func() { derived = f() }) {
		return h
	}
	return containedHandler{derived}
}
