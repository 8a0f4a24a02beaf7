package remoteevent_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/remoteevent"
)

// TestFewestPermissions: a user who may neither unblock a connection nor ask whether
// keys exist receives all the same, from few queues and from many.
func TestFewestPermissions(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	redistest.Start(t, addr)
	admin := redis.NewClient(&redis.Options{Addr: addr})
	defer admin.Close()
	for mode, options := range modes() {
		for _, queues := range []int{1, 20} {
			var rules []any
			for i := range queues {
				role := queueadmin.ReceiverAtLeastOnce
				if len(options) > 0 {
					role = queueadmin.ReceiverAtMostOnce
				}
				rule, err := queueadmin.Rule(role, fmt.Sprint("q", i))
				must(t, err)
				for word := range strings.FieldsSeq(rule) {
					rules = append(rules, word)
				}
			}
			must(t, admin.Do(t.Context(), append([]any{"ACL", "SETUSER", "anna", "reset", "on", ">s3cret", "+ping"}, rules...)...).Err())
			client := redis.NewClient(&redis.Options{Addr: addr, Username: "anna", Password: "s3cret"})
			defer client.Close()
			got := make(chan string, 100)
			_, quiet := newLog()
			mux, r := receiver(t, client, append(options, quiet, remoteevent.WithQueues(numberedQueues(queues)...))...)
			must(t, mux.Listen("event", func(_ context.Context, d *remoteevent.Delivery) error { got <- d.Queue; return nil }))
			stop := start(t, r)
			for i := range 3 {
				name := fmt.Sprint("q", i%queues)
				must(t, admin.LPush(t.Context(), name, `{"data": {}, "signals": ["event"]}`).Err())
				if queue := next(t, got); queue != name {
					t.Errorf("%s, %d queues: %s came by %s", mode, queues, name, queue)
				}
			}
			must(t, stop())
		}
	}
}
