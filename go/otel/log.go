package remoteeventotel

import (
	"context"
	"log/slog"
	"slices"

	"go.opentelemetry.io/otel/trace"
)

// NewLogHandler returns a handler that adds the attributes trace_id and span_id to each
// record whose context has a span, outside all groups, and passes it to next.
//
// Pass its logger to [remoteevent.WithLogger], and a receiver's lines about an attempt have
// the ids of the attempt's span. Lines of listeners that log with their context have them, too.
func NewLogHandler(next slog.Handler) slog.Handler { return &logHandler{root: next, next: next} }

type logHandler struct {
	root   slog.Handler                      // without the groups
	groups []func(slog.Handler) slog.Handler // the calls that make next from root
	next   slog.Handler
}

// Enabled implements slog.Handler.
func (h *logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h *logHandler) Handle(ctx context.Context, record slog.Record) error {
	span := trace.SpanContextFromContext(ctx)
	if !span.IsValid() {
		return h.next.Handle(ctx, record)
	}
	ids := []slog.Attr{slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String())}
	if len(h.groups) == 0 {
		record = record.Clone()
		record.AddAttrs(ids...)
		return h.next.Handle(ctx, record)
	}
	next := h.root.WithAttrs(ids)
	for _, derive := range h.groups {
		next = derive(next)
	}
	return next.Handle(ctx, record)
}

// WithAttrs implements slog.Handler.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(h.groups) == 0 {
		return NewLogHandler(h.root.WithAttrs(attrs))
	}
	return h.derive(func(next slog.Handler) slog.Handler { return next.WithAttrs(attrs) })
}

// WithGroup implements slog.Handler.
func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.derive(func(next slog.Handler) slog.Handler { return next.WithGroup(name) })
}

func (h *logHandler) derive(derive func(slog.Handler) slog.Handler) slog.Handler {
	return &logHandler{h.root, append(slices.Clip(h.groups), derive), derive(h.next)}
}
