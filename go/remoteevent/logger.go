package remoteevent

import (
	"context"
	"fmt"
	"log/slog"
)

// containedLogger returns a logger whose handler can neither panic into this package nor
// end its goroutines, and cannot delay the end of Run beyond the impatience. A line whose
// handler does so is lost.
func containedLogger(logger *slog.Logger, patience *impatience) *slog.Logger {
	if h, contained := logger.Handler().(containedHandler); contained {
		return slog.New(containedHandler{h.handler, patience})
	}
	return slog.New(containedHandler{logger.Handler(), patience})
}

type containedHandler struct {
	handler    slog.Handler
	impatience *impatience
}

func (h containedHandler) Enabled(ctx context.Context, level slog.Level) bool {
	enabled, how := aside(h, func() bool { return h.handler.Enabled(ctx, level) })
	return how == callReturned && enabled
}

func (h containedHandler) Handle(ctx context.Context, record slog.Record) error {
	err, _ := aside(h, func() error { return h.handler.Handle(ctx, record) })
	return err
}

func (h containedHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.derive(func() slog.Handler { return h.handler.WithAttrs(attrs) })
}

func (h containedHandler) WithGroup(name string) slog.Handler {
	return h.derive(func() slog.Handler { return h.handler.WithGroup(name) })
}

func (h containedHandler) derive(f func() slog.Handler) slog.Handler {
	derived, how := aside(h, f)
	if how != callReturned {
		return h
	}
	return containedHandler{derived, h.impatience}
}

// aside calls the handler of the user, unless it has hung before.
func aside[T any](h containedHandler, f func() T) (result T, how fate) {
	p := h.impatience
	if p != nil && p.mute.Load() {
		return result, callHung
	}
	result, how = apart(p, f)
	if how == callHung {
		p.mute.Store(true)
		p.note(fmt.Sprintf("the handler %T of the log does not return", h.handler))
	}
	return result, how
}
