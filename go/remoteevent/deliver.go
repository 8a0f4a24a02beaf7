package remoteevent

import (
	"context"
	"time"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/wire"
)

// received is a delivery with the context of its handlers, in one allocation.
type received struct {
	context  deliveryContext
	delivery Delivery
}

// deliver decodes a message, checks it and passes it to the handler, unless it is a
// repetition of an acknowledged event. It does not panic. runtime.Goexit in user code
// passes through it: the outcome then has the results up to that point.
//
// came reports whether an event with an id was acknowledged before; it is nil if the receiver
// does not remember events. If came returns an error, the event is released.
func (c *consumer) deliver(ctx context.Context, m *message, came func(id string) (repeated bool, err error), o *outcome) {
	r := c.receiver
	limits := wire.Limits{ReceiveBytes: r.config.maxBytes}
	scanned, err := wire.Scan(m.raw, limits)
	if malformed, ok := err.(*MalformedError); ok { //nolint:errorlint // it is the very one
		o.malformed, o.failure = true, malformedFailure(malformed)
		if malformed.Finding.Requirement != wire.ReqReceiveSize { // a message that is too long is not inspected
			o.legacy = string(wire.InspectFrom(c.queue, m.raw, limits).Legacy)
		}
		return
	}
	d := &received{delivery: Delivery{
		Queue: c.queue, Raw: m.raw, ID: m.ID, Attempt: m.attempt, MaxAttempts: c.config.attempts(), FirstSeen: m.begun, Shutdown: r.shutdown,
		message: scanned, pardons: m.pardons, logger: r.config.logger,
	}}
	d.context = deliveryContext{Context: ctx, delivery: &d.delivery}
	if m.ID != "" {
		d.delivery.FirstSeen = lease.FirstSeen(m.ID)
	}
	o.delivery = &d.delivery
	o.context = r.observeDelivering(&d.context)
	if r.config.schemas != nil {
		o.failure = endedBySchema
		err = checkReceived(r.config.schemas, &d.delivery.message)
		if malformed, ok := err.(*MalformedError); ok { //nolint:errorlint // it is the very one
			o.malformed, o.failure = true, malformedFailure(malformed)
			o.legacy = string(wire.InspectFrom(c.queue, m.raw, limits).Legacy)
			return
		}
		if err != nil {
			o.failure = failureOf(err)
			return
		}
	}
	if came != nil {
		repeated, err := came(o.id())
		if err != nil {
			o.failure = releasedFailure(err)
			return
		}
		if repeated {
			o.repeated, o.failure = true, nil
			return
		}
	}
	o.called = m.begun
	if r.hooks.handled != nil {
		o.called = time.Now()
	}
	o.failure = endedByListener
	m.context.Store(o.context)
	err = r.dispatch(o.context, o.delivery)
	if err == nil {
		o.failure = nil
	} else {
		o.failure = failureOf(err)
	}
}
