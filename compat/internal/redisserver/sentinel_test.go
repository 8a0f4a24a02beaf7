package redisserver_test

import (
	"testing"
	"time"

	"github.com/remote-events/remote-events/compat/internal/redisserver"
)

func TestSentinel(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	first, second := instance(t), instance(t)
	must(t, second.Follow(t.Context(), first.Addr()))
	sentinel, err := redisserver.StartSentinel(t.Context(), first, time.Minute)
	must(t, err)
	client := sentinel.Client()
	t.Cleanup(func() { must(t, client.Close()) })
	must(t, client.Set(t.Context(), "key", "before", 0).Err())
	must(t, sentinel.Failover(t.Context(), second))
	for got := ""; got != "after"; { // until the client knows the new primary
		_ = client.Set(t.Context(), "key", "after", 0).Err()
		now := second.Client()
		got = now.Get(t.Context(), "key").Val()
		must(t, now.Close())
		must(t, t.Context().Err())
	}
	must(t, sentinel.Close())
	must(t, sentinel.Close())
}

// StartSentinel fails for a primary without a replica.
func TestSentinelFails(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	alone, err := redisserver.StartInstance(t.Context(), redisserver.Options{Timeout: 3 * time.Second})
	must(t, err)
	t.Cleanup(func() { must(t, alone.Close()) })
	if _, err := redisserver.StartSentinel(t.Context(), alone, time.Minute); err == nil {
		t.Error("StartSentinel succeeded")
	}
}
