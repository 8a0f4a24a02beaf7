package remoteevent

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Handler handles deliveries. A [Receiver] calls it for every event that it receives,
// from several goroutines at a time unless it has one queue with a concurrency of 1.
// A [Mux] is a Handler that calls the listeners of an event.
//
// The context carries the values of the context of [Receiver.Run] but outlives it
// by up to the shutdown timeout. It is cancelled with the cause [ErrLeaseLost] or
// [ErrShutdownTimeout].
//
// If Dispatch returns nil, the event is acknowledged. After an error, or a panic,
// which becomes a *[PanicError], the event is retried later and becomes a dead letter
// after its last attempt. It becomes a dead letter at once after a [Permanent] error
// and after a *[PayloadError]. After [ErrRelease] it is released. With
// [WithAtMostOnce], errors are logged and the event is dropped.
//
// A Handler that also has a method Queues() []string, as a Mux has, names queues
// for the receiver to consume. [NewReceiver] and Run call it.
type Handler interface {
	Dispatch(ctx context.Context, delivery *Delivery) error
}

// HandlerFunc is a function that is a [Handler].
type HandlerFunc func(ctx context.Context, delivery *Delivery) error

// Dispatch calls f. It returns an error if f is nil.
func (f HandlerFunc) Dispatch(ctx context.Context, delivery *Delivery) error {
	if f == nil {
		return errors.New("the handler is nil")
	}
	return f(ctx, delivery)
}

// Middleware wraps a handler. See [WithMiddleware].
type Middleware func(next HandlerFunc) HandlerFunc

// wrapped returns a function with the middleware of an option around it.
func wrapped[F HandlerFunc | SendFunc, M ~func(F) F](option string, function F, middleware []M) (F, error) {
	for i, wrap := range slices.Backward(middleware) {
		if wrap == nil {
			return nil, fmt.Errorf("%s: middleware %d is nil", option, i+1)
		}
		if panicked := contain(func() { function = wrap(function) }); panicked != nil {
			panicked.in = fmt.Sprintf("%s: middleware %d", option, i+1)
			return nil, panicked
		}
		if function == nil {
			return nil, fmt.Errorf("%s: middleware %d returned nil, as Timeout does for a time that is out of bounds", option, i+1)
		}
	}
	return function, nil
}
