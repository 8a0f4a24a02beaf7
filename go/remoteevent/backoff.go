package remoteevent

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	minDelay = 50 * time.Millisecond
	maxDelay = 5 * time.Second
)

// backoff spaces attempts. Each delay is random below a bound that doubles with each
// failure, so that many receivers do not try again at the same time.
type backoff struct {
	failures int
	delay    time.Duration
	chance   func(n time.Duration) time.Duration // below n; nil for any
}

// next counts a failure and returns the delay that [backoff.wait] will take.
func (b *backoff) next() time.Duration {
	bound := maxDelay
	if b.failures < 7 {
		bound = min(maxDelay, minDelay<<b.failures)
	}
	b.failures++
	b.delay = minDelay/2 + b.random(bound)
	return b.delay
}

func (b *backoff) random(n time.Duration) time.Duration {
	if b.chance != nil {
		return b.chance(n)
	}
	return rand.N(n)
}

// wait sleeps for the delay or until the context ends.
func (b *backoff) wait(ctx context.Context) { b.waitFor(ctx.Done()) }

// waitFor sleeps for the delay. It returns false if end is closed before.
func (b *backoff) waitFor(end <-chan struct{}) bool {
	timer := time.NewTimer(b.delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-end:
		return false
	}
}

// retryDelay returns the delay between an attempt to handle an event and the next.
func (c *queueConfig) retryDelay(attempt int) time.Duration {
	delay := c.firstDelay
	for range min(attempt-1, 60) {
		if delay *= 2; delay >= c.lastDelay {
			delay = c.lastDelay
			break
		}
	}
	return delay/2 + rand.N(delay/2+1)
}
