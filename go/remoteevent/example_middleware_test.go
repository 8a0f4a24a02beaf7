package remoteevent_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/wire"
)

type Login struct {
	User string `json:"user"`
}

func (Login) EventName() string { return "login" }

// Middleware wraps the listeners of a mux. It sees each delivery once, with its
// outcome. NewDelivery and Dispatch run it without Redis.
func ExampleWithMiddleware() {
	outcomes := func(next remoteevent.HandlerFunc) remoteevent.HandlerFunc {
		return func(ctx context.Context, delivery *remoteevent.Delivery) error {
			err := next(ctx, delivery)
			fmt.Printf("%s, attempt %d: failed: %t\n", delivery.EventName(), delivery.Attempt, err != nil)
			return err
		}
	}
	mux, err := remoteevent.NewMux(remoteevent.WithMiddleware(outcomes))
	if err != nil {
		panic(err)
	}
	err = remoteevent.Handle(mux, func(_ context.Context, login Login) error {
		if login.User == "" {
			return errors.New("no user")
		}
		return nil
	})
	if err != nil {
		panic(err)
	}

	for _, user := range []string{"ada", ""} {
		envelope, err := remoteevent.NewEnvelope(Login{user})
		if err != nil {
			panic(err)
		}
		message, _, err := wire.Encode(envelope, wire.Limits{})
		if err != nil {
			panic(err)
		}
		delivery, err := remoteevent.NewDelivery("login", message)
		if err != nil {
			panic(err)
		}
		_ = mux.Dispatch(context.Background(), delivery)
	}
	// Output:
	// login, attempt 1: failed: false
	// login, attempt 1: failed: true
}
