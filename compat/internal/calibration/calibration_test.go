package calibration

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// TestBusyCores checks that many more threads than cores increase the slowness.
func TestBusyCores(t *testing.T) {
	t.Parallel()
	const threads = 4
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for range threads * runtime.GOMAXPROCS(0) {
		go func() {
			for ctx.Err() == nil {
				_ = measure()
			}
		}()
	}
	for slowness := 0.0; slowness < 2; { // until the scheduler runs the threads
		if slowness = measure(); slowness > 100*slowest {
			t.Fatalf("Slowness = %f", slowness)
		}
	}
}

func TestScale(t *testing.T) {
	t.Parallel()
	if s := Slowness(); s < 1 || s > slowest {
		t.Errorf("Slowness = %f", s)
	}
	if d := Scale(time.Second); d < time.Second || d > slowest*time.Second {
		t.Errorf("Scale(1s) = %v", d)
	}
}

// TestTimeout checks that the time of the context passes more slowly on a slow machine.
func TestTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		slowness := func() float64 { // slow for a minute
			if time.Since(begin) <= time.Minute {
				return 10
			}
			return 1
		}
		ctx, cancel := withTimeout(t.Context(), 10*time.Second, slowness)
		defer cancel()
		<-ctx.Done()
		// Six of the ten seconds pass within the minute.
		if took := time.Since(begin); took.Round(time.Second) != 64*time.Second {
			t.Errorf("the context ended after %v", took)
		}
		if !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
			t.Errorf("cause = %v", context.Cause(ctx))
		}
		ctx, cancel = withTimeout(t.Context(), time.Hour, slowness)
		cancel()
		if !errors.Is(context.Cause(ctx), context.Canceled) {
			t.Errorf("cause = %v", context.Cause(ctx))
		}
		parent, end := context.WithCancelCause(t.Context())
		ctx, cancel = withTimeout(parent, time.Hour, slowness)
		defer cancel()
		end(errors.New("the parent"))
		if context.Cause(ctx).Error() != "the parent" {
			t.Errorf("cause = %v", context.Cause(ctx))
		}
	})
}

func TestTimeoutError(t *testing.T) {
	t.Parallel()
	for elapsed, want := range map[time.Duration]struct {
		slow bool
		text string
	}{
		5100 * time.Millisecond: {false, "not within 5s"},
		8 * time.Second:         {false, "not within 5s, extended to 8s"},
		20 * time.Second:        {true, "not within 5s, which this busy machine extended to 20s"},
	} {
		err := &TimeoutError{Timeout: 5 * time.Second, Elapsed: elapsed}
		if err.Slow() != want.slow || err.Error() != want.text || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %v: slow %v, %q", elapsed, err.Slow(), err)
		}
	}
}
