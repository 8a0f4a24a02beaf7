package remoteevent

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"slices"

	"github.com/remote-events/remote-events/go/wire"
)

// Delivery is an event as it was received.
type Delivery struct {
	// Queue is the list that it came by, which need not be the event's name.
	Queue string
	// Raw is the message as it stood in Redis, byte for byte.
	Raw []byte
	// Envelope is the event. Listeners must not change it, and share it with
	// each other.
	Envelope wire.Envelope
}

// Handler deals with an event. Its context carries the values of that of
// [Receiver.Run], and outlives it until the drain timeout. An error is logged,
// and so is a panic, which becomes a *[PanicError].
type Handler func(ctx context.Context, delivery *Delivery) error

// Middleware makes a handler out of another. It sees every event that can be
// decoded, once, whether or not a listener hears it.
type Middleware func(next Handler) Handler

// Handle listens to events of type E and of its children, and makes the
// receiver consume E's own queue. Several listeners of one event are called in
// the order in which they were registered.
//
// It returns a *[TypeError] where E cannot be an event, and [ErrRunning] once
// the receiver runs. A payload that does not fit E is not delivered to this
// listener; the error, which has a *[PayloadError] in its chain, goes where the
// listener's errors go.
func Handle[E Event](r *Receiver, listener func(ctx context.Context, event E) error) error {
	chain, err := chainOf(reflect.TypeFor[E]())
	if err != nil {
		return fmt.Errorf("Handle: %w", err)
	}
	if err := r.Queues(chain[0]); err != nil {
		return err
	}
	return r.Listen(chain[0], func(ctx context.Context, d *Delivery) error {
		event, err := Decode[E](d.Envelope)
		if err != nil {
			return err
		}
		return listener(ctx, event)
	})
}

// Listen calls the handler for every event with the signal, whichever queue it
// came by: an event's own name, that of a parent, or remote_event or event for
// all. It adds no queue. Signals that begin with "kernel." command the kernels
// of originals and are refused (SIG-4, DISP-3).
func (r *Receiver) Listen(signal string, handler Handler) error {
	if wire.Reserved(signal) {
		return fmt.Errorf("Listen: the signal %q is reserved for the kernel of applauncher", signal)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.started {
		return fmt.Errorf("Listen: %w", ErrRunning)
	}
	r.listeners[signal] = append(r.listeners[signal], handler)
	return nil
}

// dispatch calls the listeners of each signal in turn, each listener once for
// a signal however often that stands there (DISP-1, DISP-2). All are called,
// whatever the others return.
func (r *Receiver) dispatch(ctx context.Context, d *Delivery) error {
	var errs []error
	heard := false
	signals := d.Envelope.Metadata.Signals
	for i, signal := range signals {
		if slices.Contains(signals[:i], signal) {
			continue
		}
		for _, listener := range r.listeners[signal] {
			heard = true
			if err := protect(listener)(ctx, d); err != nil {
				errs = append(errs, err)
			}
		}
	}
	if !heard {
		r.unheard(ctx, d)
	}
	return errors.Join(errs...)
}

// unheard logs, once for each event's name, that nobody listens to it.
func (r *Receiver) unheard(ctx context.Context, d *Delivery) {
	if _, logged := r.silent.LoadOrStore(d.Envelope.EventName, true); !logged {
		r.config.logger.WarnContext(ctx, "an event was received to which nobody listens; later ones of this name are not reported",
			"event", d.Envelope.EventName, "queue", d.Queue)
	}
}

// protect turns a handler's panic into an error.
func protect(h Handler) Handler {
	return func(ctx context.Context, d *Delivery) (err error) {
		defer func() {
			if value := recover(); value != nil {
				err = &PanicError{Value: value, Stack: debug.Stack()}
			}
		}()
		return h(ctx, d)
	}
}
