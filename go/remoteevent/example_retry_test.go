package remoteevent_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/remote-events/remote-events/go/remoteevent"
)

type Payment struct {
	Amount int `json:"amount"`
}

func (Payment) EventName() string { return "payment" }

// An error is retried, with a growing delay. A permanent error moves the event to
// the dead letters at once.
func ExamplePermanent() {
	client, stopRedis := embeddedRedis()
	defer stopRedis()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	client.LPush(ctx, "payment", `{"data": {"amount": 12}, "signals": ["payment"]}`)
	client.LPush(ctx, "payment", `{"data": {"amount": -5}, "signals": ["payment"]}`)

	mux, err := remoteevent.NewMux()
	if err != nil {
		panic(err)
	}
	err = remoteevent.Handle(mux, func(ctx context.Context, payment Payment) error {
		attempt := remoteevent.DeliveryOf(ctx).Attempt
		fmt.Printf("payment of %d, attempt %d\n", payment.Amount, attempt)
		switch {
		case payment.Amount < 0:
			return remoteevent.Permanent(errors.New("the amount is negative"))
		case attempt == 1:
			return errors.New("the bank does not answer")
		}
		stop()
		return nil
	})
	if err != nil {
		panic(err)
	}
	receiver, err := remoteevent.NewReceiver(client, mux, remoteevent.WithBackoff(100*time.Millisecond, time.Second))
	if err != nil {
		panic(err)
	}
	if err := receiver.Run(ctx); err != nil {
		panic(err)
	}
	printDeadLetters(client, "payment")
	// Output:
	// payment of 12, attempt 1
	// payment of -5, attempt 1
	// payment of 12, attempt 2
	// permanent after 1 attempts: the amount is negative
}
