package remoteevent_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/remoteevent"
)

func TestDeduplication(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		got := make(chan string, 10)
		mux, r := receiver(t, client, remoteevent.WithDeduplication(time.Hour, 2))
		must(t, remoteevent.Handle(mux, func(_ context.Context, e FileEvent) error { got <- e.Path; return nil }))
		long := strings.Repeat("l", 257)
		for _, id := range []string{long, long, "a", "b", "a", "b", "c", "a"} {
			must(t, client.LPush(t.Context(), "file_event", fmt.Sprintf(`{"data": {"path": %q}, "signals": ["file_event"], "metadata": {"id": %q}}`, id, id)).Err())
		}
		start(t, r)
		for _, want := range []string{long, long, "a", "b", "c", "a"} { // only two are remembered
			if path := next(t, got); path != want {
				t.Errorf("got %s, want %s", path, want)
			}
		}
		expectStats(t, queue(t, client), queueadmin.Stats{})
		if len(got) != 0 {
			t.Errorf("%s came again", <-got)
		}
	})
}

// TestDeduplicationWaitsForRedis: an event of which Redis does not say whether it came
// before was not tried.
func TestDeduplicationWaitsForRedis(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	redistest.Start(t, addr)
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	must(t, client.Do(t.Context(), "ACL", "SETUSER", "u", "on", ">p", "~*", "&*", "+@all").Err())
	limited := redis.NewClient(&redis.Options{Addr: addr, Username: "u", Password: "p"})
	defer limited.Close()
	logged, option := newLog()
	got, end := make(chan string, 10), make(chan struct{})
	h := newHook()
	mux, r := receiver(t, limited, option, remoteevent.WithHooks(h), remoteevent.WithDeduplication(time.Hour, 100), remoteevent.WithMaxAttempts(1), remoteevent.WithPrefetch(5))
	must(t, remoteevent.Handle(mux, func(_ context.Context, e FileEvent) error { got <- e.Path; <-end; return nil }))
	must(t, sender(t, client).SendBatch(t.Context(), FileEvent{"x"}, FileEvent{"y"}))
	stop := start(t, r)
	next(t, got)
	must(t, client.Do(t.Context(), "ACL", "SETUSER", "u", "-zscore").Err())
	close(end)
	logged.wait(t, "cannot check for repeated events; retrying")
	must(t, client.Do(t.Context(), "ACL", "SETUSER", "u", "+zscore").Err())
	if path := next(t, got); path != "y" {
		t.Errorf("got %s", path)
	}
	expectStats(t, queue(t, client), queueadmin.Stats{})
	// One that waits for an answer holds up no stop.
	must(t, client.Do(t.Context(), "ACL", "SETUSER", "u", "-zscore").Err())
	must(t, sender(t, client).Send(t.Context(), FileEvent{"z"}))
	nextInfo[remoteevent.RecoveredInfo](t, h)
	nextInfo[remoteevent.FailingInfo](t, h)
	must(t, stop()) // and not ErrShutdownTimeout
	for {
		info := nextInfo[remoteevent.HandledInfo](t, h)
		if info.Disposition == remoteevent.Acknowledged {
			continue
		}
		if info.Disposition != remoteevent.Released || info.Event != "file_event" || info.ID == "" || info.Duration != 0 || info.Err == nil || info.Code != "" {
			t.Errorf("the info is %+v", info)
		}
		break
	}
}
