package remoteevent_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/remoteevent"
)

// marking is a hook that marks the contexts of deliveries, and reports the mark and the
// delivery of the contexts of HookHandled.
type marking struct {
	mark        func(ctx context.Context, d *remoteevent.Delivery) context.Context
	marked      chan *remoteevent.Delivery // that OnHandled saw
	marks       chan any
	disposition chan remoteevent.Disposition
}

type markKey struct{}

func newMarking(mark func(ctx context.Context, d *remoteevent.Delivery) context.Context) *marking {
	return &marking{mark, make(chan *remoteevent.Delivery, 100), make(chan any, 100), make(chan remoteevent.Disposition, 100)}
}

func (h *marking) OnDelivering(ctx context.Context, d *remoteevent.Delivery) context.Context {
	return h.mark(ctx, d)
}

func (h *marking) OnHandled(ctx context.Context, info remoteevent.HandledInfo) {
	h.marked <- remoteevent.DeliveryOf(ctx)
	h.marks <- ctx.Value(markKey{})
	h.disposition <- info.Disposition
}

// markLog is a handler of the log that adds the mark of the context to each line.
type markLog struct{ slog.Handler }

func (h markLog) Handle(ctx context.Context, r slog.Record) error {
	if mark := ctx.Value(markKey{}); mark != nil {
		r.AddAttrs(slog.Any("mark", mark))
	}
	return h.Handler.Handle(ctx, r)
}

// TestHookDelivering: the values of the context that a hook returns reach the handler, the
// log and HookHandled, whatever else the hook does to the context, and the delivery is
// handled if the hook panics.
func TestHookDelivering(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for name, c := range map[string]struct {
		mark func(ctx context.Context, d *remoteevent.Delivery) context.Context
		want any
	}{
		"values": {func(ctx context.Context, d *remoteevent.Delivery) context.Context {
			return context.WithValue(ctx, markKey{}, "mark "+d.EventName())
		}, "mark file_event"},
		"another context, which has ended": {func(context.Context, *remoteevent.Delivery) context.Context {
			return context.WithValue(ended, markKey{}, "mark")
		}, "mark"},
		"nil":           {func(context.Context, *remoteevent.Delivery) context.Context { return nil }, nil},
		"a nil pointer": {func(context.Context, *remoteevent.Delivery) context.Context { return (*noContext)(nil) }, nil},
		"a panic":       {func(context.Context, *remoteevent.Delivery) context.Context { panic("hook") }, nil},
		"an end of the goroutine": {func(context.Context, *remoteevent.Delivery) context.Context {
			runtime.Goexit()
			return nil
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redistest.Each(t, func(t *testing.T, client *redis.Client) {
				hook, after := newMarking(c.mark), newMarking(func(ctx context.Context, d *remoteevent.Delivery) context.Context {
					if remoteevent.DeliveryOf(ctx) != d {
						t.Error("the context of the second hook does not belong to the delivery")
					}
					return ctx
				})
				text := newLogText()
				var delivered []*remoteevent.Delivery
				handler := remoteevent.HandlerFunc(func(ctx context.Context, d *remoteevent.Delivery) error {
					if remoteevent.DeliveryOf(ctx) != d || ctx.Value(markKey{}) != c.want || ctx.Err() != nil {
						t.Errorf("the handler's context has the mark %v, the delivery %v and the error %v", ctx.Value(markKey{}), remoteevent.DeliveryOf(ctx) == d, ctx.Err())
					}
					delivered = append(delivered, d)
					if d.Attempt == 1 {
						return errors.New("failed")
					}
					return nil
				})
				r, err := remoteevent.NewReceiver(client, handler, remoteevent.WithQueues("file_event"), remoteevent.WithBackoff(time.Millisecond, time.Millisecond),
					remoteevent.WithHooks(hook, after), remoteevent.WithLogger(slog.New(markLog{slog.NewTextHandler(text, nil)})))
				must(t, err)
				must(t, client.LPush(t.Context(), "file_event", `{"data": {}, "signals": ["file_event"]}`).Err())
				stop := start(t, r)
				for _, want := range []remoteevent.Disposition{remoteevent.Retried, remoteevent.Acknowledged} {
					if got := next(t, hook.disposition); got != want {
						t.Fatalf("OnHandled had the disposition %v instead of %v", got, want)
					}
					if mark := next(t, hook.marks); mark != c.want {
						t.Errorf("the context of OnHandled has the mark %v", mark)
					}
				}
				must(t, stop())
				if got := []*remoteevent.Delivery{next(t, hook.marked), next(t, hook.marked)}; !slices.Equal(got, delivered) {
					t.Error("the context of OnHandled does not belong to the delivery")
				}
				want := "mark="
				if i := slices.IndexFunc(text.lines(), func(line string) bool { return strings.Contains(line, "event will be retried") }); i < 0 ||
					strings.Contains(text.lines()[i], want) != (c.want != nil) {
					t.Errorf("the log has no line about the retry with the mark\n%s", text.lines())
				}
			})
		})
	}
}

// noContext is a context that cannot be used.
type noContext struct {
	context.Context //nolint:containedctx // it is never used
}

// TestHookDeliveringUnhandled: HookHandled has the delivery also of a repeated event, and
// no delivery of a message that could not be decoded.
func TestHookDeliveringUnhandled(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		hook := newMarking(func(ctx context.Context, d *remoteevent.Delivery) context.Context {
			return context.WithValue(ctx, markKey{}, d.Attribute("id"))
		})
		r, err := remoteevent.NewReceiver(client, remoteevent.HandlerFunc(func(context.Context, *remoteevent.Delivery) error { return nil }),
			remoteevent.WithQueues("q"), remoteevent.WithDeduplication(time.Hour, 10), remoteevent.WithHooks(hook), remoteevent.WithLogger(slog.New(slog.DiscardHandler)))
		must(t, err)
		const message = `{"data": {}, "signals": ["q"], "metadata": {"id": "1"}}`
		must(t, client.LPush(t.Context(), "q", message, message, "malformed").Err())
		start(t, r)
		for _, want := range []struct {
			disposition remoteevent.Disposition
			mark        any
		}{{remoteevent.Acknowledged, "1"}, {remoteevent.Duplicate, "1"}, {remoteevent.DeadLettered, nil}} {
			disposition, mark, d := next(t, hook.disposition), next(t, hook.marks), next(t, hook.marked)
			if disposition != want.disposition || mark != want.mark || (d.EventName() == "q") != (mark != nil) {
				t.Errorf("OnHandled had %v, the mark %v and the delivery of %q instead of %v", disposition, mark, d.EventName(), want)
			}
		}
	})
}

// logText is a log whose text may be read when the receiver has stopped.
type logText struct{ bytes.Buffer }

func newLogText() *logText { return new(logText) }

func (l *logText) lines() []string { return strings.Split(l.String(), "\n") }
