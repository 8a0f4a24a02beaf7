package remoteevent

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/acl"
	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/wire"
)

// running is the state of a running receiver: a feeder for each queue, and what they
// share.
type running struct {
	receiver *Receiver
	work     context.Context //nolint:containedctx // for listeners
	takes    context.Context //nolint:containedctx // for calls of Redis while messages are taken; its end interrupts them
	calls    context.Context //nolint:containedctx // for other calls, and for calls after the last message was taken; its end interrupts them
	cut      func()          // interrupts all calls, including those in progress
	feeders  []*feeder
	popped   []*popped     // the sources of the feeders that deliver at most once
	turns    chan struct{} // holds a token for each exchange in progress
	suspects suspects
	outages  *outageLimit
	nodes    bool  // there may be several servers
	pool     *pool // nil without a limit of the slots

	fetching, handling, settling sync.WaitGroup

	end chan struct{} // closed when all messages are handled and reported
}

// opener opens the sources of a receiver's queues.
type opener interface {
	// open sets the dependencies of a feeder on Redis, such as its source.
	open(f *feeder, maxBytes int) error
	// attend performs the work for all feeders, until the context ends.
	attend(ctx context.Context, r *running)
	// sever interrupts the calls in progress by closing their connections. Later
	// calls open new connections.
	sever()
	// close closes the connections. It may be called repeatedly.
	close()
}

// start starts the consumption of the queues.
func (r *running) start(ctx context.Context, open opener) error {
	for _, name := range r.receiver.queues {
		f := r.feeder(name, r.receiver.configs[name])
		if err := open.open(f, cmp.Or(r.receiver.config.maxBytes, wire.DefaultReceiveBytes)); err != nil {
			return err
		}
		r.feeders = append(r.feeders, f)
	}
	r.receiver.running.Store(r)
	for _, f := range r.feeders {
		r.fetching.Add(1)
		r.settling.Go(func() { f.run(ctx) })
		if f.bounder != nil {
			r.settling.Go(func() { f.bounder.run(r.calls, r.end) })
		}
	}
	r.settling.Go(r.renew)
	r.settling.Go(r.watchSlow)
	r.settling.Go(func() { open.attend(ctx, r) })
	return nil
}

// finish makes the feeders report their remaining dispositions, and waits for them, at most
// for the time allowed for Redis. Then it interrupts the calls in progress, including
// renewals. It reports whether the calls have ended in time, or soon after the interruption.
func (r *running) finish(latest time.Time) bool {
	close(r.end)
	left := failingFinishTime
	for _, f := range r.feeders {
		left = max(left, f.finishTime())
	}
	if r.takes.Err() != nil { // Redis did not reply, perhaps until now
		left = min(left, max(time.Until(latest), failingFinishTime))
	}
	settled := wait(&r.settling)
	if ended(settled, left) {
		return true
	}
	r.cut()
	return ended(settled, max(time.Until(latest), cutTime))
}

func (r *running) feeder(name string, config *queueConfig) *feeder {
	log := r.receiver.config.logger.With("queue", truncateName(name))
	wake := make(chan struct{}, 1)
	outage := &outage{queue: name, log: log, rule: acl.Rule(config.role(), name), limit: r.outages, hooks: r.receiver.hooks}
	f := &feeder{
		running: r, calls: r.takes, queue: name, config: config, wake: wake, awaited: make(chan awaited, 1), timer: time.NewTimer(time.Hour),
		outage: outage,
		consumer: &consumer{
			receiver: r.receiver, queue: name, config: config, work: r.work, slots: &r.handling, wake: wake, outage: outage, held: make(chan struct{}),
		},
		acknowledger: &acknowledger{lease: config.lease, work: r.work, log: log, suspects: &r.suspects, claims: map[string]*claim{}, lost: r.receiver.leaseLost(name)},
	}
	if r.pool != nil {
		f.consumer.share = &share{pool: r.pool, consumer: f.consumer, weight: config.weight}
	}
	return f
}

// renew renews the claims of all queues until all messages are handled and reported.
func (r *running) renew() {
	shortest := r.feeders[0].config.lease
	for _, f := range r.feeders {
		shortest = min(shortest, f.config.lease)
	}
	ticker := time.NewTicker(max(shortest/12, time.Millisecond))
	defer ticker.Stop()
	var group sync.WaitGroup
	defer group.Wait()
	for {
		select {
		case <-r.end:
			return
		case <-ticker.C:
		}
		for _, f := range r.feeders {
			if !f.config.atMostOnce && f.acknowledger.holds() && f.renewing.CompareAndSwap(false, true) {
				group.Go(f.renew)
			}
		}
	}
}

// redisOpener opens sources in Redis.
type redisOpener struct {
	client redis.UniversalClient
	lines  *lines    // connections of the client
	bell   *doorbell // nil if sources wait for messages themselves
}

func (o *redisOpener) open(f *feeder, maxBytes int) error {
	queue, err := lease.NewQueue(o.client, f.queue)
	if err != nil {
		return err
	}
	f.outage.key = queue.KeyOf
	if o.bell != nil {
		f.bell = o.bell
	}
	if f.config.bounded() {
		f.bounder = &bounder{queue: queue, config: f.config, outage: f.outage, wake: make(chan struct{}, 1)}
	}
	blocker := &blocker{client: o.client, queue: f.queue}
	if f.config.atMostOnce {
		p := &popped{queue: f.queue, client: o.client, blocker: blocker, bounder: f.bounder, log: f.outage.log}
		if f.config.deadLetters {
			p.letters = queue
		}
		f.source = p
		f.running.popped = append(f.running.popped, p)
		return nil
	}
	l := &leased{config: f.config, maxBytes: maxBytes, queue: &claimed{queue, blocker}}
	if f.config.window.Time > 0 {
		f.consumer.repeated = l.repeated
	}
	f.source = l
	return nil
}

func (o *redisOpener) attend(ctx context.Context, r *running) {
	r.settling.Go(func() { examine(ctx, r.receiver, o.client) })
	if o.bell != nil {
		o.bell.run(ctx)
	}
}

func (o *redisOpener) sever() { o.lines.sever() }
func (o *redisOpener) close() {
	_ = o.client.Close()
	o.lines.subscription.end()
}

// claimed is a queue in Redis with the connection that waits for it.
type claimed struct {
	*lease.Queue

	blocker *blocker
}

// Await implements claims.
func (c *claimed) Await(ctx context.Context, wait time.Duration, claim *lease.Claim) (lease.Claimed, error) {
	conn, err := c.blocker.connection(ctx)
	if err != nil {
		return lease.Claimed{Due: -1}, err
	}
	found, err := c.Queue.Await(ctx, conn, c.blocker.limit(wait), claim)
	c.blocker.done(err)
	return found, err
}

// Interrupt implements claims.
func (c *claimed) Interrupt(ctx context.Context) { c.blocker.interrupt(ctx) }
