package main

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/wire"
)

// startRelay runs relay until the test ends.
func startRelay(t *testing.T, client *redis.Client, args ...string) (cancel func(), ended <-chan result) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	end := make(chan result, 1)
	go func() {
		end <- invocation{args: append([]string{"relay", "--redis", urlOfClient(client)}, args...)}.run(ctx)
	}()
	t.Cleanup(cancel)
	return cancel, end
}

// pop waits for a message.
func pop(t *testing.T, client *redis.Client, key string) string {
	t.Helper()
	popped, err := client.BRPop(t.Context(), 30*time.Second, key).Result()
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	return popped[1]
}

// TestRelay checks FAN-1, FAN-2 and FAN-5: the bytes at each destination, which are safe
// there, and the dead letters of the source.
func TestRelay(t *testing.T) {
	t.Parallel()
	// The longest message that a sender may send by default.
	longest := strings.Repeat("x", wire.DefaultSendBytes-len(`{"data": {"n": ""}, "signals": ["order", "remote_event", "event"]}`))
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		push(t, client, "order",
			`{"data": { "n" :1.0, "u":"\u00e9"}, "signals": ["order", "base", "remote_event", "event"], "metadata": {"id": "7", "source": "/shop"}}`,
			// As an original with two parents sends it; a command; a key that is not the name.
			`{"data": {"n": 2}, "signals": ["order", "p", "remote_event", "event", "q", "remote_event", "event"]}`,
			`{"data": {"n": 3}, "signals": ["order", "kernel.kernel_shutdown", null, "remote_event", "event"]}`,
			`{"data": {"n": 4}, "signals": ["other"], "unknown": 1}`,
			`{"data": {"n": NaN}, "signals": ["order", "remote_event", "event"]}`,
			`{"data": {"n": 5}, "signals": ["order", "order.mail", "remote_event", "event"]}`,
			malformedMessage,
			`{"data": {"n": "`+longest+`"}, "signals": ["order", "remote_event", "event"]}`,
			message("order", 6))
		cancel, ended := startRelay(t, client, "order", "order.billing", "order.mail")
		for _, destination := range []string{"order.billing", "order.mail"} {
			for _, want := range []string{
				`{"data": { "n" :1.0, "u":"\u00e9"}, "signals": ["DESTINATION", "order", "base", "remote_event", "event"], "metadata": {"id": "7", "source": "/shop"}}`,
				`{"data": {"n": 2}, "signals": ["DESTINATION", "order", "p", "q", "remote_event", "event"]}`,
				`{"data": {"n": 3}, "signals": ["DESTINATION", "order", "remote_event", "event"]}`,
				`{"data": {"n": 4}, "signals": ["DESTINATION", "other", "remote_event", "event"]}`,
				`{"data": {"n": "` + longest + `"}, "signals": ["DESTINATION", "order", "remote_event", "event"]}`,
				`{"data": {"n": 6}, "signals": ["DESTINATION", "order", "remote_event", "event"]}`,
			} {
				got := pop(t, client, destination)
				if got != strings.ReplaceAll(want, "DESTINATION", destination) {
					t.Errorf("%s has %.200s, want %.200s", destination, got, want)
				}
				if report := wire.InspectFrom(destination, []byte(got), wire.Limits{SendBytes: wire.DefaultReceiveBytes}); report.Verdict != wire.Safe || report.Legacy != wire.Delivers {
					t.Errorf("%.200s: %+v", got, report)
				}
			}
			expectLength(t, client, destination, 0)
		}
		cancel()
		(<-ended).expect(t, exitDone)
		expectLength(t, client, "order", 0)
		left := invoke(t, "queue", "ls", "order", "-o", "ndjson", "--redis", urlOfClient(client)).expect(t, exitDone).stdout
		if want := `"queued":0,"staged":0,"leased":0,"retrying":0,"dead":3`; !strings.Contains(left, want) {
			t.Errorf("%s, want %s", left, want)
		}
	})
}

// TestRelaySendsOnlyWhatIsMissing: after a failure at one destination, the others do not
// get the event again, and nothing is acknowledged before (FAN-3).
func TestRelaySendsOnlyWhatIsMissing(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		cancel, ended := startRelay(t, client, "order", "a", "b")
		push(t, client, "order", message("order", 1))
		pop(t, client, "a")
		pop(t, client, "b")
		if err := client.Set(t.Context(), "b", "no list", 0).Err(); err != nil {
			t.Fatal(err)
		}
		push(t, client, "order", message("order", 2))
		pop(t, client, "a")
		if err := client.Del(t.Context(), "b").Err(); err != nil {
			t.Fatal(err)
		}
		if got := pop(t, client, "b"); !strings.Contains(got, `"n": 2`) {
			t.Errorf("b has %s", got)
		}
		cancel()
		(<-ended).expect(t, exitDone)
		expectLength(t, client, "a", 0)
		expectLength(t, client, "b", 0)
		invoke(t, "queue", "ls", "order", "--redis", urlOfClient(client)).expect(t, exitNothing)
	})
}

// TestProcessRelayIsKilled kills relays at work: each event is at every destination, at
// least once.
func TestProcessRelayIsKilled(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		const events = 300
		relay := func() *process {
			return start(t, client, "relay", "order", "a", "b", "--lease", "200ms")
		}
		seen := map[string][events]int{}
		take := func(key string, n int) {
			for range n {
				var m struct{ Data struct{ N int } }
				if err := json.Unmarshal([]byte(pop(t, client, key)), &m); err != nil {
					t.Fatal(err)
				}
				counts := seen[key]
				counts[m.Data.N]++
				seen[key] = counts
			}
		}
		for round := range 3 {
			batch := make([]any, 0, events/3)
			for n := range events / 3 {
				batch = append(batch, message("order", round*events/3+n))
			}
			if err := client.LPush(t.Context(), "order", batch...).Err(); err != nil {
				t.Fatal(err)
			}
			p := relay()
			take("a", 1+10*round) // it is at work
			p.signal(t, syscall.SIGKILL)
			_ = p.Wait()
		}
		last := relay()
		for _, key := range []string{"a", "b"} {
			for counts := seen[key]; slices.Contains(counts[:], 0); counts = seen[key] {
				take(key, 1)
			}
		}
		last.signal(t, syscall.SIGTERM)
		last.expectExit(t, exitDone)
		invoke(t, "queue", "ls", "order", "--redis", urlOfClient(client)).expect(t, exitNothing)
	})
}

func TestRelayUsage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		text string
	}{
		{nil, "at least one destination"},
		{[]string{"a"}, "at least one destination"},
		{[]string{"a", "a"}, "is the source"},
		{[]string{"a", "b", "b"}, "is named twice"},
		{[]string{"a", "event"}, "SIG-3"},
		{[]string{"a", "kernel.kernel_shutdown"}, "SIG-4"},
		{[]string{"a", "b", "--lease", "1ms"}, "--lease must be at least 100ms"},
	} {
		invoke(t, append([]string{"relay"}, c.args...)...).expect(t, exitUsage, c.text)
	}
}
