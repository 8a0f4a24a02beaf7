package remoteevent

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/lease"
)

// running is a receiver that runs.
type running struct {
	receiver  *Receiver
	work      context.Context //nolint:containedctx // that of the listeners
	client    redis.UniversalClient
	consumers []*consumer
	leasers   []*leaser

	fetching, handling, settling sync.WaitGroup

	end chan struct{} // closed when all is handled
}

// start begins to consume a queue.
func (r *running) start(ctx context.Context, name string, config *queueConfig) error {
	log := r.receiver.config.logger.With("queue", brief(name))
	queue, err := lease.NewQueue(r.client, name)
	if err != nil {
		return err
	}
	o := &outage{log: log, rule: aclRule(name, config), key: queue.KeyOf}
	c := &consumer{
		config: config, outage: o, work: r.work, handling: &r.handling, changed: make(chan struct{}, 1),
	}
	var b *bounder
	if config.bounded() {
		b = &bounder{queue: queue, config: config, outage: o, wake: make(chan struct{}, 1)}
		r.settling.Go(func() { b.run(r.end) })
	}
	if config.atMostOnce {
		p := &popper{receiver: r.receiver, config: config, queue: name, client: r.client, outage: o, bounder: b}
		if config.deadLetters {
			p.letters = queue
		}
		c.source = p
	} else {
		l := &leaser{
			receiver: r.receiver, consumer: c, config: config, queue: queue, outage: o, bounder: b,
			held: map[*message]bool{}, claims: map[string]*hold{}, wake: make(chan struct{}, 1),
		}
		c.source = l
		r.leasers = append(r.leasers, l)
		r.settling.Go(func() { l.run(r.end) })
	}
	r.consumers = append(r.consumers, c)
	r.fetching.Go(func() {
		if !config.atMostOnce { // what is leased and not begun goes back at once
			defer context.AfterFunc(ctx, c.hold)()
		}
		c.run(ctx)
		if !config.atMostOnce {
			giving, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTime)
			defer cancel()
			c.stop(giving)
		}
	})
	return nil
}

// finishTime is how long Redis may take in the end to be told what is left.
const finishTime = 5 * time.Second

// finish gives back what nobody has begun with, and says what is left to be said.
func (r *running) finish() {
	close(r.end)
	r.settling.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), finishTime)
	defer cancel()
	var group sync.WaitGroup
	for _, c := range r.consumers {
		if c.config.atMostOnce {
			group.Go(func() { c.stop(ctx) })
		}
	}
	for _, l := range r.leasers {
		group.Go(func() { l.finish(ctx) })
	}
	group.Wait()
}
