// Package calibration measures how slow the machine is at present and extends deadlines
// accordingly, so that busy cores fail no test and no scenario.
package calibration

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"
)

const (
	// reference is the duration of the work of measure on an idle core of an ordinary
	// machine.
	reference = 20 * time.Millisecond
	// rounds is the number of rounds in the work of measure.
	rounds = 8_000_000
	// fresh is the lifetime of a measurement.
	fresh = time.Second
	// slowest is the maximum of a measurement.
	slowest = 12
)

var last struct {
	sync.Mutex

	at       time.Time
	slowness float64
}

// Slowness returns the factor by which work takes longer at present than on an idle
// ordinary machine, between 1 and 12. A measurement takes about 20 ms. Slowness measures
// again if the last measurement is older than a second. It is safe for concurrent use.
func Slowness() float64 {
	last.Lock()
	defer last.Unlock()
	if last.at.IsZero() || time.Since(last.at) > fresh {
		last.slowness = min(slowest, max(1, measure(), queued()))
		last.at = time.Now()
	}
	return last.slowness
}

// Scale returns d multiplied by the present Slowness.
func Scale(d time.Duration) time.Duration {
	return time.Duration(float64(d) * Slowness())
}

// TimeoutError is the cause of the end of a context of WithTimeout. It is a
// context.DeadlineExceeded.
type TimeoutError struct {
	Timeout time.Duration // on an idle machine
	Elapsed time.Duration // on this one
}

// Slow reports whether the machine was slower than an idle one by a factor of two or more.
// Then the load of the machine may be the reason for the timeout, instead of the participant
// under test.
func (e *TimeoutError) Slow() bool { return e.Elapsed >= 2*e.Timeout }

// Error returns the timeout, and the elapsed time if that is longer. The text calls the
// machine busy if Slow returns true.
func (e *TimeoutError) Error() string {
	elapsed := e.Elapsed.Round(100 * time.Millisecond)
	switch {
	case e.Slow():
		return fmt.Sprintf("not within %v, which this busy machine extended to %v", e.Timeout, elapsed)
	case e.Elapsed >= e.Timeout+e.Timeout/4:
		return fmt.Sprintf("not within %v, extended to %v", e.Timeout, elapsed)
	}
	return fmt.Sprintf("not within %v", e.Timeout)
}

// Unwrap returns context.DeadlineExceeded.
func (e *TimeoutError) Unwrap() error { return context.DeadlineExceeded }

// WithTimeout returns a context that ends after the time d on an idle machine. While the
// machine is slow, the time is extended accordingly. The cause of the timeout is a
// *TimeoutError.
func WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return withTimeout(ctx, d, Slowness)
}

func withTimeout(ctx context.Context, d time.Duration, slowness func() float64) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	begin := time.Now()
	go func() {
		tick := min(fresh, max(d/20, time.Millisecond))
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for left := d; left > 0; {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				left -= time.Duration(float64(tick) / slowness())
			}
		}
		cancel(&TimeoutError{Timeout: d, Elapsed: time.Since(begin)})
	}()
	return ctx, func() { cancel(context.Canceled) }
}

// measure returns the duration of the work divided by the reference.
func measure() float64 {
	begin := time.Now()
	x := uint64(begin.UnixNano()) | 1
	for range rounds {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	took := time.Since(begin)
	runtime.KeepAlive(x)
	return float64(took) / float64(reference)
}

// queued returns the number of runnable threads for each core, or 0 if unknown. It is needed
// because the scheduler may prefer a short piece of work to threads that have run for long.
func queued() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	var load, ignored float64
	var running int
	if _, err := fmt.Sscanf(string(text), "%f %f %f %d/", &load, &ignored, &ignored, &running); err != nil {
		return 0
	}
	return max(load, float64(running)) / float64(runtime.NumCPU())
}
