package remoteeventtest

import (
	"context"
	"testing"
	"time"

	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/wire"
)

// DeliverOption sets a property of the delivery that [Deliver] makes.
type DeliverOption func(*deliverConfig)

type deliverConfig struct {
	ctx        context.Context //nolint:containedctx // the context of one call
	queue      string
	id         string
	attempt    int
	max        int
	firstSeen  time.Time
	shutdown   <-chan struct{}
	attributes map[string]string
}

// WithContext sets the context of the listeners. The default is the context of the test.
func WithContext(ctx context.Context) DeliverOption {
	return func(c *deliverConfig) { c.ctx = ctx }
}

// WithQueue sets the queue that held the event. By default it is the event's name.
func WithQueue(name string) DeliverOption {
	return func(c *deliverConfig) { c.queue = name }
}

// WithID sets the ID of the delivery. By default it is the attribute id of the event,
// which is a new UUID.
func WithID(id string) DeliverOption {
	return func(c *deliverConfig) { c.id = id }
}

// WithAttempt sets the number of the attempt. It is 1 by default. The test fails if
// n is less than 1.
func WithAttempt(n int) DeliverOption {
	return func(c *deliverConfig) { c.attempt = n }
}

// WithMaxAttempts sets the number of attempts that the receiver permits, for
// [remoteevent.Delivery.LastAttempt]. By default it is 25, as for a receiver. The test
// fails if n is less than 1.
func WithMaxAttempts(n int) DeliverOption {
	return func(c *deliverConfig) { c.max = n }
}

// WithFirstSeen sets the time at which a receiver first took the event. It is now by
// default.
func WithFirstSeen(at time.Time) DeliverOption {
	return func(c *deliverConfig) { c.firstSeen = at }
}

// WithShutdown sets the channel that the receiver closes when its shutdown begins. By
// default it is nil, and the shutdown never begins.
func WithShutdown(begun <-chan struct{}) DeliverOption {
	return func(c *deliverConfig) { c.shutdown = begun }
}

// WithAttribute sets an attribute of the event's metadata, such as "traceparent". By
// default an event has the attributes id and time.
func WithAttribute(name, value string) DeliverOption {
	return func(c *deliverConfig) { c.attributes[name] = value }
}

// Deliver passes an event to a handler, usually a [remoteevent.Mux], as a receiver
// does after taking it from Redis, and returns the handler's error. The event is
// written as a message and read again, so listeners get the same values as from Redis. The
// listeners run in the calling goroutine, and no Redis is needed.
//
// A receiver retries the event after an error and moves it to the dead letters after a
// [remoteevent.Permanent] one; Deliver does neither. The test fails if the event
// cannot be sent.
func Deliver(t testing.TB, handler remoteevent.Handler, event remoteevent.Event, options ...DeliverOption) error {
	t.Helper()
	config := deliverConfig{ctx: t.Context(), attempt: 1, max: 25, attributes: map[string]string{}}
	for _, option := range options {
		option(&config)
	}
	if config.attempt < 1 {
		t.Fatalf("Deliver: WithAttempt(%d): attempts count from 1", config.attempt)
	}
	if config.max < 1 {
		t.Fatalf("Deliver: WithMaxAttempts(%d): there is at least one attempt", config.max)
	}
	envelope, err := remoteevent.NewEnvelope(event)
	if err != nil {
		t.Fatalf("Deliver: %v", err)
	}
	envelope.Metadata.Attributes = config.attributes
	envelope = remoteevent.Stamp(envelope)
	message, _, err := wire.Encode(envelope, wire.Limits{})
	if err != nil {
		t.Fatalf("Deliver: %v", err)
	}
	if config.queue == "" {
		config.queue = envelope.EventName
	}
	delivery, err := remoteevent.NewDelivery(config.queue, message)
	if err != nil {
		t.Fatalf("Deliver: %v", err)
	}
	delivery.MaxAttempts = config.max
	delivery.Attempt, delivery.ID, delivery.Shutdown = config.attempt, config.id, config.shutdown
	if delivery.ID == "" {
		delivery.ID = envelope.Metadata.Attributes[wire.AttributeID]
	}
	if !config.firstSeen.IsZero() {
		delivery.FirstSeen = config.firstSeen
	}
	return handler.Dispatch(config.ctx, delivery)
}
