package remoteevent

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/remote-events/remote-events/go/internal/nilcheck"
)

// Code of users runs in one of two ways, so that it can neither end the process nor
// hold a mutex of this package: contain calls it in the goroutine that handles a
// message, and apart calls it in a separate goroutine.

// contain calls f and returns its panic, or nil. It does not stop runtime.Goexit: the
// consumer then completes the message and continues in another goroutine.
func contain(f func()) (panicked *PanicError) {
	defer func() {
		if value := recover(); value != nil {
			panicked = &PanicError{Value: value, Stack: userStack(debug.Stack())}
		}
	}()
	f()
	return nil
}

// fate is the result of a call of user code.
type fate int

const (
	callReturned fate = iota
	callEnded         // it ended its goroutine, or panicked
	callHung          // it has not returned in time
)

// apart calls f in a separate goroutine, which f may end, and waits for it within the limits
// of the impatience.
func apart[T any](p *impatience, f func() T) (result T, how fate) {
	done := make(chan T, 1)
	go func() {
		defer close(done)
		_ = contain(func() { done <- f() })
	}()
	var ok bool
	select {
	case result, ok = <-done:
	case <-p.after():
		timer := time.NewTimer(observerGrace)
		defer timer.Stop()
		select {
		case result, ok = <-done:
		case <-timer.C:
			return result, callHung
		}
	}
	if !ok {
		return result, callEnded
	}
	return result, callReturned
}

// observerGrace is the time in which a hook or the handler of the log must return after the
// shutdown timeout.
const observerGrace = time.Second

// impatience limits how long user code that observes, the hooks and the handler of the
// log, may delay the end of Run. A nil impatience waits for ever.
type impatience struct {
	expired chan struct{} // closed at the shutdown timeout

	mu   sync.Mutex
	hung []string // the names of the calls that did not return

	mute atomic.Bool // the handler of the log did not return, and is not called any more
}

func (p *impatience) after() <-chan struct{} {
	if p == nil {
		return nil
	}
	return p.expired
}

// note records a call that did not return.
func (p *impatience) note(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Contains(p.hung, what) {
		p.hung = append(p.hung, what)
	}
}

// err returns an error that names the calls that did not return, or nil.
func (p *impatience) err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.hung) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrShutdownTimeout, strings.Join(p.hung, "; "))
}

// guard wraps a handler and returns its panics as errors.
func guard(h HandlerFunc) HandlerFunc {
	return func(ctx context.Context, d *Delivery) error {
		var err error
		if panicked := contain(func() { err = h(ctx, d) }); panicked != nil {
			return panicked
		}
		return err
	}
}

// textOf returns the text of a user's error, whose methods may panic or unwrap
// endlessly.
func textOf(err error) string {
	switch err.(type) { //nolint:errorlint // only the outermost error
	case *listenerError, listenerErrors, *permanentError, *retryAfterError, *timeoutError, *PanicError:
		return err.Error() // these contain the texts of user errors already
	}
	if causesOf(err).endless {
		return fmt.Sprintf("an error of type %T, which unwraps endlessly", err)
	}
	var text string
	if panicked := contain(func() { text = err.Error() }); panicked == nil {
		return text
	}
	if nilcheck.IsPointer(err) {
		return fmt.Sprintf("the error is a nil %T: return nil for success", err)
	}
	return fmt.Sprintf("an error of type %T, whose method Error panicked", err)
}

// textOfValue returns the text of a value of a user's type.
func textOfValue(value any) string {
	if err, ok := value.(error); ok {
		return textOf(err)
	}
	var text string
	if panicked := contain(func() { text = fmt.Sprint(value) }); panicked != nil {
		return fmt.Sprintf("a value of type %T", value)
	}
	return text
}
