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

// Errors that can be distinguished with [errors.Is].
var (
	// ErrNoQueues is returned by [Receiver.Run] if there is nothing to consume.
	ErrNoQueues = errors.New("the receiver has no queues: register an event with Handle, or name queues with WithQueues")
	// ErrRunning is returned by [Receiver.Run] if it was called before. A receiver
	// runs once.
	ErrRunning = errors.New("the receiver was started before")
	// ErrShutdownTimeout is the cause with which the contexts of listeners and of hooks are
	// cancelled after the shutdown timeout. [Receiver.Run] returns it if it did not wait
	// for all of them.
	ErrShutdownTimeout = errors.New("the shutdown timeout has passed")
	// ErrNotSent marks an event that is certainly not in Redis because no
	// command for it got there.
	ErrNotSent = errors.New("not sent")
	// ErrUnknown marks an event that may or may not be in Redis: it was sent, and
	// the reply was lost. Sending it again may store it twice.
	ErrUnknown = errors.New("sent, but the reply was lost: it may be stored or not")
	// ErrLeaseLost is the cause with which a listener's context is cancelled
	// if its event may have gone to another receiver: the lease could not be
	// renewed in time. Work that the listener does from then on may be done twice.
	ErrLeaseLost = errors.New("the lease on the event is lost: another receiver may be handling it")
	// ErrTimeout is the cause with which a listener's context ends after the time of
	// [Timeout], and a cause of the error that the listener returns then.
	ErrTimeout = errors.New("the listener's timeout has passed")
	// ErrRelease is returned by listeners that have not begun to handle an event:
	// the event is released to the place from which it was taken, for any receiver to
	// take next, and the attempt does not count. A receiver that is not shutting down is
	// likely to take it again at once.
	ErrRelease = errors.New("the event is released")
	// ErrReserved is returned for a queue whose name belongs to reliable
	// delivery (REL-2).
	ErrReserved = lease.ErrReserved
)

type (
	// RejectedError names the requirements that an event violates, for which it is
	// not sent.
	RejectedError = wire.RejectedError
	// MalformedError describes why a message cannot be delivered.
	MalformedError = wire.MalformedError
	// PayloadError describes where and why a payload does not fit an event's type.
	PayloadError = payload.Error
)

// TypeError describes why a Go type cannot be an event.
type TypeError struct {
	// Type is the type, and Field is its field that is at fault, if there is one.
	Type  reflect.Type
	Field string
	// Problem describes the fault.
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
// schema or a type's own methods for JSON becomes.
type PanicError struct {
	// Value is the value of the panic.
	Value any
	// Stack is the stack of the goroutine that panicked, as [runtime/debug.Stack] formats it,
	// without the functions of this library and without those that raise and recover
	// the panic. It begins with the function that panicked.
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
