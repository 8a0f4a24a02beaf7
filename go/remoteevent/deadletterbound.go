package remoteevent

import (
	"context"
	"time"

	"github.com/remote-events/remote-events/go/internal/lease"
)

// bounder limits the dead letters of a queue (REL-36, REL-37).
type bounder struct {
	queue  *lease.Queue
	config *queueConfig
	outage *outage
	wake   chan struct{} // wakes run: there may be another dead letter

	dropped int // total number of dropped dead letters
}

// boundInterval is the maximum time until a dead letter that is too old, or that another
// receiver has added, is dropped.
const boundInterval = time.Minute

// bounded reports whether dead letters are limited.
func (c *queueConfig) bounded() bool { return c.maxDead > 0 || c.maxDeadAge > 0 }

// died reports that there may be another dead letter. A nil bounder ignores it.
func (b *bounder) died() {
	if b == nil {
		return
	}
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// run drops dead letters beyond the limits until end is closed. Its calls end with the context.
func (b *bounder) run(calls context.Context, end <-chan struct{}) {
	timer := time.NewTimer(boundInterval)
	defer timer.Stop()
	for {
		const text = "cannot limit dead letters; retrying"
		ctx, cancel := context.WithTimeout(calls, replyTimeout)
		switch err := b.drop(ctx); {
		case err == nil:
			b.outage.endedOf(ctx, text)
		case calls.Err() == nil:
			b.outage.report(ctx, text, err, boundInterval)
		}
		cancel()
		timer.Reset(boundInterval)
		select {
		case <-end:
			return
		case <-b.wake:
		case <-timer.C:
		}
	}
}

func (b *bounder) drop(ctx context.Context) error {
	for {
		excess, err := b.queue.Excess(ctx, b.config.maxDead, b.config.maxDeadAge)
		if err != nil || len(excess) == 0 {
			return err
		}
		ids := make([]string, len(excess))
		for i, d := range excess {
			ids[i] = d.ID
		}
		missing, err := b.queue.Drop(ctx, ids)
		if err != nil {
			return err
		}
		n := len(ids) - len(missing) // another receiver may have been quicker
		if n == 0 {
			continue
		}
		b.dropped += n
		b.outage.log.WarnContext(ctx, "dead letters dropped: maximum count or age exceeded",
			"dropped", n, "dropped_in_all", b.dropped, "oldest", excess[0].At, "newest", excess[len(excess)-1].At,
			"limit", b.config.maxDead, "age", b.config.maxDeadAge)
	}
}
