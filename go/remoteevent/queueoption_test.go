package remoteevent_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/remoteevent"
)

// TestOptionsThatAtMostOnceIgnores: a combination without sense is an error that
// names both options, wherever they are given.
func TestOptionsThatAtMostOnceIgnores(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{})
	defer client.Close()
	listener := func(context.Context, FileEvent) error { return nil }
	for name, option := range map[string]remoteevent.QueueOption{
		"WithLease": remoteevent.WithLease(time.Minute), "WithMaxAttempts": remoteevent.WithMaxAttempts(3),
		"WithBackoff": remoteevent.WithBackoff(1, 2), "WithDeduplication": remoteevent.WithDeduplication(time.Minute, 7),
	} {
		expect := func(err error) {
			t.Helper()
			if err == nil || !strings.Contains(err.Error(), "AtMostOnce()") || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %v", name, err)
			}
		}
		_, err := remoteevent.NewReceiver(client, option, remoteevent.AtMostOnce())
		expect(err)
		_, err = remoteevent.NewReceiver(client, remoteevent.AtMostOnce(), remoteevent.WithDeadLetters(), option)
		expect(err)
		expect(remoteevent.Handle(receiver(t, client), listener, option, remoteevent.AtMostOnce()))
		// The option has no effect on a queue of this receiver.
		expect(remoteevent.Handle(receiver(t, client, remoteevent.AtMostOnce()), listener, option))
		r := receiver(t, client)
		must(t, r.Queue("file_event", option))
		expect(r.Queue("file_event", remoteevent.AtMostOnce()))
		// It has on the others of this one.
		must(t, remoteevent.Handle(receiver(t, client, option), listener, remoteevent.AtMostOnce()))
	}
}
