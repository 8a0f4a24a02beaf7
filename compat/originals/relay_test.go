package originals_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"testing"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/environment"
	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
)

// TestOriginalsBehindARelay lets an original send events to a relay, with an original at
// each destination. Each of them receives every event, by listeners of its former name.
func TestOriginalsBehindARelay(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	path, err := buildCommand(t)()
	must(t, err)
	oldestAndNewest(t, func(t *testing.T, original environment.Original) {
		t.Helper()
		s := newStage(t, original, redisserver.Options{})
		relay := exec.CommandContext(context.WithoutCancel(t.Context()), path, "relay", "order", "order.billing", "order.mail", "--redis", s.server.URL())
		var stderr bytes.Buffer
		relay.Stderr = &stderr
		must(t, relay.Start())
		t.Cleanup(func() {
			must(t, relay.Process.Signal(os.Interrupt))
			if err := relay.Wait(); err != nil {
				t.Errorf("%v\n%s", err, stderr.String())
			}
		})
		receivers := map[string]*adapter.Adapter{}
		for _, destination := range []string{"order.billing", "order.mail"} {
			receivers[destination] = s.start(t)
			must(t, receivers[destination].Receive(t.Context(), protocol.Reception{Queues: []string{destination}, Signals: []string{"order", "base"}}))
		}
		payloads := []string{`{"n": 1}`, `{"n": 2}`}
		sender := s.start(t)
		for _, payload := range payloads {
			must(t, sender.Send(t.Context(), protocol.Message{EventName: "order", Parents: []string{"base"}, PayloadText: payload}))
		}
		for destination, receiver := range receivers {
			signals := []string{destination, "order", "base", "remote_event", "event"}
			for _, payload := range payloads {
				expect(t, receiver, protocol.Event{Signal: "order", Signals: signals, PayloadText: payload})
				expect(t, receiver, protocol.Event{Signal: "base", Signals: signals, PayloadText: payload})
			}
		}
	})
}
