package remoteevent

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestTimeout: the context ends with its cause, and a listener's error has it.
func TestTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		obeys := func(ctx context.Context, _ *Delivery) error {
			<-ctx.Done()
			if context.Cause(ctx) != ErrTimeout {
				t.Errorf("the cause is %v", context.Cause(ctx))
			}
			return fmt.Errorf("read: %w", ctx.Err())
		}
		begun := time.Now()
		err := Timeout(time.Minute)(obeys)(t.Context(), new(Delivery))
		if took := time.Since(begun); took != time.Minute || !errors.Is(err, ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %v: %v", took, err)
		}
		if text := "the listener's timeout has passed (1m0s): read: context deadline exceeded"; err.Error() != text {
			t.Errorf("the text is %q", err)
		}
		if f := failureOf(err); f.permanent || f.released {
			t.Errorf("it is not retried: %+v", f)
		}
		// The inner timeout, which passes first, names itself; the outer one adds nothing.
		err = Timeout(time.Hour)(Timeout(time.Second)(obeys))(t.Context(), new(Delivery))
		if text := "the listener's timeout has passed (1s): read: context deadline exceeded"; err == nil || err.Error() != text {
			t.Errorf("two timeouts: %v", err)
		}
		err = Timeout(time.Second)(Timeout(time.Hour)(obeys))(t.Context(), new(Delivery))
		if text := "the listener's timeout has passed (1s): read: context deadline exceeded"; err == nil || err.Error() != text {
			t.Errorf("two timeouts, the other way round: %v", err)
		}
		// The decision of the listener does not change.
		late := func(err error) error {
			return Timeout(time.Second)(func(context.Context, *Delivery) error { elapse(time.Minute); return err })(t.Context(), new(Delivery))
		}
		if err := late(nil); err != nil {
			t.Errorf("a listener that ignores its context and succeeds: %v", err)
		}
		if err := late(Permanent(errors.New("no"))); !failureOf(err).permanent || !errors.Is(err, ErrTimeout) {
			t.Errorf("a permanent error: %v", err)
		}
		if err := late(ErrRelease); !failureOf(err).released {
			t.Errorf("a release: %v", err)
		}
		plain := errors.New("plain")
		if err := Timeout(time.Minute)(func(context.Context, *Delivery) error { return plain })(t.Context(), new(Delivery)); err != plain {
			t.Errorf("in time: %v", err)
		}
	})
	for _, d := range []time.Duration{-1, 0, maxTime + 1} {
		if _, err := NewMux(WithMiddleware(Timeout(d))); err == nil {
			t.Errorf("Timeout(%d) is accepted", d)
		}
	}
}
