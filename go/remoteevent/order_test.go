package remoteevent_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/remoteevent"
)

// TestOneAfterAnother checks that, by default, a receiver handles the events of a queue in
// their order, each after the previous one is done (RECV-11).
func TestOneAfterAnother(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]remoteevent.ReceiverOption{
		"at least once": nil, "at most once": {remoteevent.WithAtMostOnce()},
	} {
		redistest.Each(t, func(t *testing.T, client *redis.Client) {
			ctx := t.Context()
			const events = 100
			mux, r := receiver(t, client, options...)
			var handling atomic.Int32
			handled := make(chan string, events)
			must(t, remoteevent.Handle(mux, func(ctx context.Context, e FileEvent) error {
				defer handling.Add(-1)
				if n := handling.Add(1); n != 1 {
					t.Errorf("%s: %d are handled at a time", name, n)
				}
				// A round trip gives another the time to begin.
				handled <- e.Path
				return client.Ping(ctx).Err()
			}))
			for i := range events {
				must(t, sender(t, client).Send(ctx, FileEvent{fmt.Sprint(i)}))
			}
			start(t, r)
			for i := range events {
				if path := next(t, handled); path != fmt.Sprint(i) {
					t.Fatalf("%s: number %d is %s", name, i, path)
				}
			}
		})
	}
}

// TestNothingIsSentOn: what was received is not sent again, to its own list or to
// those of its parents (DISP-4).
func TestNothingIsSentOn(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		mux, r := receiver(t, client, remoteevent.WithAtMostOnce())
		heard := make(chan string, 10)
		must(t, remoteevent.Handle(mux, func(_ context.Context, e NewFileEvent) error {
			heard <- e.Path
			return nil
		}))
		must(t, mux.Listen("file_event", func(context.Context, *remoteevent.Delivery) error { return nil }))
		s := sender(t, client)
		must(t, s.Send(t.Context(), NewFileEvent{FileEvent: FileEvent{"first"}}))
		must(t, s.Send(t.Context(), NewFileEvent{FileEvent: FileEvent{"second"}}))
		stop := start(t, r)
		if a, b := next(t, heard), next(t, heard); a != "first" || b != "second" {
			t.Errorf("got %s and %s", a, b)
		}
		must(t, stop())
		if keys := client.Keys(t.Context(), "*").Val(); len(keys) != 0 || len(heard) != 0 {
			t.Errorf("there is %q in Redis, and %d more were heard", keys, len(heard))
		}
	})
}
