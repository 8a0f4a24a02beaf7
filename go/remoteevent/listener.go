package remoteevent

import (
	"reflect"
	"runtime"
	"strings"
)

// listener is a guarded handler with the name of the function that its user wrote.
type listener struct {
	name   string
	handle HandlerFunc
}

// functionName returns the name of a function or a method value, such as
// "main.onNewFile".
func functionName(function any) string {
	f := runtime.FuncForPC(reflect.ValueOf(function).Pointer())
	if f == nil {
		return "unknown"
	}
	return strings.TrimSuffix(f.Name(), "-fm") // the compiler's mark of a method value
}

// listenerError is the error of a listener, with the listener's name.
type listenerError struct {
	name string
	err  error
}

func (e *listenerError) Error() string { return textOf(e.err) }
func (e *listenerError) Unwrap() error { return e.err }

// listenerErrors are the errors of several listeners of one event.
type listenerErrors []error

func (e listenerErrors) Error() string {
	texts := make([]string, len(e))
	for i, err := range e {
		texts[i] = textOf(err)
	}
	return strings.Join(texts, "\n")
}

func (e listenerErrors) Unwrap() []error { return e }
