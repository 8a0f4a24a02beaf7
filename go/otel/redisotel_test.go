package remoteeventotel_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/extra/redisotel/v9"
	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/remoteevent"
)

// TestRedisotel: the package documentation's combination with redisotel. The LPUSH is a
// child of the sender's span and has no payload, and a receiver adds no spans of commands.
func TestRedisotel(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: redistest.Start(t, redistest.FreeAddr(t)).Addr})
	t.Cleanup(func() { _ = client.Close() })
	r := record(t)
	must(t, redisotel.InstrumentTracing(client, redisotel.WithDBStatement(false), redisotel.WithTracerProvider(r.tracer)))
	must(t, client.Ping(t.Context()).Err()) // has connected
	connected := len(r.spans.Ended())
	ended := make(handled, 10)
	stop := run(t, client, remoteevent.HandlerFunc(acknowledge), r.Receiver(), remoteevent.WithHooks(ended))
	must(t, sender(t, client, r.Sender()).Send(t.Context(), FileEvent{"/secret"}))
	ended.wait(t, remoteevent.Acknowledged)
	stop()
	send, push := r.one(t, "send file_event"), r.one(t, "lpush")
	if push.Parent().SpanID() != send.SpanContext().SpanID() {
		t.Errorf("the LPUSH has the parent %v", push.Parent())
	}
	for _, span := range r.spans.Ended() {
		if strings.Contains(fmt.Sprint(span.Attributes(), span.Events(), span.Status()), "secret") {
			t.Errorf("the span %q has the payload: %v", span.Name(), span.Attributes())
		}
	}
	if n := len(r.spans.Ended()) - connected; n != 3 {
		t.Errorf("%d spans ended, not those of the sender, the LPUSH and the delivery", n)
	}
}
