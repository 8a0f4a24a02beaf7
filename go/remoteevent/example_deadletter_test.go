package remoteevent_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/remoteevent"
)

type Invoice struct {
	Number int `json:"number"`
}

func (Invoice) EventName() string { return "invoice" }

// An event whose attempts have all failed becomes a dead letter, as does a malformed
// message. Package queueadmin lists, requeues and deletes them.
func ExampleWithMaxAttempts() {
	client, stopRedis := embeddedRedis()
	defer stopRedis()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	client.LPush(ctx, "invoice", `{"data": {"number": 1`) // cut short
	client.LPush(ctx, "invoice", `{"data": {"number": 2}, "signals": ["invoice"]}`)

	mux, err := remoteevent.NewMux()
	if err != nil {
		panic(err)
	}
	err = remoteevent.Handle(mux, func(ctx context.Context, _ Invoice) error {
		if remoteevent.DeliveryOf(ctx).Attempt == 2 {
			stop()
		}
		return errors.New("the printer is on fire")
	})
	if err != nil {
		panic(err)
	}
	receiver, err := remoteevent.NewReceiver(client, mux,
		remoteevent.WithMaxAttempts(2),
		remoteevent.WithBackoff(10*time.Millisecond, time.Second),
		remoteevent.WithDeadLetterLimit(10_000))
	if err != nil {
		panic(err)
	}
	if err := receiver.Run(ctx); err != nil {
		panic(err)
	}
	printDeadLetters(client, "invoice")
	// Output:
	// malformed after 1 attempts
	// failed after 2 attempts: the printer is on fire
}

// printDeadLetters prints the dead letters of a queue.
func printDeadLetters(client *redis.Client, name string) {
	queue, err := queueadmin.Open(client, name)
	if err != nil {
		panic(err)
	}
	for letter, err := range queue.DeadLetters(context.Background()) {
		switch {
		case err != nil:
			panic(err)
		case letter.Code == queueadmin.CodeMalformed:
			fmt.Printf("%s after %d attempts\n", letter.Code, letter.Attempts)
		default:
			fmt.Printf("%s after %d attempts: %s\n", letter.Code, letter.Attempts, letter.Error)
		}
	}
}
