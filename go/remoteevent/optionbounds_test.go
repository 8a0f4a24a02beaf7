package remoteevent_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/remoteevent"
)

// TestOptionsHaveBounds: what would overflow, or make no sense, is an error that names
// the option.
func TestOptionsHaveBounds(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{})
	defer client.Close()
	const ages = time.Duration(math.MaxInt64)
	for name, option := range map[string]remoteevent.ReceiverOption{
		"WithConcurrency":      remoteevent.WithConcurrency(math.MaxInt),
		"WithPrefetch":         remoteevent.WithPrefetch(math.MaxInt),
		"WithLease":            remoteevent.WithLease(ages),
		"WithMaxAttempts":      remoteevent.WithMaxAttempts(math.MaxInt),
		"WithBackoff":          remoteevent.WithBackoff(0, ages),
		"WithTotalConcurrency": remoteevent.WithTotalConcurrency(math.MaxInt),
		"WithWeight":           remoteevent.WithWeight(math.MaxInt),
		"WithSlowWarning":      remoteevent.WithSlowWarning(time.Millisecond),
		"WithDeduplication":    remoteevent.WithDeduplication(ages, 1),
		"WithDeadLetterLimit":  remoteevent.WithDeadLetterLimit(math.MaxInt),
		"WithDeadLetterAge":    remoteevent.WithDeadLetterAge(ages),
		"WithShutdownTimeout":  remoteevent.WithShutdownTimeout(ages),
		"WithMaxReceiveBytes":  remoteevent.WithMaxReceiveBytes(math.MaxInt),
	} {
		if _, err := remoteevent.NewReceiver(client, new(remoteevent.Mux), option); err == nil || !strings.Contains(err.Error(), name+"(") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := remoteevent.NewReceiver(client, new(remoteevent.Mux), remoteevent.WithDeduplication(time.Hour, math.MaxInt)); err == nil {
		t.Error("WithDeduplication has no bound")
	}
}

// TestLargestPrefetch: the largest numbers receive.
func TestLargestPrefetch(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		for _, mode := range [][]remoteevent.ReceiverOption{nil, {remoteevent.WithAtMostOnce()}} {
			got := make(chan string, 10)
			mux, r := receiver(t, client, append(mode, remoteevent.WithPrefetch(1_000_000), remoteevent.WithConcurrency(100_000))...)
			must(t, remoteevent.Handle(mux, recordPath(got)))
			for i := range 10 {
				must(t, sender(t, client).Send(t.Context(), FileEvent{fmt.Sprint(i)}))
			}
			stop := start(t, r)
			for range 10 {
				next(t, got)
			}
			must(t, stop())
		}
	})
}
