package remoteeventotel_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/slogtest"
	"time"

	"encoding/json"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/trace"

	"github.com/remote-events/remote-events/go/internal/redistest"
	remoteeventotel "github.com/remote-events/remote-events/go/otel"
	"github.com/remote-events/remote-events/go/remoteevent"
)

// TestLogHandler: the ids are outside all groups, and only where the context has a span.
func TestLogHandler(t *testing.T) {
	t.Parallel()
	ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}}))
	for name, c := range map[string]struct {
		derive func(*slog.Logger) *slog.Logger
		want   string
	}{
		"plain":   {func(l *slog.Logger) *slog.Logger { return l }, `{"msg":"m","n":1,IDS}`},
		"attrs":   {func(l *slog.Logger) *slog.Logger { return l.With("a", 1) }, `{"msg":"m","a":1,"n":1,IDS}`},
		"a group": {func(l *slog.Logger) *slog.Logger { return l.With("a", 1).WithGroup("g") }, `{"msg":"m","a":1,IDS,"g":{"n":1}}`},
		"groups": {func(l *slog.Logger) *slog.Logger { return l.WithGroup("g").With("a", 1).WithGroup("").WithGroup("h") },
			`{"msg":"m",IDS,"g":{"a":1,"h":{"n":1}}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var text bytes.Buffer
			logger := c.derive(slog.New(remoteeventotel.NewLogHandler(slog.NewJSONHandler(&text, &slog.HandlerOptions{
				ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
					if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
						return slog.Attr{}
					}
					return a
				},
			}))))
			logger.InfoContext(ctx, "m", "n", 1)
			const ids = `"trace_id":"01000000000000000000000000000000","span_id":"0200000000000000"`
			if want := strings.Replace(c.want, "IDS", ids, 1) + "\n"; text.String() != want {
				t.Errorf("the line is %s instead of %s", text.String(), want)
			}
			text.Reset()
			logger.DebugContext(ctx, "m")
			logger.Info("m", "n", 1)
			if want := strings.NewReplacer(",IDS", "").Replace(c.want) + "\n"; text.String() != want {
				t.Errorf("without a span, the line is %s instead of %s", text.String(), want)
			}
		})
	}
}

// TestLogHandlerConforms runs the tests of the standard library for handlers, with a span.
func TestLogHandlerConforms(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	slogtest.Run(t, func(*testing.T) slog.Handler {
		text.Reset()
		return remoteeventotel.NewLogHandler(slog.NewJSONHandler(&text, nil))
	}, func(t *testing.T) map[string]any {
		line := map[string]any{}
		must(t, json.Unmarshal(text.Bytes(), &line))
		return line
	})
}

// TestLogCorrelation: the lines of the receiver and of a listener about an attempt have the
// ids of its span.
func TestLogCorrelation(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		r := record(t)
		var text bytes.Buffer
		logger := slog.New(remoteeventotel.NewLogHandler(slog.NewTextHandler(&text, nil)))
		ended := make(handled, 10)
		stop := run(t, client, remoteevent.HandlerFunc(func(ctx context.Context, d *remoteevent.Delivery) error {
			logger.InfoContext(ctx, "listener works")
			if d.Attempt == 1 {
				return errors.New("failed")
			}
			return remoteevent.Permanent(errors.New("failed"))
		}), r.Receiver(), remoteevent.WithHooks(ended), remoteevent.WithLogger(logger), remoteevent.WithBackoff(time.Millisecond, time.Millisecond))
		must(t, sender(t, client, r.Sender()).Send(t.Context(), FileEvent{"/a"}))
		ended.wait(t, remoteevent.Retried, remoteevent.DeadLettered)
		stop()
		spans := r.named("process file_event")
		if len(spans) != 2 {
			t.Fatalf("%d attempts have a span", len(spans))
		}
		for _, line := range []struct {
			words string
			span  int
		}{{"listener works", 0}, {"event will be retried", 0}, {"event moved to dead letters", 1}} {
			id := spans[line.span].SpanContext()
			found := false
			for text := range strings.Lines(text.String()) {
				found = found || strings.Contains(text, line.words) && strings.Contains(text, "trace_id="+id.TraceID().String()+" span_id="+id.SpanID().String())
			}
			if !found {
				t.Errorf("no line with %q has the ids of attempt %d\n%s", line.words, line.span+1, text.String())
			}
		}
	})
}
