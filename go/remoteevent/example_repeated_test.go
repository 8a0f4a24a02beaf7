package remoteevent_test

import (
	"context"
	"fmt"

	"github.com/remote-events/remote-events/go/remoteevent"
)

type Transfer struct {
	Amount int `json:"amount"`
}

func (Transfer) EventName() string { return "transfer" }

// Delivery is at least once: a listener may see an event twice. It recognizes the
// event by its key, which a real service stores in the transaction of its work.
func ExampleDelivery_Key() {
	client, stopRedis := embeddedRedis()
	defer stopRedis()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	for range 2 { // the sender did not get the reply of Redis and sent the event again
		client.LPush(ctx, "transfer", `{"data": {"amount": 100}, "signals": ["transfer"], "metadata": {"id": "17"}}`)
	}

	handled := map[string]bool{}
	mux, err := remoteevent.NewMux()
	if err != nil {
		panic(err)
	}
	err = remoteevent.Handle(mux, func(ctx context.Context, transfer Transfer) error {
		key := remoteevent.DeliveryOf(ctx).Key()
		if handled[key] {
			fmt.Println("already handled", key)
			stop()
			return nil
		}
		fmt.Println("transfer", transfer.Amount)
		handled[key] = true
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
	// Output:
	// transfer 100
	// already handled 17
}
