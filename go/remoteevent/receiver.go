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
	handle Handler  // the dispatch, with its middleware
	silent sync.Map // event names to which nobody listens, once they are logged

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
		option.applyToReceiver(&config)
	}
	if err := config.validate(); err != nil {
		return nil, err
	}
	r := &Receiver{client: client, config: config, listeners: map[string][]Handler{}}
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
// nothing is under way. Where the drain timeout passes first, it cancels the
// listeners' contexts and returns [ErrDrainTimeout], if need be before they do.
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

	var all sync.WaitGroup
	for _, queue := range queues {
		c := consumer{
			queue: queue, client: client, log: r.config.logger.With("queue", queue),
			slots: make(chan struct{}, r.config.concurrency), deliver: r.deliver,
		}
		all.Go(func() { c.run(ctx, work) })
	}
	drained := make(chan struct{})
	go func() { all.Wait(); close(drained) }()

	<-ctx.Done()
	select {
	case <-drained:
		return nil
	case <-time.After(r.config.drainTimeout):
	}
	cancel(ErrDrainTimeout)
	select {
	case <-drained:
	case <-time.After(cancelGrace):
	}
	return fmt.Errorf("Run: %w", ErrDrainTimeout)
}

// cancelGrace is how long listeners have to return after their contexts were
// cancelled, before Run returns without them.
const cancelGrace = 2 * time.Second

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
	log := r.config.logger
	limits := wire.Limits{ReceiveBytes: r.config.maxBytes}
	env, err := wire.Decode(raw, limits)
	if err != nil {
		judged := wire.InspectFrom(queue, raw, limits)
		log.ErrorContext(ctx, "a message was passed over that can be delivered to nobody", "queue", queue,
			"verdict", string(judged.Verdict), "legacy", string(judged.Legacy), "bytes", len(raw), "error", err)
		return
	}
	if err := protect(r.handle)(ctx, &Delivery{Queue: queue, Raw: raw, Envelope: env}); err != nil {
		attrs := []any{"queue", queue, "event", env.EventName, "id", env.Metadata.Attributes[wire.AttributeID], "error", err}
		if panicked, ok := errors.AsType[*PanicError](err); ok {
			attrs = append(attrs, "stack", string(panicked.Stack))
		}
		log.ErrorContext(ctx, "a listener failed", attrs...)
	}
}
