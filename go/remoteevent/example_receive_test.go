package remoteevent_test

import (
	"context"
	"fmt"

	"github.com/remote-events/remote-events/go/remoteevent"
)

type Greeting struct {
	Name string `json:"name"`
}

func (Greeting) EventName() string { return "greeting" }

// Receive events until a context ends. The event may come from an original.
func ExampleReceiver_Run() {
	client, stopRedis := embeddedRedis()
	defer stopRedis()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	client.LPush(ctx, "greeting", `{"data": {"name": "Ada"}, "signals": ["greeting", "remote_event", "event"]}`)

	mux, err := remoteevent.NewMux()
	if err != nil {
		panic(err)
	}
	err = remoteevent.Handle(mux, func(_ context.Context, greeting Greeting) error {
		fmt.Println("hello", greeting.Name)
		stop() // a service goes on
		return nil
	})
	if err != nil {
		panic(err)
	}
	receiver, err := remoteevent.NewReceiver(client, mux)
	if err != nil {
		panic(err)
	}
	if err := receiver.Run(ctx); err != nil {
		panic(err)
	}
	fmt.Println("messages in Redis:", client.Exists(context.Background(), "greeting").Val())
	// Output:
	// hello Ada
	// messages in Redis: 0
}
