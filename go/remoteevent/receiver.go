package remoteevent

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/internal/nilcheck"
)

// Receiver takes events from queues and passes them to a [Handler], usually a [Mux].
// [Receiver.Run] runs it, once.
type Receiver struct {
	client   redis.UniversalClient
	config   receiverConfig
	handler  Handler
	dispatch HandlerFunc // the handler's method, guarded
	hooks    *hooks

	impatience *impatience

	state    atomic.Int32            // a State
	running  atomic.Pointer[running] // set when the queues are consumed
	shutdown <-chan struct{}         // closed when the shutdown begins; set by run
	queues   []string                // in the order in which they were named
	configs  map[string]*queueConfig
}

// NewReceiver returns a receiver that passes events to the handler. It consumes the
// queues that the handler names, as a [Mux] does for the events of [Handle], and those
// of [WithQueues] and [WithQueue]. A queue that is named several times counts once
// (RECV-7).
//
// NewReceiver does not connect. It returns an error for a client or a handler that
// is nil, for options that are out of bounds or contradict each other, and for names
// that no queue can have. The client stays the caller's to close.
//
// Run opens at most 8 connections to each server, regardless of the number of queues. It
// makes them from the client's options, so it does not use the client's
// pool, and the client's hooks do not see its commands; see [WithRedisHooks]. The client is a
// *[redis.Client], which may be one of Sentinel, a *[redis.ClusterClient] or a
// *[redis.Ring]; NewReceiver returns an error for another type.
//
// Passwords and certificates may change while it runs. Each new connection asks the client's
// provider of credentials, for up to 15 seconds, and connections live no longer than its
// ConnMaxLifetime, those with a streaming provider at most a minute. A connection that Redis
// closes loses no event, except with [WithAtMostOnce].
func NewReceiver(client redis.UniversalClient, handler Handler, options ...ReceiverOption) (*Receiver, error) {
	r, err := newReceiver(client, handler, options)
	if err != nil {
		return nil, fmt.Errorf("NewReceiver: %w", err)
	}
	return r, nil
}

func newReceiver(client redis.UniversalClient, handler Handler, options []ReceiverOption) (*Receiver, error) {
	if err := nilcheck.Client(client); err != nil {
		return nil, err
	}
	if err := checkClient(client); err != nil {
		return nil, err
	}
	if f, ok := handler.(HandlerFunc); handler == nil || nilcheck.IsPointer(handler) || ok && f == nil {
		return nil, errors.New("the handler is nil")
	}
	config := receiverConfig{queueConfig: defaultQueueConfig(), shutdownTimeout: 10 * time.Second, logger: slog.Default()}
	for _, option := range options {
		if option == nil {
			return nil, errors.New("an option is nil")
		}
		option.applyToReceiver(&config)
	}
	if err := config.validate(); err != nil {
		return nil, err
	}
	impatience := &impatience{expired: make(chan struct{})}
	config.logger = containedLogger(config.logger, impatience)
	hooks, err := newHooks(config.hooks, config.logger, impatience)
	if err != nil {
		return nil, err
	}
	r := &Receiver{
		client: client, config: config, handler: handler, dispatch: guard(handler.Dispatch), hooks: hooks,
		impatience: impatience, configs: map[string]*queueConfig{},
	}
	if config.weighted && config.totalConcurrency == 0 {
		return nil, errWeight
	}
	if err := r.addHandled(); err != nil {
		return nil, err
	}
	for _, q := range config.queues {
		if err := r.addQueue(q.name, q.options...); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// addHandled adds the queues that the handler names, if they are new.
func (r *Receiver) addHandled() error {
	handler, ok := r.handler.(interface{ Queues() []string })
	if !ok {
		return nil
	}
	var names []string
	if panicked := contain(func() { names = handler.Queues() }); panicked != nil {
		panicked.in = "the handler's method Queues"
		return panicked
	}
	for _, name := range names {
		if err := r.addQueue(name); err != nil {
			return err
		}
	}
	return nil
}

// addQueue adds a queue with options of its own, on top of the receiver's. A queue may be
// added several times, with the same options or with none.
func (r *Receiver) addQueue(name string, options ...QueueOption) error {
	if err := lease.Check(name); err != nil {
		return err
	}
	known := r.configs[name]
	if known != nil && len(options) == 0 {
		return nil
	}
	config := r.config.inherited()
	for _, option := range options {
		if option == nil {
			return fmt.Errorf("queue %q: an option is nil", name)
		}
		option.applyToQueue(&config)
		config.own = true
	}
	if known != nil && known.own && *known != config {
		return fmt.Errorf("queue %q: two of WithQueue have different options", name)
	}
	if err := config.validate(); err != nil {
		return fmt.Errorf("queue %q: %w", name, err)
	}
	if config.weighted && r.config.totalConcurrency == 0 {
		return fmt.Errorf("queue %q: %w", name, errWeight)
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
