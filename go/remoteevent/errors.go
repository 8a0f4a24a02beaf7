package remoteevent

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/internal/payload"
	"github.com/remote-events/remote-events/go/wire"
)

// Errors that can be told apart with [errors.Is].
var (
	// ErrNoQueues is returned by [Receiver.Run] where there is nothing to
	// consume.
	ErrNoQueues = errors.New("the receiver has no queues: register an event with Handle, or name some with Queues")
	// ErrRunning is returned where a receiver has been started already: a
	// receiver runs once, and listeners are registered before.
	ErrRunning = errors.New("the receiver has been started before")
	// ErrDrainTimeout is the cause with which a listener's context is
	// cancelled when the drain timeout has passed, and what [Receiver.Run]
	// returns then.
	ErrDrainTimeout = errors.New("the drain timeout has passed with events still being handled")
	// ErrNotSent marks an event that is certainly not in Redis because no
	// command for it got there.
	ErrNotSent = errors.New("not sent")
	// ErrUnknown marks an event of which nobody knows whether it is in Redis:
	// it was sent, and the answer did not come. Sending it again may make two.
	ErrUnknown = errors.New("sent, but the answer was lost: it may be stored or not")
	// ErrLeaseLost is the cause with which a listener's context is cancelled
	// when its event may have gone to another receiver: the lease could not be
	// renewed in time. What the listener does from there on may be done twice.
	ErrLeaseLost = errors.New("the lease on the event is lost: another receiver may be handling it")
	// ErrGiveBack is for listeners to return that have not begun to deal with
	// an event: it goes back to the place from which it was taken, for whoever
	// takes it next, and the attempt does not count. A receiver that goes on is
	// likely to take it again at once.
	ErrGiveBack = errors.New("the event is given back")
	// ErrReserved is returned for a queue with a name that belongs to reliable
	// delivery (REL-2).
	ErrReserved = lease.ErrReserved
)

type (
	// RejectedError says which requirements an event violates that may not be
	// sent.
	RejectedError = wire.RejectedError
	// MalformedError says why a message can be delivered to nobody.
	MalformedError = wire.MalformedError
	// PayloadError says where and why a payload does not fit an event's type.
	PayloadError = payload.Error
)

// TypeError says why a Go type cannot be an event.
type TypeError struct {
	// Type is the type, and Field the field of it that is at fault, if one is.
	Type  reflect.Type
	Field string
	// Problem is what is wrong, in words.
	Problem string
}

func (e *TypeError) Error() string {
	if e == nil {
		return "no type is at fault"
	}
	if e.Field != "" {
		return fmt.Sprintf("%s cannot be an event: field %s: %s", e.Type, e.Field, e.Problem)
	}
	return fmt.Sprintf("%v cannot be an event: %s", e.Type, e.Problem)
}

// PanicError is the error that a panic of a listener, a middleware, a payload
// schema or a type's own methods for JSON is turned into.
type PanicError struct {
	// Value is the value of the panic.
	Value any
	// Stack is the stack of the goroutine that panicked.
	Stack []byte

	in string // what panicked, where its value may quote a payload; "" for a listener
}

// Error returns the text of the value, unless that may quote a payload. It does
// not panic, whatever the value is.
func (e *PanicError) Error() string {
	if e == nil {
		return "nothing panicked"
	}
	if e.in == "" {
		return "the listener panicked: " + textOfValue(e.Value)
	}
	if _, ok := e.Value.(runtime.Error); ok {
		return e.in + " panicked: " + textOfValue(e.Value)
	}
	return fmt.Sprintf("%s panicked with a value of type %T", e.in, e.Value)
}

// Unwrap returns the value of the panic where that is an error.
func (e *PanicError) Unwrap() error {
	if e == nil {
		return nil
	}
	err, _ := e.Value.(error)
	return err
}
