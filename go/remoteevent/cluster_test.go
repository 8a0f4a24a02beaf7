package remoteevent_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/wire"
)

// cluster starts a cluster of one node, which rejects commands with keys of several slots.
func cluster(t *testing.T) *redis.ClusterClient {
	t.Helper()
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: redistest.StartCluster(t, 1)})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// TestCluster checks that all operations on a queue stay in its slot, for every kind of name.
func TestCluster(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	client := cluster(t)
	names := []string{"file_event", "日本 {x}", "foo}bar", "{}x", "a{b}c", "{", "x{}{y}", strings.Repeat("n", 300)}
	_, quiet := newLog()
	for mode, options := range map[string][]remoteevent.ReceiverOption{
		"at least once": {soon(), remoteevent.WithMaxAttempts(2), remoteevent.WithDeduplication(1<<40, 100)},
		"at most once":  {remoteevent.WithAtMostOnce(), remoteevent.WithDeadLetters()},
	} {
		got := make(chan string, 100)
		mux, r := receiver(t, client, append(options, quiet, remoteevent.WithConcurrency(4), remoteevent.WithQueues(names...))...)
		must(t, mux.Listen("event", func(_ context.Context, d *remoteevent.Delivery) error {
			if string(d.Payload()) == `{"fails":true}` {
				return errors.New("no")
			}
			got <- d.Queue
			return nil
		}))
		var batch []wire.Envelope
		for _, payload := range []string{`{}`, `{"fails":true}`} {
			for _, name := range names {
				signals := []string{name, "remote_event", "event"}
				batch = append(batch, wire.Envelope{EventName: name, Payload: []byte(payload), Metadata: wire.Metadata{Signals: signals}})
			}
		}
		must(t, sender(t, client).ForwardBatch(t.Context(), batch...))
		stop := start(t, r)
		var delivered []string
		for range names {
			delivered = append(delivered, next(t, got))
		}
		if slices.Sort(delivered); !slices.Equal(delivered, slices.Sorted(slices.Values(names))) {
			t.Errorf("%s: got %q", mode, delivered)
		}
		for _, name := range names {
			q, err := queueadmin.Open(client, name)
			must(t, err)
			expectStats(t, q, queueadmin.Stats{Dead: 1})
			must(t, q.Check(t.Context(), queueadmin.ReceiverAtLeastOnce))
			letters := deadLetters(t, q)
			missing, err := q.Drop(t.Context(), letters[0].ID)
			if err != nil || len(missing) != 0 || len(letters) != 1 {
				t.Errorf("%q: %d letters, %v", name, len(letters), err)
			}
		}
		must(t, stop())
		for _, name := range names {
			for i := range 3 {
				must(t, client.LPush(t.Context(), name, fmt.Sprint(i)).Err())
			}
			q, err := queueadmin.Open(client, name)
			must(t, err)
			must(t, client.LMove(t.Context(), name, q.CompanionKeys()["staging"], "RIGHT", "LEFT").Err())
			if n, err := q.Drain(t.Context()); n != 1 || err != nil {
				t.Errorf("%q: drained %d, %v", name, n, err)
			}
			expectStats(t, q, queueadmin.Stats{Queued: 3})
			must(t, client.Del(t.Context(), name).Err())
		}
	}
}
