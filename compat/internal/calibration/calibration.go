// Package calibration measures how slow the machine is at present and lengthens
// deadlines accordingly, so that a test or a scenario fails because something is
// wrong and not because the cores are busy.
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
	// reference is how long the work of measure takes on an idle core of an
	// ordinary machine.
	reference = 20 * time.Millisecond
	// rounds make up that work.
	rounds = 8_000_000
	// fresh is how long a measurement holds.
	fresh = time.Second
	// slowest bounds a measurement.
	slowest = 12
)

var last struct {
	sync.Mutex

	at       time.Time
	slowness float64
}

// Slowness returns how many times as long as on an idle ordinary machine work
// takes at present: 1 at least and 12 at most. It takes some 20 ms where the last
// measurement is older than a second. It may be called by several goroutines at
// once.
func Slowness() float64 {
	last.Lock()
	defer last.Unlock()
	if last.at.IsZero() || time.Since(last.at) > fresh {
		last.slowness = min(slowest, max(1, measure(), queued()))
		last.at = time.Now()
	}
	return last.slowness
}

// Scale returns a duration that is as much longer as the machine is slower at
// present.
func Scale(d time.Duration) time.Duration {
	return time.Duration(float64(d) * Slowness())
}

// WithTimeout returns a context that ends after the time that d is on an idle
// machine: while the machine is slow, time passes more slowly for it. Its cause is
// then an error that names d and the time that has passed.
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
		cancel(fmt.Errorf("%w: %v on an idle machine, %v on this one", context.DeadlineExceeded, d, time.Since(begin).Round(time.Millisecond)))
	}()
	return ctx, func() { cancel(context.Canceled) }
}

// measure returns how many times as long as the reference the work takes.
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

// queued returns how many threads want each core, where the system tells: a short
// piece of work may be let through before threads that have run for long.
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
