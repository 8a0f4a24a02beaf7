package redisserver_test

import (
	"errors"
	"testing"
	"time"

	"github.com/remote-events/remote-events/compat/internal/redisserver"
)

// A server uses its clock, and still does after a restart.
func TestClock(t *testing.T) {
	t.Parallel()
	clock, err := redisserver.NewClock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { must(t, clock.Close()) }()
	server, err := redisserver.StartInstance(t.Context(), redisserver.Options{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { must(t, server.Close()) }()
	for _, off := range []time.Duration{0, time.Hour, -36*time.Hour - time.Microsecond, 0} {
		must(t, clock.Set(off))
		client := server.Client()
		now, err := client.Time(t.Context()).Result()
		if err != nil {
			t.Fatal(err)
		}
		if seen := time.Until(now); seen > off || seen < off-10*time.Minute {
			t.Errorf("offset %v, want %v", seen, off)
		}
		must(t, errors.Join(client.Close(), server.Kill(), server.Start(t.Context())))
	}
}
