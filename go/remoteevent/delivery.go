package remoteevent

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"github.com/remote-events/remote-events/go/wire"
)

// Delivery is one attempt at handling a received event. It decodes the message
// lazily: a handler pays only for the parts that it reads. A delivery is safe for
// concurrent reading.
//
// A [Receiver] makes deliveries from messages, and tests make them with
// [NewDelivery]. The zero Delivery has no event name and no payload.
type Delivery struct {
	// Queue is the list that held the message. It may differ from the event's name.
	Queue string
	// Raw is the message as it was stored in Redis, byte for byte.
	Raw []byte
	// ID identifies the message in its queue and is the same for each attempt. It
	// is empty with WithAtMostOnce.
	ID string
	// Attempt counts the deliveries of the message from 1, those that a crash cut short
	// included. It may therefore exceed the number of WithMaxAttempts.
	Attempt int
	// MaxAttempts is the number of attempts that the receiver permits, by WithMaxAttempts. It
	// is 1 with WithAtMostOnce, and 0 where no receiver made the delivery. See LastAttempt.
	MaxAttempts int
	// FirstSeen is the time at which a receiver first took the message: by Redis'
	// clock, to the millisecond; with WithAtMostOnce, by the clock of this process.
	FirstSeen time.Time
	// Shutdown is closed when the receiver's shutdown begins. A handler that runs
	// for a long time can then stop early and return ErrRelease or an error; its context is
	// cancelled only after the shutdown timeout. Shutdown is nil, and so never
	// ready, where no receiver made the delivery.
	Shutdown <-chan struct{}

	message wire.Message
	pardons int          // attempts that do not count
	logger  *slog.Logger // the receiver's; nil where no receiver made the delivery
}

// NewDelivery returns the first attempt at handling a raw message from the queue,
// with FirstSeen set to now. Together with [Mux.Dispatch] it tests listeners and
// middleware without Redis. Set the other fields before the delivery is used.
//
// The delivery keeps raw, which must not be changed. NewDelivery returns a
// *[MalformedError] for a message that no receiver delivers. [wire.Encode] makes raw
// messages from envelopes.
func NewDelivery(queue string, raw []byte) (*Delivery, error) {
	message, err := wire.Scan(raw, wire.Limits{})
	if err != nil {
		return nil, fmt.Errorf("NewDelivery: queue %q: %w", truncateName(queue), err)
	}
	return &Delivery{Queue: queue, Raw: raw, Attempt: 1, FirstSeen: time.Now(), message: message}, nil
}

// LastAttempt reports whether the event is not retried if this attempt fails: it then
// becomes a dead letter or, with [WithAtMostOnce], is dropped. A released event is
// delivered again in any case. LastAttempt compares Attempt, without the attempts that
// a crash cut short, with MaxAttempts. It returns false where no receiver made the delivery,
// unless a test has set MaxAttempts.
func (d *Delivery) LastAttempt() bool {
	return d != nil && d.MaxAttempts > 0 && d.Attempt-d.pardons >= d.MaxAttempts
}

// EventName returns the event's name. It does not depend on the queue of the message.
func (d *Delivery) EventName() string { return d.scanned().EventName() }

// Payload returns the payload as it is written in Raw. Handlers must not change it.
func (d *Delivery) Payload() json.RawMessage { return d.scanned().Payload() }

// Signals returns the signals of the message in their order, with repetitions.
func (d *Delivery) Signals() iter.Seq[string] { return d.scanned().Signals() }

// Attribute returns the value of an attribute of the metadata, such as "id", or
// "" if the message does not have it.
func (d *Delivery) Attribute(name string) string {
	value, _ := d.scanned().Attribute(name)
	return value
}

// Envelope returns the event as an envelope, for [Sender.Forward]. The envelope
// shares Payload with the delivery; each call decodes the rest again.
func (d *Delivery) Envelope() wire.Envelope { return d.scanned().Envelope() }

// scanned returns the message, which is the zero Message for a nil delivery.
func (d *Delivery) scanned() *wire.Message {
	if d == nil {
		return &wire.Message{}
	}
	return &d.message
}

// Key returns a key by which a handler recognizes an event that it has already
// handled: the attribute id, which stays the same when the event is sent again, or
// the ID of the delivery for an event without one. It is empty if there is neither.
func (d *Delivery) Key() string {
	if d == nil {
		return ""
	}
	if id := d.Attribute(wire.AttributeID); id != "" {
		return id
	}
	return d.ID
}

// DeliveryOf returns the delivery that a handler's context belongs to. Listeners of
// [Handle] and [Listen], which get only the event, read the attempt, the queue and
// [Delivery.Key] from it. For a context that belongs to no delivery, and for nil, it
// returns a zero Delivery and never nil.
func DeliveryOf(ctx context.Context) *Delivery {
	if d := deliveryIn(ctx); d != nil {
		return d
	}
	return new(Delivery)
}

// deliveryContext is the context of a delivery's handlers, hooks and log messages.
type deliveryContext struct {
	context.Context //nolint:containedctx // it is one

	delivery *Delivery
	values   context.Context //nolint:containedctx // the values of hooks, which replace those of Context; nil without hooks
}

// observers returns the context of hooks and log messages, which outlives the context of the
// handler.
func (c *deliveryContext) observers(work context.Context) context.Context {
	return &deliveryContext{work, c.delivery, c.values}
}

type deliveryKey struct{}

func (c *deliveryContext) Value(key any) any {
	if key == (deliveryKey{}) {
		return c.delivery
	}
	if c.values != nil {
		return c.values.Value(key)
	}
	return c.Context.Value(key)
}

// deliveryIn returns the delivery that a context belongs to, or nil.
func deliveryIn(ctx context.Context) *Delivery {
	if ctx == nil {
		return nil
	}
	delivery, _ := ctx.Value(deliveryKey{}).(*Delivery)
	return delivery
}
