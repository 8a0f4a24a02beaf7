package remoteevent

import (
	"context"
	"time"

	"github.com/remote-events/remote-events/go/internal/nilcheck"
)

// Timeout returns a middleware that ends the listeners' context after the time, with the
// cause [ErrTimeout]. It wraps all listeners of a mux with [WithMiddleware], or one
// handler:
//
//	mux, err := remoteevent.NewMux(remoteevent.WithMiddleware(remoteevent.Timeout(time.Minute)))
//	err = mux.Listen("file_event", remoteevent.Timeout(time.Minute)(handler))
//
// An error that is returned after the timeout has ErrTimeout as a cause, and the event is
// retried as after any error. Go cannot stop a function: a listener that ignores its
// context keeps its slot until it returns, and if it then returns nil, the event is
// acknowledged. See [WithSlowWarning] for a listener that never returns. Too short a
// timeout fails work that would succeed; too long a timeout lets stuck listeners block
// their queue.
//
// The time is between 1 nanosecond and 10 years. Otherwise the handler is nil, which
// [NewMux] and [Mux.Listen] reject.
func Timeout(d time.Duration) Middleware {
	return func(next HandlerFunc) HandlerFunc {
		if d <= 0 || d > maxTime || next == nil {
			return nil
		}
		return func(outer context.Context, delivery *Delivery) error {
			if err := nilcheck.Context(outer); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeoutCause(outer, d, ErrTimeout)
			defer cancel()
			err := next(ctx, delivery)
			if err != nil && ctx.Err() != nil && outer.Err() == nil {
				return &timeoutError{d, err}
			}
			return err
		}
	}
}

// timeoutError is an error that a listener returned after its timeout.
type timeoutError struct {
	timeout time.Duration
	err     error
}

func (e *timeoutError) Error() string {
	return ErrTimeout.Error() + " (" + e.timeout.String() + "): " + textOf(e.err)
}
func (e *timeoutError) Is(target error) bool { return target == ErrTimeout }
func (e *timeoutError) Unwrap() error        { return e.err }
