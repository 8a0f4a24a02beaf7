package remoteevent_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/remote-events/remote-events/go/remoteevent"
)

type ArchiveInvoice struct {
	Number int `json:"number"`
}

func (ArchiveInvoice) EventName() string { return "archive_invoice" }

var errBusy = errors.New("the archive is busy")

// A listener decides by its error what becomes of the event.
func ExampleRetryAfter() {
	client, stopRedis := embeddedRedis()
	defer stopRedis()

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	mux, err := remoteevent.NewMux(remoteevent.WithMiddleware(remoteevent.Timeout(30 * time.Second)))
	if err != nil {
		fmt.Println(err)
		return
	}
	err = remoteevent.Handle(mux, func(ctx context.Context, e ArchiveInvoice) error {
		attempt := remoteevent.DeliveryOf(ctx).Attempt
		fmt.Printf("invoice %d, attempt %d\n", e.Number, attempt)
		switch {
		case e.Number < 0: // no attempt will succeed: a dead letter at once
			return remoteevent.Permanent(errors.New("invoices have positive numbers"))
		case attempt == 1: // the archive said when to come back
			return remoteevent.RetryAfter(10*time.Millisecond, errBusy)
		case attempt == 2: // any other error: the delay of WithBackoff
			return errBusy
		}
		cancel()
		return nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	receiver, err := remoteevent.NewReceiver(client, mux,
		remoteevent.WithMaxAttempts(10), remoteevent.WithBackoff(10*time.Millisecond, time.Second), logNothing)
	if err != nil {
		fmt.Println(err)
		return
	}
	sender, err := remoteevent.NewSender(client)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, number := range []int{-1, 7} {
		if err := sender.Send(ctx, ArchiveInvoice{Number: number}); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println("Run:", receiver.Run(ctx))
	// Output:
	// invoice -1, attempt 1
	// invoice 7, attempt 1
	// invoice 7, attempt 2
	// invoice 7, attempt 3
	// Run: <nil>
}

// An error's delay composes with errors.Is and with wrapping.
func ExampleRetryAfter_wrapped() {
	err := fmt.Errorf("archive the invoice: %w", remoteevent.RetryAfter(time.Minute, errBusy))
	fmt.Println(err)
	fmt.Println(errors.Is(err, errBusy))
	// Output:
	// archive the invoice: the archive is busy
	// true
}

// A handler can be tested without Redis: its context ends after the timeout.
func ExampleTimeout() {
	handler := remoteevent.Timeout(time.Millisecond)(func(ctx context.Context, _ *remoteevent.Delivery) error {
		<-ctx.Done()
		return ctx.Err()
	})
	err := handler(context.Background(), new(remoteevent.Delivery))
	fmt.Println(errors.Is(err, remoteevent.ErrTimeout))
	fmt.Println(err)
	// Output:
	// true
	// the listener's timeout has passed (1ms): context deadline exceeded
}
