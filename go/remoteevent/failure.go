package remoteevent

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/wire"
)

// Permanent marks a listener's error as one that no other attempt would mend: the
// event becomes a dead letter at once. It returns nil for nil. Where several
// listeners fail, the event is tried again unless all their errors are permanent.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

// errEnded is the failure of a listener that never returned.
var errEnded = errors.New("a listener ended its goroutine, by runtime.Goexit or a test's FailNow")

// isPermanent reports whether another attempt would fail as well.
func isPermanent(err error) bool {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, part := range joined.Unwrap() {
			if !isPermanent(part) {
				return false
			}
		}
		return true
	}
	switch err.(type) { //nolint:errorlint // the outermost decides
	case *permanentError, *PayloadError:
		return true
	}
	inner := errors.Unwrap(err)
	return inner != nil && isPermanent(inner)
}

// reasonOf describes a failure for whoever looks at the dead letters.
func reasonOf(err error) lease.Reason {
	reason := lease.Reason{Code: lease.Failed, Error: err.Error()}
	var malformed *MalformedError
	switch {
	case errors.As(err, &malformed) && malformed.Finding.Requirement == wire.ReqReceiveSchema:
		reason.Code = lease.Schema
	case malformed != nil:
		reason.Code = lease.Malformed
	case isPermanent(err):
		reason.Code = lease.Permanent
		if _, ok := errors.AsType[*PayloadError](err); ok {
			reason.Code = lease.Schema
		}
	default:
		if _, ok := errors.AsType[*PanicError](err); ok {
			reason.Code = lease.Panicked
		}
	}
	reason.Chain = chainOfErrors(err)
	return reason
}

// chainOfErrors lists what an error was made from where that says something
// else, outermost first, and only so many.
func chainOfErrors(err error) []string {
	const most = 5
	var chain []string
	last := err.Error()
	var walk func(err error)
	walk = func(err error) {
		if err == nil || len(chain) == most {
			return
		}
		if text := err.Error(); text != last {
			chain, last = append(chain, text), text
		}
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, part := range joined.Unwrap() {
				walk(part)
			}
			return
		}
		walk(errors.Unwrap(err))
	}
	walk(err)
	return chain
}

// retryDelay is how long after an attempt the next one is due.
func (c *queueConfig) retryDelay(attempt int) time.Duration {
	delay := c.firstDelay
	for range min(attempt-1, 60) {
		if delay *= 2; delay >= c.lastDelay || delay <= 0 {
			delay = c.lastDelay
			break
		}
	}
	return delay/2 + rand.N(delay/2+1)
}

// deliveryContext makes a delivery known to listeners that get only the event.
type deliveryContext struct {
	context.Context //nolint:containedctx // it is one

	delivery *Delivery
}

type deliveryKey struct{}

func (c *deliveryContext) Value(key any) any {
	if key == (deliveryKey{}) {
		return c.delivery
	}
	return c.Context.Value(key)
}

// DeliveryOf returns the delivery that a listener's context belongs to, or nil
// where it belongs to none. It is for listeners of [Handle] that want to know the
// attempt, or the key by which they know an event that comes twice.
func DeliveryOf(ctx context.Context) *Delivery {
	delivery, _ := ctx.Value(deliveryKey{}).(*Delivery)
	return delivery
}
