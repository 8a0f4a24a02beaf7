package remoteevent_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/remoteevent"
)

func recordPath(got chan<- string) func(context.Context, FileEvent) error {
	return func(_ context.Context, e FileEvent) error { got <- e.Path; return nil }
}

// modes are the ways to receive.
func modes() map[string][]remoteevent.ReceiverOption {
	return map[string][]remoteevent.ReceiverOption{"at least once": nil, "at most once": {remoteevent.WithAtMostOnce()}}
}

// TestStopIsPrompt: an idle receiver does not wait for the rest of a blocked second.
func TestStopIsPrompt(t *testing.T) {
	t.Parallel()
	for mode, options := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			addr := redistest.FreeAddr(t)
			redistest.Start(t, addr)
			client := redis.NewClient(&redis.Options{Addr: addr})
			defer client.Close()
			quickest := time.Hour
			for range 5 { // the machine may be busy
				_, r := receiver(t, client, append(options, remoteevent.WithQueues("q"))...)
				stop := start(t, r)
				for figure(t, client, "blocked_clients") != 1 {
					must(t, t.Context().Err())
				}
				begun := time.Now()
				must(t, stop())
				quickest = min(quickest, time.Since(begun))
			}
			if quickest > 300*time.Millisecond {
				t.Errorf("Run took %v to return", quickest)
			}
		})
	}
}

// TestStopWithoutRedis: a receiver stops within about a second while Redis is away,
// rejects the password or does not answer, and complains of no event where it has none.
func TestStopWithoutRedis(t *testing.T) {
	t.Parallel()
	silent, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	protected := redistest.FreeAddr(t)
	redistest.Start(t, protected, "--requirepass", "s3cret")
	for name, client := range map[string]*redis.Client{
		"away":               redis.NewClient(&redis.Options{Addr: redistest.FreeAddr(t)}),
		"rejects a password": redis.NewClient(&redis.Options{Addr: protected, Password: "wr0ng"}),
		"does not answer":    redis.NewClient(&redis.Options{Addr: silent.Addr().String()}),
	} {
		t.Cleanup(func() { _ = client.Close() })
		for mode, options := range modes() {
			for _, queues := range []int{1, 20} {
				t.Run(fmt.Sprintf("%s/%s/%d", name, mode, queues), func(t *testing.T) {
					t.Parallel()
					logged, option := newLog()
					_, r := receiver(t, client, append(options, option, remoteevent.WithQueues(numberedQueues(queues)...))...)
					ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
					defer cancel()
					must(t, r.Run(ctx))
					if took := time.Since(deadline(ctx)); took > 3*time.Second { // about one; the machine may be busy
						t.Errorf("Run took %v to return", took)
					}
					if text := logged.String(); strings.Contains(text, "events=0") || strings.Contains(text, "again when") {
						t.Errorf("logged:\n%s", text)
					}
				})
			}
		}
	}
}

// TestStopWhileRedisHangs: a Redis that stops answering after the last event was
// taken holds up Run for some five seconds, and not for as long as replies may take.
func TestStopWhileRedisHangs(t *testing.T) {
	t.Parallel()
	for mode, options := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			client := redis.NewClient(&redis.Options{Addr: redistest.Start(t, redistest.FreeAddr(t)).Addr})
			defer client.Close()
			logged, option := newLog()
			want := "events are delivered again"
			if mode == "at most once" {
				options, want = append(options, remoteevent.WithDeadLetters()), "event lost"
			}
			mux, r := receiver(t, client, append(options, option, remoteevent.WithDeadLetterLimit(10))...)
			begun, end := make(chan struct{}, 1), make(chan struct{})
			must(t, remoteevent.Handle(mux, func(context.Context, FileEvent) error {
				begun <- struct{}{}
				<-end
				return remoteevent.Permanent(errors.New("no"))
			}))
			must(t, sender(t, client).Send(t.Context(), FileEvent{"x"}))
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- r.Run(ctx) }()
			next(t, begun)
			cancel()
			for figure(t, client, "blocked_clients") != 0 {
				must(t, t.Context().Err())
			}
			must(t, client.Do(t.Context(), "CLIENT", "PAUSE", "100000", "ALL").Err())
			close(end)
			ended := time.Now()
			must(t, next(t, done))
			if took := time.Since(ended); took > 10*time.Second { // about five; the machine may be busy
				t.Errorf("Run took %v to return", took)
			}
			logged.wait(t, want)
		})
	}
}

func deadline(ctx context.Context) time.Time {
	at, _ := ctx.Deadline()
	return at
}

// TestStopPutsBackWhatWasPopped: at most once, what waits when the shutdown timeout has
// passed goes back and to no listener, also where Redis rejects that at first.
func TestStopPutsBackWhatWasPopped(t *testing.T) {
	t.Parallel()
	for _, full := range []bool{false, true} {
		t.Run(fmt.Sprintf("full=%v", full), func(t *testing.T) {
			t.Parallel()
			client := redis.NewClient(&redis.Options{Addr: redistest.Start(t, redistest.FreeAddr(t)).Addr})
			defer client.Close()
			logged, quiet := newLog()
			mux, r := receiver(t, client, quiet, remoteevent.WithAtMostOnce(), remoteevent.WithPrefetch(100), remoteevent.WithShutdownTimeout(50*time.Millisecond))
			begun := make(chan string, 50)
			must(t, remoteevent.Handle(mux, func(ctx context.Context, e FileEvent) error {
				begun <- e.Path
				<-ctx.Done()
				return ctx.Err()
			}))
			for i := range 50 {
				must(t, sender(t, client).Send(t.Context(), FileEvent{fmt.Sprint(i)}))
			}
			raws := client.LRange(t.Context(), "file_event", 0, -2).Val()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan error, 1)
			go func() { done <- r.Run(ctx) }()
			next(t, begun)
			for client.LLen(t.Context(), "file_event").Val() > 0 {
				must(t, t.Context().Err())
			}
			if full {
				must(t, client.ConfigSet(t.Context(), "maxmemory", "1").Err())
			}
			cancel()
			if full {
				logged.wait(t, "OOM")
				must(t, client.ConfigSet(t.Context(), "maxmemory", "0").Err())
			}
			if err := next(t, done); !errors.Is(err, remoteevent.ErrShutdownTimeout) {
				t.Errorf("Run returned %v", err)
			}
			if back := client.LRange(t.Context(), "file_event", 0, -1).Val(); !slices.Equal(back, raws) || len(begun) > 0 {
				t.Errorf("%d of 49 are back in their order; %d more were begun with\n%s", len(back), len(begun), logged)
			}
		})
	}
}
