package remoteeventotel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/metric"

	"github.com/remote-events/remote-events/go/queueadmin"
)

// collectTime is how long the queues may delay a collection of metrics.
const collectTime = 5 * time.Second

// ObserveQueues reports how many messages the queues have, by state, how many dead letters,
// and how long the message that receivers take next has waited, each time that metrics are
// collected. It stops when the registration is unregistered. The client must not be closed
// before.
//
// The waiting time begins at the message's attribute time, by its sender's clock, and
// without one when a collection first saw the message. It is 0 if no message waits.
//
// The figures belong to the queues and not to the process: every process that observes a
// queue reports the same ones, so observe each queue in one process only. A queue that
// cannot be read is missing from a collection, and its error goes to the collector. All
// queues of one collection together have 5 seconds.
func (t *Telemetry) ObserveQueues(client redis.UniversalClient, names ...string) (metric.Registration, error) {
	observer, err := queueadmin.NewObserver(client)
	if err != nil {
		return nil, fmt.Errorf("ObserveQueues: %w", err)
	}
	for _, name := range names {
		if _, err := queueadmin.Open(client, name); err != nil {
			return nil, fmt.Errorf("ObserveQueues: %w", err)
		}
	}
	names = slices.Clone(names)
	g, err := newGauges(t.meter)
	if err != nil {
		return nil, fmt.Errorf("ObserveQueues: %w", err)
	}
	return t.meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		ctx, cancel := context.WithTimeout(ctx, collectTime)
		defer cancel()
		snapshot, err := observer.Observe(ctx, names...)
		errs := []error{err}
		for _, q := range snapshot.Queues {
			if q.Err != nil {
				errs = append(errs, q.Err)
				continue
			}
			for _, s := range []struct {
				state queueadmin.State
				count int64
			}{
				{queueadmin.StateQueued, q.Stats.Queued}, {queueadmin.StateStaged, q.Stats.Staged},
				{queueadmin.StateLeased, q.Stats.Leased}, {queueadmin.StateRetrying, q.Stats.Retrying},
			} {
				o.ObserveInt64(g.messages, s.count, withSet(queueAttributes(q.Queue, string(s.state))))
			}
			o.ObserveInt64(g.deadLetters, q.Stats.Dead, withSet(queueAttributes(q.Queue, "")))
			if age, known := ageOf(q); known {
				o.ObserveFloat64(g.age, age.Seconds(), withSet(queueAttributes(q.Queue, "")))
			}
		}
		return errors.Join(errs...)
	}, g.messages, g.deadLetters, g.age)
}

// ageOf returns how long the message that receivers take next has waited.
func ageOf(q queueadmin.QueueInfo) (age time.Duration, known bool) {
	since := q.Next.Sent
	if since.IsZero() {
		since = q.Next.Since
	}
	switch {
	case q.Stats.Queued+q.Stats.Staged == 0:
		return 0, true
	case since.IsZero():
		return 0, false
	}
	return max(0, q.At.Sub(since)), true
}
