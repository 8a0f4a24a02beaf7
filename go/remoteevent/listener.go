package remoteevent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/remote-events/remote-events/go/wire"
)

// Delivery is an event as it was received. Of its message only what is asked for is
// decoded, so that a handler pays for nothing else. Several goroutines may use a
// delivery at once.
type Delivery struct {
	// Queue is the list that it came by, which need not be the event's name.
	Queue string
	// Raw is the message as it stood in Redis, byte for byte.
	Raw []byte
	// ID names this delivery in its queue, and is the same with each attempt. It
	// is empty with AtMostOnce.
	ID string
	// Attempt counts from 1.
	Attempt int
	// FirstSeen is when a receiver first took the message: by Redis' clock, to the
	// millisecond, and with AtMostOnce by this process' clock.
	FirstSeen time.Time

	message wire.Message
}

// EventName returns the event's name, whichever list it came by.
func (d *Delivery) EventName() string { return d.scanned().EventName() }

// Payload returns the payload as it stands in Raw. Listeners must not change it.
func (d *Delivery) Payload() json.RawMessage { return d.scanned().Payload() }

// Signals returns the signals of the message in their order, each as often as it
// stands there.
func (d *Delivery) Signals() iter.Seq[string] { return d.scanned().Signals() }

// Attribute returns the value of an attribute of the metadata, such as "id", or
// "" where there is none.
func (d *Delivery) Attribute(name string) string {
	value, _ := d.scanned().Attribute(name)
	return value
}

// Envelope returns the event as an envelope, to forward it with
// [Sender.Forward]. It shares Payload with the delivery, and decodes the rest
// anew in each call.
func (d *Delivery) Envelope() wire.Envelope { return d.scanned().Envelope() }

// scanned returns the message, which is the zero Message for a nil delivery.
func (d *Delivery) scanned() *wire.Message {
	if d == nil {
		return &wire.Message{}
	}
	return &d.message
}

// Key returns the key by which a listener recognizes an event that it has seen
// before: the attribute id, which is the same however often the event was sent,
// else the ID of the delivery. It is empty where there is neither, and for a nil
// delivery.
func (d *Delivery) Key() string {
	if d == nil {
		return ""
	}
	if id := d.Attribute(wire.AttributeID); id != "" {
		return id
	}
	return d.ID
}

// Handler deals with an event. Its context carries the values of that of
// [Receiver.Run], and outlives it until the drain timeout; it is cancelled with
// the cause [ErrLeaseLost] or [ErrDrainTimeout].
//
// When it returns nil, the event is done with. After an error, or a panic, which
// becomes a *[PanicError], the event is tried again later, by all its listeners,
// and becomes a dead letter after the last attempt; after a [Permanent] error, or
// one that a payload does not fit, at once. With [AtMostOnce], errors are logged.
type Handler func(ctx context.Context, delivery *Delivery) error

// Middleware makes a handler out of another. It sees every event that can be
// decoded, once, whether or not a listener hears it.
type Middleware func(next Handler) Handler

// wrapped returns a handler with its middleware around it.
func wrapped(handler Handler, middleware []Middleware) (Handler, error) {
	for i, wrap := range slices.Backward(middleware) {
		if panicked := contain(func() { handler = wrap(handler) }); panicked != nil {
			panicked.in = fmt.Sprintf("WithMiddleware: middleware %d", i+1)
			return nil, panicked
		}
		if handler == nil {
			return nil, fmt.Errorf("WithMiddleware: middleware %d returned a nil handler", i+1)
		}
	}
	return handler, nil
}

