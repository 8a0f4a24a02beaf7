package remoteevent_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/remoteevent"
)

// TestCrash: a receiver that is gone leaves nothing that the next does not find.
func TestCrash(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		q := queue(t, client)
		stuck, release := make(chan struct{}, 1), make(chan struct{})
		_, quiet := newLog()
		mux, first := receiver(t, client, quiet, remoteevent.WithShutdownTimeout(0), remoteevent.WithLease(100*time.Millisecond))
		must(t, remoteevent.Handle(mux, func(context.Context, FileEvent) error { stuck <- struct{}{}; <-release; return nil }))
		must(t, sender(t, client).Send(t.Context(), FileEvent{"x"}))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- first.Run(ctx) }()
		next(t, stuck)
		cancel()
		if err := next(t, ended); !errors.Is(err, remoteevent.ErrShutdownTimeout) {
			t.Errorf("Run returned %v", err)
		}
		must(t, client.LPush(t.Context(), q.CompanionKeys()["staging"], `{"data": {"path": "staged"}, "signals": ["file_event"]}`).Err())
		got := make(chan string, 2)
		mux, second := receiver(t, client)
		must(t, remoteevent.Handle(mux, func(ctx context.Context, e FileEvent) error {
			got <- fmt.Sprint(e.Path, remoteevent.DeliveryOf(ctx).Attempt)
			return nil
		}))
		start(t, second)
		both := []string{next(t, got), next(t, got)}
		slices.Sort(both)
		if !slices.Equal(both, []string{"staged1", "x2"}) {
			t.Errorf("got %q", both)
		}
		expectStats(t, q, queueadmin.Stats{})
		close(release)
	})
}

// TestCrashOfMany: the messages of a process that died use as many slots as other
// messages do.
func TestCrashOfMany(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		const many = 50
		for range many {
			must(t, sender(t, client).Send(t.Context(), FileEvent{"x"}))
		}
		dead, err := lease.NewQueue(client, "file_event")
		must(t, err)
		answer := dead.Exchange(t.Context(), lease.Exchange{Claim: &lease.Claim{Lease: time.Millisecond, Count: many, Bytes: 1 << 20, MaxBytes: 1 << 20, MaxAttempts: 1}})
		if must(t, answer.Err); len(answer.Claimed.Messages) != many {
			t.Fatalf("%d messages are claimed", len(answer.Claimed.Messages))
		}
		started, release := make(chan int, many), make(chan struct{})
		mux, r := receiver(t, client, remoteevent.WithConcurrency(many), remoteevent.WithMaxAttempts(1))
		must(t, remoteevent.Handle(mux, func(ctx context.Context, _ FileEvent) error {
			started <- remoteevent.DeliveryOf(ctx).Attempt
			<-release
			return nil
		}))
		start(t, r)
		for range many { // none returns before all have begun
			if attempt := next(t, started); attempt != 2 {
				t.Errorf("it is attempt %d", attempt)
			}
		}
		close(release)
		expectStats(t, queue(t, client), queueadmin.Stats{})
	})
}
