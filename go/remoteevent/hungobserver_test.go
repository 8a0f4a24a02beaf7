package remoteevent

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
)

// hanging is a hook whose methods hang until the channel is closed. It ignores contexts.
type hanging struct{ end chan struct{} }

// The methods of hanging, one a type.
type (
	hangingReceived   struct{ hanging }
	hangingDelivering struct{ hanging }
	hangingHandled    struct{ hanging }
	hangingFailing    struct{ hanging }
	hangingLog        struct{ hanging }
)

func (h hangingReceived) OnReceived(context.Context, ReceivedInfo) { <-h.end }
func (h hangingDelivering) OnDelivering(ctx context.Context, _ *Delivery) context.Context {
	<-h.end
	return ctx
}
func (h hangingHandled) OnHandled(context.Context, HandledInfo) { <-h.end }
func (h hangingFailing) OnFailing(context.Context, FailingInfo) { <-h.end }

func (hangingLog) Enabled(context.Context, slog.Level) bool { return true }
func (h hangingLog) WithAttrs([]slog.Attr) slog.Handler     { return h }
func (h hangingLog) WithGroup(string) slog.Handler          { return h }
func (h hangingLog) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "retried") {
		<-h.end
	}
	return nil
}

// denied is a frozen source whose calls fail.
type denied struct{ *frozen }

func (s denied) open(f *feeder, _ int) error { f.source = s; return nil }
func (s denied) exchange(context.Context, report, want) (taken, error) {
	return taken{due: -1}, errors.New("denied")
}

// TestHungObserver: a hook, or a handler of the log, that never returns delays Run until
// the shutdown timeout, and no longer. Run names it.
func TestHungObserver(t *testing.T) {
	t.Parallel()
	const timeout = 20 * time.Second
	for name, c := range map[string]struct {
		option func(h hanging) ReceiverOption
		failed bool // calls of Redis fail
		want   string
	}{
		"OnReceived":   {func(h hanging) ReceiverOption { return WithHooks(hangingReceived{h}) }, false, "the hook remoteevent.hangingReceived does not return from OnReceived"},
		"OnDelivering": {func(h hanging) ReceiverOption { return WithHooks(hangingDelivering{h}) }, false, "the hook remoteevent.hangingDelivering does not return from OnDelivering"},
		"OnHandled":    {func(h hanging) ReceiverOption { return WithHooks(hangingHandled{h}) }, false, "the hook remoteevent.hangingHandled does not return from OnHandled"},
		"OnFailing":    {func(h hanging) ReceiverOption { return WithHooks(hangingFailing{h}) }, true, "the hook remoteevent.hangingFailing does not return from OnFailing"},
		"log":          {func(h hanging) ReceiverOption { return WithLogger(slog.New(hangingLog{h})) }, false, "the handler remoteevent.hangingLog of the log does not return"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := redis.NewClient(&redis.Options{}) // never used
			defer client.Close()
			synctest.Test(t, func(t *testing.T) {
				h := hanging{make(chan struct{})}
				defer close(h.end)
				handler := HandlerFunc(func(context.Context, *Delivery) error { return errors.New("failed") })
				r, err := NewReceiver(client, handler, WithQueues("q"), WithShutdownTimeout(timeout), c.option(h))
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				source := &frozen{closed: make(chan struct{})}
				var open opener = source
				if c.failed {
					open = denied{source}
				}
				err = r.run(ctx, open)
				if !errors.Is(err, ErrShutdownTimeout) || !strings.HasSuffix(err.Error(), c.want) {
					t.Errorf("Run returned %v", err)
				}
				if deadline, _ := ctx.Deadline(); time.Since(deadline) > timeout+observerGrace+10*time.Millisecond {
					t.Errorf("Run returned %v after the end of its context", time.Since(deadline))
				}
			})
		})
	}
}

// stuck is a frozen source whose calls do not end, as those of a hanging redis.Hook.
type stuck struct {
	*frozen

	end chan struct{}
}

func (s stuck) open(f *feeder, _ int) error { f.source = s; return nil }
func (s stuck) exchange(context.Context, report, want) (taken, error) {
	<-s.end
	return taken{due: -1}, nil
}

// TestStuckCall: calls of Redis that never end delay Run until the shutdown timeout.
func TestStuckCall(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{}) // never used
	defer client.Close()
	synctest.Test(t, func(t *testing.T) {
		r, err := NewReceiver(client, HandlerFunc(func(context.Context, *Delivery) error { return nil }), WithQueues("q"))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		source := stuck{&frozen{closed: make(chan struct{})}, make(chan struct{})}
		defer close(source.end)
		if err := r.run(ctx, source); !errors.Is(err, ErrShutdownTimeout) || !strings.Contains(err.Error(), "calls of Redis do not end") {
			t.Errorf("Run returned %v", err)
		}
		if deadline, _ := ctx.Deadline(); time.Since(deadline) > 10*time.Second+cancelGrace+2*cutTime {
			t.Errorf("Run returned %v after the end of its context", time.Since(deadline))
		}
	})
}
