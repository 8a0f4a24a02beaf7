package remoteevent_test

import (
	"context"
	"fmt"

	"github.com/remote-events/remote-events/go/remoteevent"
)

// Forward every event, of any type, to another Redis. The payload is not re-encoded,
// and the attribute id stays, so a receiver recognizes an event that was forwarded twice.
func ExampleSender_Forward() {
	from, stopFrom := embeddedRedis()
	defer stopFrom()
	to, stopTo := embeddedRedis()
	defer stopTo()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	from.LPush(ctx, "audit", `{"data": {"user": "Ada", "at": 1.50}, "signals": ["audit", "remote_event", "event"], "metadata": {"id": "17"}}`)

	sender, err := remoteevent.NewSender(to)
	if err != nil {
		panic(err)
	}
	mux, err := remoteevent.NewMux()
	if err != nil {
		panic(err)
	}
	forward := remoteevent.HandlerFunc(func(ctx context.Context, delivery *remoteevent.Delivery) error {
		defer stop()
		return sender.Forward(ctx, delivery.Envelope())
	})
	if err := mux.Listen("event", forward); err != nil {
		panic(err)
	}
	receiver, err := remoteevent.NewReceiver(from, mux, remoteevent.WithQueues("audit"))
	if err != nil {
		panic(err)
	}
	if err := receiver.Run(ctx); err != nil {
		panic(err)
	}
	fmt.Println(to.LIndex(context.Background(), "audit", 0).Val())
	// Output: {"data": {"user": "Ada", "at": 1.50}, "signals": ["audit", "remote_event", "event"], "metadata": {"id": "17"}}
}
