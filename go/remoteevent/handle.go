package remoteevent

import (
	"context"
	"fmt"
	"reflect"

	"github.com/remote-events/remote-events/go/internal/lease"
)

// Handle registers a listener for events of type E and of its children, and adds E's
// own queue to [Mux.Queues], so that a receiver of the mux consumes it. The listeners
// of an event are called in the order of registration.
//
// Handle returns a *[TypeError] for a type that cannot be an event, and
// [ErrReserved] for a name that cannot be a queue. A payload that does not fit E is
// not passed to the listener: the listener fails with a *[PayloadError] in its error's
// chain, and the event becomes a dead letter. A field whose member is missing in the
// payload has its zero value: use [WithPayloadSchemas] to require members.
//
// A receiver reads the queues of the mux in [NewReceiver] and again when
// [Receiver.Run] begins. Events that are handled later are listened to, but their
// queues are not consumed by receivers that already run.
func Handle[E Event](mux *Mux, listener func(ctx context.Context, event E) error) error {
	return register(mux, "Handle", listener, true)
}

// Listen registers a listener for events of type E and of its children, like [Handle],
// but adds no queue: the listener is called for events of queues that are
// consumed for other reasons. Use it for a parent event that has no queue of its own.
func Listen[E Event](mux *Mux, listener func(ctx context.Context, event E) error) error {
	return register(mux, "Listen", listener, false)
}

// register registers a typed listener, for the function with that name.
func register[E Event](mux *Mux, function string, call func(ctx context.Context, event E) error, consume bool) error {
	chain, err := chainOf(reflect.TypeFor[E]())
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", function, err)
	case mux == nil:
		return fmt.Errorf("%s: event %q: %w", function, chain[0], errNilMux)
	case call == nil:
		return fmt.Errorf("%s: event %q: the listener is nil", function, chain[0])
	}
	if consume {
		if err := lease.Check(chain[0]); err != nil {
			return fmt.Errorf("%s: %w", function, err)
		}
	}
	decode := decoder[E]()
	mux.register(chain[0], listener{functionName(call), guard(func(ctx context.Context, d *Delivery) error {
		event, err := decode(d.EventName(), d.Payload())
		if err != nil {
			return err
		}
		return call(ctx, event)
	})}, consume)
	return nil
}
