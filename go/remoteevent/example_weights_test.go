package remoteevent_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/remote-events/remote-events/go/remoteevent"
)

var logNothing = remoteevent.WithLogger(slog.New(slog.DiscardHandler))

// Two queues share four slots: while both have events, orders get three of them on
// average, and reports one. The options before WithQueue are the defaults of all queues.
func ExampleWithWeight() {
	client, stopRedis := embeddedRedis()
	defer stopRedis()

	const events = 20
	handled := make(chan string, 2*events)
	handler := remoteevent.HandlerFunc(func(_ context.Context, d *remoteevent.Delivery) error {
		handled <- d.Queue
		return nil
	})
	receiver, err := remoteevent.NewReceiver(client, handler,
		remoteevent.WithConcurrency(4),
		remoteevent.WithTotalConcurrency(4),
		remoteevent.WithQueue("orders", remoteevent.WithWeight(3)),
		remoteevent.WithQueue("reports", remoteevent.WithSlowWarning(10*time.Minute), remoteevent.WithMaxAttempts(3)),
		logNothing)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for range events {
		for _, queue := range []string{"orders", "reports"} {
			if err := client.LPush(ctx, queue, `{"data": {}, "signals": ["`+queue+`"]}`).Err(); err != nil {
				fmt.Println(err)
				return
			}
		}
	}
	done := make(chan error)
	go func() { done <- receiver.Run(ctx) }()
	var queues []string
	for range 2 * events {
		queues = append(queues, <-handled)
	}
	cancel()
	fmt.Println("Run:", <-done)
	slices.Sort(queues)
	fmt.Println(len(queues), slices.Compact(queues))
	// Output:
	// Run: <nil>
	// 40 [orders reports]
}
