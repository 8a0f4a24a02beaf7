package remoteevent_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/remoteevent"
)

// TestBusyQueueHidesNothing checks that messages of a dead receiver are found in any of many
// queues, while one queue always has events.
func TestBusyQueueHidesNothing(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: redistest.Start(t, redistest.FreeAddr(t)).Addr})
	defer client.Close()
	_, quiet := newLog()
	mux, r := receiver(t, client, quiet, remoteevent.WithQueues(numberedQueues(6)...))
	busy, got := make(chan struct{}, 100), make(chan struct{}, 10)
	must(t, mux.Listen("q0", func(context.Context, *remoteevent.Delivery) error { busy <- struct{}{}; return nil }))
	must(t, mux.Listen("q1", func(context.Context, *remoteevent.Delivery) error { got <- struct{}{}; return nil }))
	start(t, r)
	push := func() { must(t, client.LPush(t.Context(), "q0", `{"data": {}, "signals": ["q0"]}`).Err()) }
	push()
	next(t, busy)
	// A message that only a look at the companion keys finds.
	q, err := lease.NewQueue(client, "q1")
	must(t, err)
	claim := fmt.Sprintf("%d-tokentokentoken-1", time.Now().UnixMicro())
	must(t, client.HSet(t.Context(), q.Key(lease.Bodies), claim+"-1001", `{"data": {}, "signals": ["q1"]}`).Err())
	must(t, client.ZAdd(t.Context(), q.Key(lease.Claims), redis.Z{Score: float64(time.Now().UnixMilli()), Member: claim}).Err())
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for limit := time.After(15 * time.Second); ; {
		select {
		case <-got:
			return
		case <-limit:
			t.Fatal("the message of a dead receiver was not found within 15 s")
		case <-ticker.C:
			push()
		case <-busy:
		}
	}
}
