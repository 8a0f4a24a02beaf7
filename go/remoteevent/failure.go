package remoteevent

import (
	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/wire"
)

// Permanent marks a listener's error as permanent: the event becomes a dead letter
// without another attempt. It returns nil for nil. If several listeners fail, the event
// is retried unless all their errors are permanent.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

type permanentError struct{ err error }

func (e *permanentError) Error() string { return textOf(e.err) }
func (e *permanentError) Unwrap() error { return e.err }

// failure describes why a message was not handled. It is plain data, redacted for
// logs and for Redis: failureOf alone calls the methods of a listener's error, and
// contains their panics.
type failure struct {
	text      string
	causes    []string // the texts of the error's causes, outermost first
	all       *causes  // for the errors of hooks; nil where there is no error
	code      lease.Code
	permanent bool     // another attempt would fail as well
	released  bool     // a listener returned ErrRelease
	listeners []string // that failed
	stack     string   // of the panic, if it was one
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
	f := &failure{all: c, code: lease.Failed, permanent: c.permanent(0), released: c.is(ErrRelease), listeners: c.listeners()}
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
