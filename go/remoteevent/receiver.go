package remoteevent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/wire"
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
	queues    []string
	listeners map[string][]Handler
}

// NewReceiver makes a receiver. It returns an error for options that make no
// sense, and does not connect. The client stays the caller's to close.
//
// Run works through connections of its own, made from the client's options,
// since it holds one for each queue: the client's pool is not taken up by it,
// and the client's hooks do not see its commands.
func NewReceiver(client redis.UniversalClient, options ...ReceiverOption) (*Receiver, error) {
	if client == nil {
		return nil, errors.New("NewReceiver: the client is nil")
	}
	config := receiverConfig{concurrency: 1, drainTimeout: 10 * time.Second, logger: slog.Default()}
	for _, option := range options {
		if option == nil {
			return nil, errors.New("NewReceiver: an option is nil")
		}
		option.applyToReceiver(&config)
	}
	if err := config.validate(); err != nil {
		return nil, err
	}
	r := &Receiver{client: client, config: config, listeners: map[string][]Handler{}}
	r.silent.names = map[string]bool{}
	r.handle = r.dispatch
	for _, wrap := range slices.Backward(config.middleware) {
		r.handle = wrap(r.handle)
	}
	return r, nil
}

// Queues makes the receiver consume the lists with these names, such as those
// of a configuration file. A name that is given twice counts once (RECV-7).
func (r *Receiver) Queues(names ...string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.started {
		return fmt.Errorf("Queues: %w", ErrRunning)
	}
	for _, name := range names {
		if !slices.Contains(r.queues, name) {
			r.queues = append(r.queues, name)
		}
	}
	return nil
}

// Run consumes until the context ends; then it takes nothing more, waits until
// what it has taken is handled, and returns nil, within about a second where
// nothing is under way: Redis cannot be told to stop waiting for a message, and
// what it hands over in that second is handled as well. Where the drain timeout
// passes first, it cancels the listeners' contexts and returns
// [ErrDrainTimeout], if need be before they do.
//
// A lost connection, a Redis that restarts, loads its data, refuses a password
// or has another type under a queue's name: all are logged, and tried again
// after a jittered time between 50 ms and 5 s for as long as the context lives.
//
// It implements RECV-1 to RECV-8.
func (r *Receiver) Run(ctx context.Context) error {
	queues, err := r.start()
	if err != nil {
		return fmt.Errorf("Run: %w", err)
	}
	client, release := dedicated(r.client, len(queues))
	defer release()
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)

	var fetching, handling sync.WaitGroup
	for _, queue := range queues {
		c := consumer{
			queue: queue, client: client, log: r.config.logger.With("queue", queue),
			slots: make(chan struct{}, r.config.concurrency), handling: &handling,
			deliver: func(raw []byte) { r.deliver(work, queue, raw) },
		}
		fetching.Go(func() { c.run(ctx) })
	}
	<-ctx.Done()
	if fetched := wait(&fetching); !ended(fetched, blockTime+time.Second) {
		release() // Redis does not answer: cut the connections
		<-fetched
	}
	handled := wait(&handling)
	if ended(handled, max(r.config.drainTimeout, 10*time.Millisecond)) {
		return nil
	}
	cancel(ErrDrainTimeout)
	ended(handled, cancelGrace)
	return fmt.Errorf("Run: %w", ErrDrainTimeout)
}

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

// deliver decodes a message and hands it to the listeners. Whatever goes wrong
// is logged, without anything of the payload.
func (r *Receiver) deliver(ctx context.Context, queue string, raw []byte) {
	log := r.config.logger.With("queue", queue)
	limits := wire.Limits{ReceiveBytes: r.config.maxBytes}
	env, err := decodeFitting(raw, limits, r.config.schemas)
	if err != nil {
		attrs := []any{"verdict", string(wire.Malformed), "bytes", len(raw), "error", err}
		var malformed *MalformedError
		// A message that is too long is not looked at any further.
		if errors.As(err, &malformed) && malformed.Finding.Requirement != wire.ReqReceiveSize {
			attrs = append(attrs, "legacy", string(wire.InspectFrom(queue, raw, limits).Legacy))
		}
		log.ErrorContext(ctx, "a message was passed over that can be delivered to nobody", attrs...)
		return
	}
	log = log.With("event", brief(env.EventName), "id", brief(env.Metadata.Attributes[wire.AttributeID]))
	returned := false
	defer func() {
		if !returned { // nor panicked, which protect turns into an error
			log.ErrorContext(ctx, "a listener ended its goroutine, by runtime.Goexit or a test's FailNow")
		}
	}()
	err = protect(r.handle)(ctx, &Delivery{Queue: queue, Raw: raw, Envelope: env})
	returned = true
	if err != nil {
		attrs := []any{"error", err}
		if panicked, ok := errors.AsType[*PanicError](err); ok {
			attrs = append(attrs, "stack", string(panicked.Stack))
		}
		log.ErrorContext(ctx, "a listener failed", attrs...)
	}
}
