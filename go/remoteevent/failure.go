package remoteevent

import (
	"math/rand/v2"
	"time"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/wire"
)

// Permanent marks a listener's error as one that another attempt would not mend:
// the event becomes a dead letter at once. It returns nil for nil. Where several
// listeners fail, the event is tried again unless all their errors are permanent.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

type permanentError struct{ err error }

func (e *permanentError) Error() string { return textOf(e.err) }
func (e *permanentError) Unwrap() error { return e.err }

// failure is why a message was not handled. It is plain data, cut to what may be
// logged and stored: the methods of a listener's error are called once, by
// failureOf, where their panics do no harm.
type failure struct {
	text      string
	causes    []string // what the error was made from, outermost first
	code      lease.Code
	permanent bool     // another attempt would fail as well
	released  bool     // the listener returned ErrGiveBack
	listeners []string // that failed
	stack     string   // of the panic, if it was one
}

// malformedFailure is the failure of a message that cannot be delivered.
func malformedFailure(err *MalformedError) *failure {
	f := &failure{text: err.Error(), code: lease.Malformed, permanent: true}
	if err.Finding.Requirement == wire.ReqReceiveSchema {
		f.code = lease.Schema
	}
	return f
}

// failureOf examines the error of a listener. It calls methods of the user's
// types: their panics do no harm, and runtime.Goexit ends the goroutine as it does
// in the listener.
func failureOf(err error) *failure {
	c := causesOf(err)
	f := &failure{code: lease.Failed, permanent: c.permanent(0), released: c.is(ErrGiveBack), listeners: c.listeners()}
	_, unfit := find[*PayloadError](c)
	panicked, panics := find[*PanicError](c)
	if panics {
		f.stack = string(panicked.Stack)
	}
	switch {
	case f.permanent && unfit:
		f.code = lease.Schema
	case f.permanent:
		f.code = lease.Permanent
	case panics:
		f.code = lease.Panicked
	}
	f.text, f.causes = c.texts()
	return f
}

// reason is what is stored with a message.
func (f *failure) reason() string {
	return lease.Reason{Code: f.code, Error: f.text, Chain: f.causes}.String()
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
