package remoteevent

import (
	"context"
	"fmt"
	"runtime/debug"

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
			panicked = &PanicError{Value: value, Stack: debug.Stack()}
		}
	}()
	f()
	return nil
}

// apart calls f in a separate goroutine, which f may end, and waits for it. It reports
// whether f returned.
func apart(f func()) (returned bool) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = contain(func() {
			f()
			returned = true
		})
	}()
	<-done
	return returned
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
