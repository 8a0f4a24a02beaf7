package remoteevent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/nilcheck"
)

// Run consumes the queues until the context ends, shuts down, and returns nil or
// [ErrShutdownTimeout]. A receiver runs once: a second call returns [ErrRunning]. Run
// returns [ErrNoQueues] if there is nothing to consume. It may be called before Redis is
// reachable.
//
// When the context ends, Run takes no more events and closes [Delivery.Shutdown]. At
// least once, events that no listener has started are released at once, to the tail of
// their queue, in their order and without a counted attempt; at most once, they are
// handled. Run returns when the running listeners have returned and their outcomes are
// stored in Redis. After the shutdown timeout (see [WithShutdownTimeout]) Run releases
// the events that no listener has started, cancels the contexts of the listeners with
// [ErrShutdownTimeout], and returns within two more seconds even if they do not, nor hooks,
// the handler of the log or calls of Redis: the error then names what does not return.
//
// If Redis does not reply during the shutdown, Run stops taking events after about one
// second. At most once, it waits for the reply to a pop until the shutdown timeout, because
// the popped events would be lost otherwise. Run waits up to five seconds after the last
// listener has returned for the outcomes to be stored, or one second if Redis failed before.
// At least once, events whose acknowledgement did not reach Redis are handled again when
// their lease expires.
//
// Errors of Redis do not end Run: lost connections, restarts, failovers, moving slots,
// exhausted memory, rejected passwords, keys of another type. They are logged, and the
// call is retried after a jittered delay between 25 ms and 5 s. A Redis that disappears
// without closing its connections is noticed after about 11 seconds by a queue that
// waits for events, and after a minute at the latest.
//
// Up to four queues wait for events on a blocked connection each. With more, Redis
// notifies the receiver of new events by client tracking (Redis 6, RESP3, a single
// server); otherwise the receiver polls every 5 to 25 ms, so events of an idle queue
// may wait that long. The same applies to [WithTotalConcurrency]. Queues take turns when
// many have events.
//
// Run logs "receiver started" with the queues, the delivery guarantee and the maximum number
// of events that are handled at a time, and "receiver stopped". For a [Mux], it logs a warning
// if no listener is registered, and for a queue that no listener names if the name of a
// listener is similar: one of the two may be misspelt. Other queues without a listener of
// their name may hold events for the listeners of a parent.
//
// Run logs the findings of queueadmin.DiagnoseServer and queueadmin.Queue.Diagnose once Redis is
// reachable.
//
// Through a client of a cluster, each queue is consumed at the node that has its
// slot, and through one of Sentinel, at the current primary. While a slot moves, its
// queues pause. After a failover, events that Redis has not replicated are delivered
// again or are lost.
//
// Run implements RECV-1 to RECV-12 and, without [WithAtMostOnce], spec/reliable.md.
func (r *Receiver) Run(ctx context.Context) error {
	if err := errors.Join(r.usable(), nilcheck.Context(ctx)); err != nil {
		return fmt.Errorf("Run: %w", err)
	}
	if err := r.start(); err != nil {
		if !errors.Is(err, ErrRunning) {
			r.state.Store(int32(Stopped))
		}
		return fmt.Errorf("Run: %w", err)
	}
	lines := newLines(r.queues)
	client := dedicated(r.client, lines, r.config.redisHooks)
	var bell *doorbell
	if len(r.queues) > maxBlocked || r.bounded() { // a wait would claim messages without a slot
		bell = newDoorbell(client)
	}
	return r.run(ctx, &redisOpener{client: client, lines: lines, bell: bell})
}

// start permits one run, and fixes the queues.
func (r *Receiver) start() error {
	if !r.state.CompareAndSwap(int32(NotStarted), int32(Running)) {
		return ErrRunning
	}
	if err := r.addHandled(); err != nil {
		return err
	}
	if len(r.queues) == 0 {
		return ErrNoQueues
	}
	return nil
}

// slots returns how many events the queues may handle at a time, without regard to
// WithTotalConcurrency.
func (r *Receiver) slots() (sum int) {
	for _, config := range r.configs {
		sum += config.concurrency
	}
	return sum
}

// bounded reports whether the queues could use more slots than the receiver has.
func (r *Receiver) bounded() bool {
	return r.config.totalConcurrency > 0 && r.slots() > r.config.totalConcurrency
}