// Handle listens to events of type E and of its children, and makes the
// receiver consume E's own queue, with options of its own if any are given.
// Several listeners of one event are called in the order in which they were
// registered.
//
// It returns a *[TypeError] where E cannot be an event, and [ErrRunning] once
// the receiver runs. A payload that does not fit E is not delivered to this
// listener; the error, which has a *[PayloadError] in its chain, goes where the
// listener's errors go.
func Handle[E Event](r *Receiver, listener func(ctx context.Context, event E) error, options ...QueueOption) error {
	if listener == nil {
		return errors.New("Handle: the listener is nil")
	}
	chain, err := chainOf(reflect.TypeFor[E]())
	if err != nil {
		return fmt.Errorf("Handle: %w", err)
	}
	if err := r.Queue(chain[0], options...); err != nil {
		return fmt.Errorf("Handle: %w", err)
	}
	return r.listen(chain[0], functionName(listener), func(ctx context.Context, d *Delivery) error {
		event, err := decode[E](d.EventName(), d.Payload())
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
	if err := r.usable(); err != nil {
		return fmt.Errorf("Listen: %w", err)
	}
	if wire.Reserved(signal) {
		return fmt.Errorf("Listen: the signal %q is reserved for the kernel of applauncher", signal)
	}
	if handler == nil {
		return errors.New("Listen: the handler is nil")
	}
	return r.listen(signal, functionName(handler), handler)
}

func (r *Receiver) listen(signal, name string, handler Handler) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.started {
		return fmt.Errorf("Listen: %w", ErrRunning)
	}
	r.listeners[signal] = append(r.listeners[signal], listener{name, guard(handler)})
	return nil
}

// listener is a guarded handler with the name of the function that its user wrote.
type listener struct {
	name   string
	handle Handler
}

// functionName returns the name of a function, such as "main.onNewFile".
func functionName(function any) string {
	f := runtime.FuncForPC(reflect.ValueOf(function).Pointer())
	if f == nil {
		return "unknown"
	}
	return f.Name()
}

// listenerError is a listener's error, and whose it is.
type listenerError struct {
	name string
	err  error
}

func (e *listenerError) Error() string { return textOf(e.err) }
func (e *listenerError) Unwrap() error { return e.err }

// listenerErrors are those of several listeners of one event.
type listenerErrors []error

func (e listenerErrors) Error() string {
	texts := make([]string, len(e))
	for i, err := range e {
		texts[i] = textOf(err)
	}
	return strings.Join(texts, "\n")
}

func (e listenerErrors) Unwrap() []error { return e }

// dispatch calls the listeners of each signal in turn, each listener once for
// a signal however often that stands there (DISP-1, DISP-2). All are called,
// whatever the others return.
func (r *Receiver) dispatch(ctx context.Context, d *Delivery) error {
	var errs listenerErrors
	var room [4]string
	heard := room[:0] // as few as there are signals with listeners
	for signal := range d.Signals() {
		listeners := r.listeners[signal]
		if len(listeners) == 0 || slices.Contains(heard, signal) {
			continue
		}
		heard = append(heard, signal)
		for _, listener := range listeners {
			if err := listener.handle(ctx, d); err != nil {
				errs = append(errs, &listenerError{listener.name, err})
			}
		}
	}
	if len(heard) == 0 {
		r.unheard(ctx, d)
	}
	switch len(errs) {
	case 0:
		return nil
	case 1:
		return errs[0]
	}
	return errs
}

// unheard logs, once for each event's name and for so many names at most, that
// nobody listens to it.
func (r *Receiver) unheard(ctx context.Context, d *Delivery) {
	const most = 1000
	name := brief(d.EventName())
	r.silent.Lock()
	logged := r.silent.names[name] || len(r.silent.names) == most
	if !logged {
		r.silent.names[name] = true
	}
	r.silent.Unlock()
	if !logged {
		r.config.logger.WarnContext(ctx, "an event was received to which nobody listens; later ones of this name are not reported",
			"event", name, "queue", d.Queue)
	}
}

// brief cuts short, for a log, what a message may make as long as it likes.
func brief(text string) string { return shorten(text, 200) }

// shorten cuts a text to a number of bytes.
func shorten(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}
