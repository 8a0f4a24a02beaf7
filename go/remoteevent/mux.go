package remoteevent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/remote-events/remote-events/go/internal/nilcheck"
	"github.com/remote-events/remote-events/go/wire"
)

// Mux is a [Handler] that calls the listeners for the signals of an event. Register
// listeners with [Handle], [Listen] and [Mux.Listen], and pass the mux to [NewReceiver]. A
// mux needs no Redis: tests call [Mux.Dispatch].
//
// All methods are safe for concurrent use. Listeners may be registered at any time.
// Dispatch takes no lock. The zero Mux has no listeners and no middleware, and is ready
// to use. A Mux must not be copied after its first use.
type Mux struct {
	handle     HandlerFunc // listeners within the middleware; nil without middleware
	unheard    nameSet     // names of logged events without a listener
	mu         sync.Mutex  // serializes registrations
	registered atomic.Pointer[registrations]
}

// registrations holds the listeners of a mux. It is immutable.
type registrations struct {
	queues    []string // queues of handled events, in the order of registration
	listeners map[string][]listener
}

// NewMux returns a mux without listeners. It returns an error if a middleware is nil, panics
// or returns nil.
func NewMux(options ...MuxOption) (*Mux, error) {
	var config muxConfig
	for _, option := range options {
		if option == nil {
			return nil, errors.New("NewMux: an option is nil")
		}
		option.applyToMux(&config)
	}
	m := new(Mux)
	handle, err := wrapped("WithMiddleware", HandlerFunc(m.listen), config.middleware)
	if err != nil {
		return nil, fmt.Errorf("NewMux: %w", err)
	}
	if len(config.middleware) > 0 {
		m.handle = guard(handle)
	}
	return m, nil
}

// Listen calls the handler for every event with the signal, from any queue. A signal is the
// name of the event, the name of a parent, or "remote_event" or "event" for all events.
// Listen adds no queue to [Mux.Queues].
//
// Listen rejects signals that begin with "kernel.", which command the kernels of
// originals (SIG-4, DISP-3).
func (m *Mux) Listen(signal string, handler HandlerFunc) error {
	switch {
	case m == nil:
		return fmt.Errorf("Listen: %w", errNilMux)
	case wire.Reserved(signal):
		return fmt.Errorf("Listen: the signal %q is reserved for the kernel of applauncher", signal)
	case handler == nil:
		return fmt.Errorf("Listen: signal %q: the handler is nil", signal)
	}
	m.register(signal, listener{functionName(handler), guard(handler)}, false)
	return nil
}

var errNilMux = errors.New("the mux is nil")

// register adds a listener for a signal. If consume is set, the signal names a queue.
func (m *Mux) register(signal string, l listener, consume bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := registrations{listeners: map[string][]listener{}}
	if current := m.registered.Load(); current != nil {
		next = registrations{queues: slices.Clone(current.queues), listeners: maps.Clone(current.listeners)}
	}
	next.listeners[signal] = append(slices.Clip(next.listeners[signal]), l)
	if consume && !slices.Contains(next.queues, signal) {
		next.queues = append(next.queues, signal)
	}
	m.registered.Store(&next)
}

// Queues returns the queues of the events that [Handle] has registered, without
// duplicates, in the order of registration.
func (m *Mux) Queues() []string {
	if m == nil {
		return nil
	}
	current := m.registered.Load()
	if current == nil {
		return nil
	}
	return slices.Clone(current.queues)
}

// signals returns the signals with a listener, sorted.
func (m *Mux) signals() []string {
	if m == nil {
		return nil
	}
	current := m.registered.Load()
	if current == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(current.listeners))
}

// Dispatch passes a delivery through the middleware to the listeners for its signals, in
// the order of the signals and of the registrations. Each listener is called once for a
// signal, even if the message repeats the signal (DISP-1, DISP-2). All listeners are
// called even if some fail. Dispatch returns their errors. Panics become *[PanicError]
// errors.
//
// An event without a listener is not an error (DISP-6): Dispatch returns nil, so a
// receiver acknowledges it. Dispatch logs it once for each event name, to the logger of
// the receiver, or to [slog.Default] outside a receiver.
//
// [DeliveryOf] returns the delivery from the contexts of the listeners.
func (m *Mux) Dispatch(ctx context.Context, delivery *Delivery) error {
	switch {
	case m == nil:
		return fmt.Errorf("Dispatch: %w", errNilMux)
	case ctx == nil:
		return fmt.Errorf("Dispatch: %w", nilcheck.Context(ctx))
	case delivery == nil:
		return errors.New("Dispatch: the delivery is nil")
	}
	if deliveryIn(ctx) != delivery {
		ctx = &deliveryContext{Context: ctx, delivery: delivery}
	}
	if m.handle == nil {
		return m.listen(ctx, delivery)
	}
	return m.handle(ctx, delivery)
}

// listen calls the listeners of a delivery.
func (m *Mux) listen(ctx context.Context, d *Delivery) error {
	var errs listenerErrors
	var room [4]string
	heard := room[:0] // the signals with listeners; usually few
	if current := m.registered.Load(); current != nil {
		for signal := range d.Signals() {
			listeners := current.listeners[signal]
			if len(listeners) == 0 || slices.Contains(heard, signal) {
				continue
			}
			heard = append(heard, signal)
			for _, l := range listeners {
				if err := l.handle(ctx, d); err != nil {
					errs = append(errs, &listenerError{l.name, err})
				}
			}
		}
	}
	if len(heard) == 0 {
		m.logUnheard(ctx, d)
	}
	switch len(errs) {
	case 0:
		return nil
	case 1:
		return errs[0]
	}
	return errs
}

// logUnheard logs an event without a listener, once for each event name.
func (m *Mux) logUnheard(ctx context.Context, d *Delivery) {
	name := truncateName(d.EventName())
	if !m.unheard.add(name) {
		return
	}
	logger := d.logger
	if logger == nil {
		logger = containedLogger(slog.Default(), nil)
	}
	logger.WarnContext(ctx, "no listener for event; logged once for each event name", "event", name, "queue", truncateName(d.Queue))
}
