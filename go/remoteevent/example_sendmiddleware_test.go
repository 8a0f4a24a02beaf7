package remoteevent_test

import (
	"context"
	"fmt"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/wire"
)

// traceKey is the key of the trace in a context. With OpenTelemetry, the trace comes
// from trace.SpanContextFromContext.
type traceKey struct{}

// A middleware adds the attribute traceparent to every event, however it is sent.
func ExampleWithSendMiddleware() {
	server, err := miniredis.Run() // in an application: a Redis server
	if err != nil {
		panic(err)
	}
	defer server.Close()
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer client.Close()

	withTrace := func(next remoteevent.SendFunc) remoteevent.SendFunc {
		return func(ctx context.Context, events []*wire.Envelope) error {
			if trace, ok := ctx.Value(traceKey{}).(string); ok {
				for _, event := range events {
					event.Metadata.Attributes["traceparent"] = trace
				}
			}
			return next(ctx, events)
		}
	}
	sender, err := remoteevent.NewSender(client, remoteevent.WithSendMiddleware(withTrace))
	if err != nil {
		panic(err)
	}
	ctx := context.WithValue(context.Background(), traceKey{}, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if err := sender.Send(ctx, FileEvent{"/uploads/video1.mp4"}); err != nil {
		panic(err)
	}

	raw, err := client.RPop(ctx, "file_event").Bytes()
	if err != nil {
		panic(err)
	}
	event, err := wire.Decode(raw, wire.Limits{})
	if err != nil {
		panic(err)
	}
	fmt.Println(event.Metadata.Attributes["traceparent"])
	// Output: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
}
