package remoteevent_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/connectionname"
	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/remoteevent"
)

// TestConnectionNames checks that every connection of a receiver names its queues, for a user
// with the smallest rule as well, whether the receiver has few queues or many.
func TestConnectionNames(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	redistest.Start(t, addr)
	admin := redis.NewClient(&redis.Options{Addr: addr})
	defer admin.Close()
	for _, queues := range [][]string{{"a b", "c"}, numberedQueues(5)} {
		rule, err := queueadmin.Rule(queueadmin.ReceiverAtLeastOnce, queues...)
		must(t, err)
		args := []any{"ACL", "SETUSER", "anna", "reset", "on", ">s3cret"}
		for word := range strings.FieldsSeq(rule) {
			args = append(args, word)
		}
		must(t, admin.Do(t.Context(), args...).Err())
		client := redis.NewClient(&redis.Options{Addr: addr, Username: "anna", Password: "s3cret"})
		defer client.Close()
		got := make(chan struct{}, 1)
		_, quiet := newLog()
		mux, r := receiver(t, client, quiet, remoteevent.WithQueues(queues...))
		must(t, mux.Listen("x", func(context.Context, *remoteevent.Delivery) error { got <- struct{}{}; return nil }))
		stop := start(t, r)
		must(t, admin.LPush(t.Context(), queues[0], `{"data": {}, "signals": ["x"]}`).Err())
		next(t, got)
		named := 0
		for line := range strings.Lines(admin.ClientList(t.Context()).Val()) {
			_, rest, _ := strings.Cut(line, " name=")
			text, _, _ := strings.Cut(rest, " ")
			if name, ok := connectionname.Parse(text); ok && strings.Contains(line, " user=anna ") {
				named++
				if !slices.Equal(name.Queues, queues) {
					t.Errorf("a connection of a receiver of %q has the name %q", queues, text)
				}
			} else if strings.Contains(line, " user=anna ") && (strings.Contains(line, " cmd=eval") || strings.Contains(line, " cmd=blmove ")) { // it is set up
				t.Errorf("a connection has the name %q", text)
			}
		}
		if named == 0 {
			t.Error("no connection has a name")
		}
		must(t, stop())
	}
}
