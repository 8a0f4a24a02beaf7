package remoteevent_test

import (
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
	mux := new(remoteevent.Mux)
	for name, option := range map[string]remoteevent.QueueOption{
		"WithLease": remoteevent.WithLease(time.Minute), "WithMaxAttempts": remoteevent.WithMaxAttempts(3),
		"WithBackoff": remoteevent.WithBackoff(1, 2), "WithDeduplication": remoteevent.WithDeduplication(time.Minute, 7),
	} {
		expect := func(err error) {
			t.Helper()
			if err == nil || !strings.Contains(err.Error(), "WithAtMostOnce()") || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %v", name, err)
			}
		}
		_, err := remoteevent.NewReceiver(client, mux, option, remoteevent.WithAtMostOnce())
		expect(err)
		_, err = remoteevent.NewReceiver(client, mux, remoteevent.WithAtMostOnce(), remoteevent.WithDeadLetters(), option)
		expect(err)
		_, err = remoteevent.NewReceiver(client, mux, remoteevent.WithQueue("q", option, remoteevent.WithAtMostOnce()))
		expect(err)
		// The option has no effect on a queue of this receiver.
		_, err = remoteevent.NewReceiver(client, mux, remoteevent.WithQueue("q", option), remoteevent.WithAtMostOnce())
		expect(err)
		// It has an effect on the other queues of this one.
		receiverOf(t, client, mux, option, remoteevent.WithQueue("q", remoteevent.WithAtMostOnce()))
	}
}

// TestWeightWithoutTotalConcurrency: a weight that has no effect is an error.
func TestWeightWithoutTotalConcurrency(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{})
	defer client.Close()
	mux := new(remoteevent.Mux)
	for name, option := range map[string]remoteevent.ReceiverOption{
		"for all queues": remoteevent.WithWeight(2),
		"for one":        remoteevent.WithQueue("q", remoteevent.WithWeight(1)),
	} {
		_, err := remoteevent.NewReceiver(client, mux, option)
		if err == nil || !strings.Contains(err.Error(), "WithWeight") || !strings.Contains(err.Error(), "WithTotalConcurrency") {
			t.Errorf("%s: %v", name, err)
		}
		receiverOf(t, client, mux, option, remoteevent.WithTotalConcurrency(1))
	}
}
