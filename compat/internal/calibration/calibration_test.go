package calibration

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// TestBusyCores: work for many more threads than there are cores shows.
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
	for slowness := 0.0; slowness < 2; { // the scheduler takes a moment
		if slowness = measure(); slowness > 100*slowest {
			t.Fatalf("the machine is %f times slower", slowness)
		}
	}
}

func TestScale(t *testing.T) {
	t.Parallel()
	if s := Slowness(); s < 1 || s > slowest {
		t.Errorf("the machine is %f times slower", s)
	}
	if d := Scale(time.Second); d < time.Second || d > slowest*time.Second {
		t.Errorf("a second became %v", d)
	}
}

// TestTimeout: time passes more slowly while the machine is slow.
func TestTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		slowness := func() float64 { // for a minute
			if time.Since(begin) <= time.Minute {
				return 10
			}
			return 1
		}
		ctx, cancel := withTimeout(t.Context(), 10*time.Second, slowness)
		defer cancel()
		<-ctx.Done()
		// Of the ten seconds, six pass within the minute.
		if took := time.Since(begin); took.Round(time.Second) != 64*time.Second {
			t.Errorf("it took %v", took)
		}
		if !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
			t.Errorf("the cause is %v", context.Cause(ctx))
		}
		ctx, cancel = withTimeout(t.Context(), time.Hour, slowness)
		cancel()
		if !errors.Is(context.Cause(ctx), context.Canceled) {
			t.Errorf("the cause is %v", context.Cause(ctx))
		}
		parent, end := context.WithCancelCause(t.Context())
		ctx, cancel = withTimeout(parent, time.Hour, slowness)
		defer cancel()
		end(errors.New("the parent"))
		if context.Cause(ctx).Error() != "the parent" {
			t.Errorf("the cause is %v", context.Cause(ctx))
		}
	})
}