// run consumes the queues, whose sources the opener opens, until the context ends.
func (r *Receiver) run(ctx context.Context, open opener) (err error) {
	defer r.state.Store(int32(Stopped))
	r.shutdown = ctx.Done()
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	calls, cancelCalls := context.WithCancel(context.Background())
	cut := func() { // go-redis notices the end of a context only between calls
		cancelCalls()
		open.close()
	}
	defer cut()
	takes, cutTakes := context.WithCancel(calls)
	defer cutTakes()
	run := &running{
		receiver: r, work: work, takes: takes, calls: calls, cut: cut, end: make(chan struct{}),
		turns: make(chan struct{}, maxExchanges), outages: &outageLimit{},
	}
	if _, one := r.client.(*redis.Client); !one {
		run.nodes = true
	}
	if r.bounded() {
		run.pool = &pool{free: r.config.totalConcurrency}
	}
	if err := run.start(ctx, open); err != nil {
		return fmt.Errorf("Run: %w", err)
	}
	begun := time.Now()
	r.logStart(ctx)
	defer func() { r.logStop(work, begun, err) }()
	<-ctx.Done()
	r.state.Store(int32(ShuttingDown))
	timeout := max(r.config.shutdownTimeout, 10*time.Millisecond)
	latest := time.Now().Add(timeout + cancelGrace)
	expired := make(chan int, 1)
	defer time.AfterFunc(timeout, func() { run.expire(expired, cancel) }).Stop()
	if fetched := wait(&run.fetching); !ended(fetched, cutTime) && !run.awaitPops(fetched, latest.Add(-cancelGrace)) {
		cutTakes() // Redis does not reply; it may when the listeners have returned
		open.sever()
		for !ended(fetched, cutInterval) && time.Now().Before(latest) {
			open.sever()
		}
	}
	unhandled := run.handle(expired)
	settled := run.finish(latest)
	switch hung := r.impatience.err(); {
	case hung != nil:
		return fmt.Errorf("Run: %w", hung)
	case unhandled > 0:
		return fmt.Errorf("Run: %w; events still being handled: %d", ErrShutdownTimeout, unhandled)
	case !settled:
		return fmt.Errorf("Run: %w: calls of Redis do not end: check WithRedisHooks and the client's Dialer", ErrShutdownTimeout)
	}
	return nil
}

// awaitPops waits for the replies to pops, whose messages would be lost, but not after
// latest. It reports whether no feeder takes messages any more.
func (r *running) awaitPops(fetched <-chan struct{}, latest time.Time) bool {
	for slices.ContainsFunc(r.popped, (*popped).popping) && time.Now().Before(latest) {
		if ended(fetched, cutInterval) {
			return true
		}
	}
	return ended(fetched, 0)
}

// expire stops the handling of events: it starts no listener any more, sends the number of
// events that are being handled, and then cancels the contexts of listeners and hooks.
func (r *running) expire(expired chan<- int, cancel context.CancelCauseFunc) {
	active := 0
	for _, f := range r.feeders { // release events instead of passing them to cancelled listeners
		f.consumer.hold()
		_, n, _ := f.consumer.status()
		active += n
	}
	expired <- active
	cancel(ErrShutdownTimeout)
	close(r.receiver.impatience.expired)
}

// handle waits for the running listeners, but not long after the shutdown timeout. It
// returns the number of events that were being handled at the timeout.
func (r *running) handle(expired <-chan int) (unhandled int) {
	handled := wait(&r.handling)
	select {
	case <-handled:
	case unhandled = <-expired:
	}
	select {
	case unhandled = <-expired: // the listeners have returned because of it
	default:
	}
	if unhandled > 0 {
		ended(handled, cancelGrace)
	}
	return unhandled
}

// cutTime is how long Redis may take to end a wait, or to reply to a command under
// way, when the context has ended. Then its connections are closed, again and again
// until no call that takes messages is under way.
const (
	cutTime     = time.Second
	cutInterval = 50 * time.Millisecond
)

// cancelGrace is how long listeners have to return after their contexts were
// cancelled, before Run returns without them.
const cancelGrace = 2 * time.Second

// wait returns a channel that is closed when the group is done.
func wait(group *sync.WaitGroup) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		group.Wait()
		close(done)
	}()
	return done
}

// ended waits for the channel, but no longer than for the time.
func ended(done <-chan struct{}, atMost time.Duration) bool {
	select {
	case <-done:
		return true
	case <-time.After(atMost):
		return false
	}
}

// shuttingDown reports whether the shutdown has begun.
func (r *Receiver) shuttingDown() bool {
	select {
	case <-r.shutdown:
		return true
	default:
		return false
	}
}
