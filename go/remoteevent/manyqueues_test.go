package remoteevent_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/remoteevent"
)

// figure returns a figure of INFO.
func figure(t *testing.T, client *redis.Client, name string) int {
	t.Helper()
	for line := range strings.Lines(client.Info(t.Context()).Val()) {
		if value, found := strings.CutPrefix(strings.TrimSpace(line), name+":"); found {
			n, err := strconv.Atoi(value)
			must(t, err)
			return n
		}
	}
	t.Fatalf("INFO has no %s", name)
	return 0
}

// TestThousandQueues: neither connections nor idle commands grow with the queues, and
// each is served.
func TestThousandQueues(t *testing.T) {
	t.Parallel()
	for mode, options := range map[string][]remoteevent.ReceiverOption{
		"at least once": nil, "at most once": {remoteevent.WithAtMostOnce()},
	} {
		for protocol := 2; protocol <= 3; protocol++ {
			t.Run(fmt.Sprintf("%s/RESP%d", mode, protocol), func(t *testing.T) {
				t.Parallel()
				addr := redistest.FreeAddr(t)
				redistest.Start(t, addr)
				client := redis.NewClient(&redis.Options{Addr: addr, Protocol: protocol})
				defer client.Close()
				admin := redis.NewClient(&redis.Options{Addr: addr})
				defer admin.Close()
				before := figure(t, admin, "connected_clients")
				stop, names, got := thousandQueues(t, client, options...)
				before += 1 // the client's own
				most := 0
				var took []time.Duration
				for i := range 20 {
					begun := time.Now()
					name := names[i*37]
					must(t, client.LPush(t.Context(), name, `{"data": {}, "signals": ["event"]}`).Err())
					if queue := next(t, got); queue != name {
						t.Errorf("%s came by %s", name, queue)
					}
					took = append(took, time.Since(begun))
					most = max(most, figure(t, admin, "connected_clients")-before)
				}
				slices.Sort(took)
				if typical := took[len(took)/2]; typical > 5*time.Second { // the machine may be busy at times
					t.Errorf("an event takes %v", typical)
				}
				if most > 8 {
					t.Errorf("%d connections", most)
				}
				// What waits in all of them is handled.
				_, err := client.Pipelined(t.Context(), func(p redis.Pipeliner) error {
					for _, name := range names {
						p.LPush(t.Context(), name, `{"data": {}, "signals": ["event"]}`)
					}
					return nil
				})
				must(t, err)
				for range names {
					next(t, got)
				}
				begun := time.Now()
				must(t, stop())
				if took := time.Since(begun); took > 5*time.Second {
					t.Errorf("Run took %v to return", took)
				}
			})
		}
	}
}

// TestThousandQueuesOfACluster is the same on a cluster.
func TestThousandQueuesOfACluster(t *testing.T) {
	t.Parallel()
	client := cluster(t)
	_, names, got := thousandQueues(t, client)
	for i := range 20 {
		must(t, client.LPush(t.Context(), names[i*37], `{"data": {}, "signals": ["event"]}`).Err())
		if queue := next(t, got); queue != names[i*37] {
			t.Errorf("%s came by %s", names[i*37], queue)
		}
	}
}

// thousandQueues runs a receiver of a thousand queues that have had an event each.
func thousandQueues(t *testing.T, client redis.UniversalClient, options ...remoteevent.ReceiverOption) (stop func() error, names []string, got chan string) {
	t.Helper()
	got = make(chan string, 2000)
	_, quiet := newLog()
	for i := range 1000 {
		names = append(names, fmt.Sprint("queue", i))
	}
	mux, r := receiver(t, client, append(options, quiet, remoteevent.WithQueues(names...))...)
	must(t, mux.Listen("event", func(_ context.Context, d *remoteevent.Delivery) error { got <- d.Queue; return nil }))
	for _, name := range names {
		must(t, client.LPush(t.Context(), name, `{"data": {}, "signals": ["event"]}`).Err())
	}
	stop = start(t, r)
	seen := map[string]bool{}
	for range names {
		seen[next(t, got)] = true
	}
	if len(seen) != len(names) {
		t.Errorf("%d queues of %d are served", len(seen), len(names))
	}
	return stop, names, got
}
