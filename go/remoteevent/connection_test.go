package remoteevent_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/remoteevent"
)

// TestWrappedClient checks that NewReceiver rejects a client whose options are inaccessible,
// instead of sharing its pool.
func TestWrappedClient(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{})
	defer client.Close()
	_, err := remoteevent.NewReceiver(struct{ *redis.Client }{client}, new(remoteevent.Mux))
	if err == nil || !strings.Contains(err.Error(), "pass a *redis.Client, *redis.ClusterClient or *redis.Ring") {
		t.Errorf("got %v", err)
	}
}

// ring starts servers and returns a client of all of them.
func ring(t *testing.T, options *redis.RingOptions) *redis.Ring {
	t.Helper()
	options.Addrs = map[string]string{}
	for i := range 3 {
		addr := redistest.FreeAddr(t)
		redistest.Start(t, addr)
		options.Addrs[fmt.Sprint(i)] = addr
	}
	client := redis.NewRing(options)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// TestRing checks that queues are consumed at their shards, through the receiver's own
// connections.
func TestRing(t *testing.T) {
	t.Parallel()
	client := ring(t, &redis.RingOptions{PoolSize: 1})
	for mode, options := range modes() {
		for _, queues := range []int{3, 30} {
			got := make(chan string, 100)
			_, quiet := newLog()
			mux, r := receiver(t, client, append(options, quiet, remoteevent.WithQueues(numberedQueues(queues)...))...)
			must(t, mux.Listen("event", func(_ context.Context, d *remoteevent.Delivery) error { got <- d.Queue; return nil }))
			seen := map[string]bool{}
			stop := start(t, r)
			for i := range queues {
				must(t, client.LPush(t.Context(), fmt.Sprint("q", i), `{"data": {}, "signals": ["event"]}`).Err())
			}
			for range queues {
				seen[next(t, got)] = true
			}
			if len(seen) != queues {
				t.Errorf("%s: %d queues of %d", mode, len(seen), queues)
			}
			must(t, stop())
		}
	}
	if _, err := remoteevent.NewReceiver(client, new(remoteevent.Mux), remoteevent.WithQueues("{}x")); err == nil || !strings.Contains(err.Error(), "another shard") {
		t.Errorf("companion keys on another shard: %v", err)
	}
	receiver(t, client, remoteevent.WithQueue("{}x", remoteevent.WithAtMostOnce()), remoteevent.WithQueues("a{b}c"))
}

// TestSmallPool checks that a receiver does not slow down a user's client with few
// connections and short timeouts.
func TestSmallPool(t *testing.T) {
	t.Parallel()
	for protocol := 2; protocol <= 3; protocol++ {
		addr := redistest.FreeAddr(t)
		redistest.Start(t, addr)
		client := redis.NewClient(&redis.Options{Addr: addr, Protocol: protocol, PoolSize: 1, ReadTimeout: 200 * time.Millisecond, PoolTimeout: time.Second})
		defer client.Close()
		got := make(chan string, 1000)
		logged, option := newLog()
		mux, r := receiver(t, client, option, remoteevent.WithConcurrency(50), remoteevent.WithQueues(numberedQueues(6)...))
		must(t, remoteevent.Handle(mux, func(ctx context.Context, e FileEvent) error {
			got <- e.Path
			return client.Ping(ctx).Err()
		}))
		stop := start(t, r)
		for figure(t, client, "connected_clients") < 3 {
			must(t, t.Context().Err())
		}
		for i := range 100 {
			must(t, sender(t, client).Send(t.Context(), FileEvent{fmt.Sprint(i)}))
			next(t, got)
		}
		must(t, stop())
		if text := logged.String(); strings.Contains(text, "cannot") {
			t.Errorf("RESP%d: logged:\n%s", protocol, text)
		}
	}
}
