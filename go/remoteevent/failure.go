package remoteevent

import (
	"time"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/internal/redaction"
	"github.com/remote-events/remote-events/go/wire"
)

// Permanent marks a listener's error as permanent: the event becomes a dead letter
// without another attempt. It returns nil for nil. If several listeners fail, the event
// is retried unless all their errors are permanent. [IsPermanent] recognizes such errors.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

// IsPermanent reports whether a receiver moves an event to the dead letters without another
// attempt if a listener, or a middleware, returns the error: it is a [Permanent] error or a
// *[PayloadError], or wraps one. An error that wraps several is permanent if all of them
// are. IsPermanent(nil) is false.
func IsPermanent(err error) bool { return err != nil && causesOf(err).permanent(0) }

type permanentError struct{ err error }

func (e *permanentError) Error() string { return textOf(e.err) }
func (e *permanentError) Unwrap() error { return e.err }

// RetryAfter marks a listener's error with the delay after which the event is retried,
// instead of the delay of [WithBackoff]: the time that a server requests with Retry-After,
// for example. The delay has no jitter, and is limited to between 0 and 24 hours. The attempt
// may begin up to a second later, since the receiver may be waiting for a new event.
// RetryAfter returns nil if err is nil.
//
// The attempt counts: the event becomes a dead letter after the last of
// [WithMaxAttempts]. If several listeners fail, or one joins several such errors, the
// longest delay counts. A [Permanent] error, or one of its causes, sets no delay, and an
// event whose errors are all permanent is not retried. With [WithAtMostOnce], the event
// is dropped. [RetryDelay] returns the delay of an error.
func RetryAfter(delay time.Duration, err error) error {
	if err == nil {
		return nil
	}
	return &retryAfterError{min(max(delay, 0), maxRetryAfter), err}
}

// RetryDelay returns the delay that [RetryAfter] has set for the retry after the error,
// which the error may wrap. ok is false if the delay of [WithBackoff] applies, or if the
// event is not retried because the error is permanent.
func RetryDelay(err error) (delay time.Duration, ok bool) {
	if err == nil {
		return 0, false
	}
	if set := causesOf(err).delay(0); set != nil {
		return *set, true
	}
	return 0, false
}

const maxRetryAfter = 24 * time.Hour

type retryAfterError struct {
	delay time.Duration
	err   error
}

func (e *retryAfterError) Error() string { return textOf(e.err) }
func (e *retryAfterError) Unwrap() error { return e.err }

// failure describes why a message was not handled. It is plain data, redacted for
// logs and for Redis: failureOf alone calls the methods of a listener's error, and
// contains their panics.
type failure struct {
	text      string
	causes    []string // the texts of the error's causes, outermost first
	all       *causes  // for the errors of hooks; nil where there is no error
	code      lease.Code
	permanent bool           // another attempt would fail as well
	delay     *time.Duration // before the next attempt, by RetryAfter; nil where the backoff decides
	released  bool           // a listener returned ErrRelease
	listeners []string       // names of the failed listeners
	stack     string         // of the panic, if there was one
}

// releasedFailure returns the failure of an event that is released without having been
// handled.
func releasedFailure(err error) *failure {
	c := causesOf(redaction.Error(err))
	f := &failure{all: c, released: true}
	f.text, f.causes = c.texts()
	return f
}

// malformedFailure returns the failure of a message that cannot be delivered.
func malformedFailure(err *MalformedError) *failure {
	f := &failure{text: err.Error(), all: causesOf(err), code: lease.Malformed, permanent: true}
	if err.Finding.Requirement == wire.ReqReceiveSchema {
		f.code = lease.Schema
	}
	return f
}

// failureOf examines the error of a listener. It calls methods of user types and
// contains their panics; runtime.Goexit ends the goroutine as it does in the
// listener.
func failureOf(err error) *failure {
	c := causesOf(err)
	f := &failure{all: c, code: lease.Failed, permanent: c.permanent(0), delay: c.delay(0), released: c.is(ErrRelease), listeners: c.listeners()}
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

// reason returns the text that is stored with the message.
func (f *failure) reason() string {
	return lease.Reason{Code: f.code, Error: f.text, Chain: f.causes}.String()
}
