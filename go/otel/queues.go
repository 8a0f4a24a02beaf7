package remoteeventotel

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/metric"

	"github.com/remote-events/remote-events/go/queueadmin"
)

// collectTime is how long the queues may delay a collection of metrics.
const collectTime = 5 * time.Second

// ObserveQueues reports how many messages the queues have, by state, and how many dead
// letters, each time that metrics are collected. It stops when the registration is
// unregistered. The client must not be closed before.
//
// The figures belong to the queues and not to the process: every process that observes a
// queue reports the same ones, so observe each queue in one process only. A queue that
// cannot be read is missing from a collection, and its error goes to the collector. All
// queues of one collection together have 5 seconds.
func (t *Telemetry) ObserveQueues(client redis.UniversalClient, names ...string) (metric.Registration, error) {
	queues := make([]*queueadmin.Queue, len(names))
	for i, name := range names {
		queue, err := queueadmin.Open(client, name)
		if err != nil {
			return nil, fmt.Errorf("ObserveQueues: %w", err)
		}
		queues[i] = queue
	}
	g, err := newGauges(t.meter)
	if err != nil {
		return nil, fmt.Errorf("ObserveQueues: %w", err)
	}
	return t.meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		ctx, cancel := context.WithTimeout(ctx, collectTime)
		defer cancel()
		var errs []error
		for _, queue := range queues {
			stats, err := queue.Stats(ctx)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			for _, s := range []struct {
				state queueadmin.State
				count int64
			}{
				{queueadmin.StateQueued, stats.Queued}, {queueadmin.StateStaged, stats.Staged},
				{queueadmin.StateLeased, stats.Leased}, {queueadmin.StateRetrying, stats.Retrying},
			} {
				o.ObserveInt64(g.messages, s.count, withSet(queueAttributes(queue.Name(), string(s.state))))
			}
			o.ObserveInt64(g.deadLetters, stats.Dead, withSet(queueAttributes(queue.Name(), "")))
		}
		return errors.Join(errs...)
	}, g.messages, g.deadLetters)
}
