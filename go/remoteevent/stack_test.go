package remoteevent_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/remote-events/remote-events/go/remoteevent"
)

func panicking(context.Context, FileEvent) error { return index(nil) }

func index(values []error) error { return values[1] }

// TestPanicStack: the stack of a panic is that of the user's code: it begins with the
// function that panicked, and has no function of this library.
func TestPanicStack(t *testing.T) {
	t.Parallel()
	around := func(next remoteevent.HandlerFunc) remoteevent.HandlerFunc {
		return func(ctx context.Context, d *remoteevent.Delivery) error { return next(ctx, d) }
	}
	mux, err := remoteevent.NewMux(remoteevent.WithMiddleware(around))
	must(t, err)
	must(t, remoteevent.Handle(mux, panicking))
	var panicked *remoteevent.PanicError
	d, err := remoteevent.NewDelivery("file_event", []byte(`{"data": {"path": "a"}, "signals": ["file_event"]}`))
	must(t, err)
	if err := mux.Dispatch(t.Context(), d); !errors.As(err, &panicked) {
		t.Fatalf("Dispatch returned %v", err)
	}
	stack := string(panicked.Stack)
	functions := regexp.MustCompile(`(?m)^(created by )?[\w./*()-]+/([\w.]+)`).FindAllString(stack, -1)
	if len(functions) < 4 || !strings.HasSuffix(functions[0], ".index") || !strings.HasSuffix(functions[1], ".panicking") || !strings.Contains(functions[2], ".TestPanicStack") {
		t.Errorf("the functions are %q", functions)
	}
	if !strings.HasPrefix(stack, "goroutine ") || strings.Contains(stack, "/go/remoteevent.") || strings.Contains(stack, "runtime.go") {
		t.Error(stack)
	}
}
