package remoteevent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/lease"
)

// Receiver takes events out of Redis and calls listeners. Register those with
// [Handle] and [Receiver.Listen], then call [Receiver.Run], once.
type Receiver struct {
	client redis.UniversalClient
	config receiverConfig
	handle Handler // the dispatch, with its middleware
	silent struct {
		sync.Mutex

		names map[string]bool // of events to which nobody listens, once logged
	}

	mu        sync.Mutex
	started   bool
	queues    []string // in the order in which they were named
	configs   map[string]*queueConfig
	listeners map[string][]listener
}

// NewReceiver makes a receiver. It returns an error for options that make no
// sense, and does not connect. The client stays the caller's to close.
//
// Run works through at most 8 connections of its own to each server, however many
// queues there are. It makes them from the client's options, so the client's pool is
// not used and the client's hooks do not see its commands. The client is a
// *[redis.Client], which may be one of Sentinel, a *[redis.ClusterClient] or a
// *[redis.Ring]; NewReceiver returns an error for another type.
func NewReceiver(client redis.UniversalClient, options ...ReceiverOption) (*Receiver, error) {
	if client == nil {
		return nil, errors.New("NewReceiver: the client is nil")
	}
	if err := checkClient(client); err != nil {
		return nil, fmt.Errorf("NewReceiver: %w", err)
	}
	config := receiverConfig{queueConfig: defaultQueueConfig(), drainTimeout: 10 * time.Second, logger: slog.Default()}
	for _, option := range options {
		if option == nil {
			return nil, errors.New("NewReceiver: an option is nil")
		}
		option.applyToReceiver(&config)
	}
	if err := config.validate(); err != nil {
		return nil, err
	}
	config.logger = containedLogger(config.logger)
	r := &Receiver{client: client, config: config, configs: map[string]*queueConfig{}, listeners: map[string][]listener{}}
	r.silent.names = map[string]bool{}
	var err error
	handle, err := wrapped(r.dispatch, config.middleware)
	if err != nil {
		return nil, fmt.Errorf("NewReceiver: %w", err)
	}
	r.handle = guard(handle)
	return r, nil
}

// Queues makes the receiver consume the lists with these names, such as those
// of a configuration file, as [Receiver.Queue] does.
func (r *Receiver) Queues(names ...string) error {
	if err := r.usable(); err != nil {
		return fmt.Errorf("Queues: %w", err)
	}
	for _, name := range names {
		if err := r.Queue(name); err != nil {
			return err
		}
	}
	return nil
}

// Queue makes the receiver consume the list with this name. The options are those
// of this queue alone, on top of the receiver's. A name that is given twice
// counts once (RECV-7), and its options add up.
func (r *Receiver) Queue(name string, options ...QueueOption) error {
	if err := r.usable(); err != nil {
		return fmt.Errorf("queue %q: %w", name, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.started {
		return fmt.Errorf("queue %q: %w", name, ErrRunning)
	}
	if err := lease.Check(name); err != nil {
		return err
	}
	config := r.config.inherited()
	known := r.configs[name]
	if known != nil {
		config = *known
	}
	for _, option := range options {
		if option == nil {
			return fmt.Errorf("queue %q: an option is nil", name)
		}
		option.applyToQueue(&config)
	}
	if err := config.validate(); err != nil {
		return fmt.Errorf("queue %q: %w", name, err)
	}
	if err := checkShards(r.client, name, &config); err != nil {
		return err
	}
	if known == nil {
		r.queues = append(r.queues, name)
	}
	r.configs[name] = &config
	return nil
}

// Run consumes the queues until the context ends and then returns nil, or
// [ErrDrainTimeout]. It may be called before Redis is reachable.
//
// When the context ends, Run takes no more events. At least once, events that no
// listener has begun with go back to the tail of their queue at once, in their order,
// and no attempt is counted; at most once, they are handled. Run returns when the
// listeners under way have returned and Redis knows what they came to: at once where
// none is under way. After the drain timeout it begins with no more events, which go
// back, and cancels the contexts of the listeners, and returns within two more seconds
// even if they do not. Where Redis does not answer, Run stops taking after about one
// second. When the last listener has returned, it has five seconds to be told what
// became of the events, and one if it did not answer before; at least once, events
// whose acknowledgement did not reach Redis are handled again when their lease has run
// out.
//
// Errors of Redis do not end Run: a lost connection, a restart, a failover, a slot
// that moves, an exhausted memory, a rejected password, a key of another type. They
// are logged, and the call is repeated after a jittered time between 25 ms and 5 s. A
// Redis that is gone without closing its connections is noticed after some 11
// seconds by a queue that waits for events, and after a minute at the latest.
//
// Up to four queues wait for events on a blocked connection each. With more, Redis
// notifies the receiver of new events by client tracking (Redis 6, RESP3, a single
// server); elsewhere the receiver asks every 5 to 25 ms, so events of an idle queue
// may wait that long. Queues take turns when many have events.
//
// What queueadmin.DiagnoseServer and queueadmin.Queue.Diagnose find, once Redis is there, is logged.
//
// Through a client of a cluster, each queue is consumed at the node that has its
// slot, and through one of Sentinel, at the current primary. While a slot moves, its
// queues pause. After a failover some events come again, or are lost if Redis has
// not replicated them.
//
// It implements RECV-1 to RECV-12 and, without [AtMostOnce], spec/reliable.md.
func (r *Receiver) Run(ctx context.Context) error {
	if err := errors.Join(r.usable(), requireContext(ctx)); err != nil {
		return fmt.Errorf("Run: %w", err)
	}
	queues, err := r.start()
	if err != nil {
		return fmt.Errorf("Run: %w", err)
	}
	lines := &lines{}
	client := dedicated(r.client, lines)
	var bell *doorbell
	if len(queues) > maxBlocked {
		bell = newDoorbell(client)
	}
	return r.run(ctx, queues, &redisOpener{client: client, lines: lines, bell: bell})
}

// run consumes the queues, whose sources the opener opens, until the context ends.
func (r *Receiver) run(ctx context.Context, queues []string, open opener) error {
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
	if err := run.start(ctx, open, queues); err != nil {
		return fmt.Errorf("Run: %w", err)
	}
	<-ctx.Done()
	defer run.finish()
	if fetched := wait(&run.fetching); !ended(fetched, cutTime) {
		cutTakes() // Redis does not answer; it may when the listeners have returned
		for open.sever(); !ended(fetched, cutInterval); open.sever() {
		}
	}
	handled := wait(&run.handling)
	if ended(handled, max(r.config.drainTimeout, 10*time.Millisecond)) {
		return nil
	}
	for _, f := range run.feeders { // what waits goes back, and not to a listener that cannot work any more
		f.consumer.hold()
	}
	cancel(ErrDrainTimeout)
	ended(handled, cancelGrace)
	return fmt.Errorf("Run: %w", ErrDrainTimeout)
}

// cutTime is how long Redis may take to end a wait, or to answer a command under
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

func (r *Receiver) start() (queues []string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.started:
		return nil, ErrRunning
	case len(r.queues) == 0:
		return nil, ErrNoQueues
	}
	r.started = true
	return r.queues, nil
}
