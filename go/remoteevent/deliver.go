package remoteevent

import (
	"context"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/wire"
)

// received is a delivery with the context of its handlers, in one allocation.
type received struct {
	context  deliveryContext
	delivery Delivery
}

// deliver decodes a message, checks it and passes it to the handler, unless it is a
// repetition of an acknowledged event. It does not panic; runtime.Goexit in user code
// passes through it.
//
// came reports whether an event with an id was acknowledged before; it is nil where that
// is not remembered. If came cannot find out, the event is released.
func (r *Receiver) deliver(ctx context.Context, queue string, m *message, came func(id string) (repeated, known bool)) (o outcome) {
	limits := wire.Limits{ReceiveBytes: r.config.maxBytes}
	scanned, err := wire.Scan(m.raw, limits)
	if err == nil {
		err = checkReceived(r.config.schemas, &scanned)
	}
	if malformed, ok := err.(*MalformedError); ok { //nolint:errorlint // deliver alone decides
		return malformedOutcome(queue, m, malformed, limits)
	}
	d := &received{delivery: Delivery{
		Queue: queue, Raw: m.raw, ID: m.ID, Attempt: m.attempt, FirstSeen: m.begun, Shutdown: r.shutdown,
		message: scanned, logger: r.config.logger,
	}}
	d.context = deliveryContext{ctx, &d.delivery}
	if m.ID != "" {
		d.delivery.FirstSeen = lease.FirstSeen(m.ID)
	}
	o.delivery = &d.delivery
	if err == nil && came != nil {
		repeated, known := came(o.id())
		if !known {
			o.failure = &failure{released: true}
			return o
		}
		if o.repeated = repeated; repeated {
			return o
		}
	}
	if err == nil {
		m.delivery.Store(o.delivery)
		err = r.dispatch(&d.context, o.delivery)
	}
	if err != nil {
		o.failure = failureOf(err)
	}
	return o
}

// malformedOutcome is the outcome of a message that cannot be delivered.
func malformedOutcome(queue string, m *message, err *MalformedError, limits wire.Limits) outcome {
	o := outcome{malformed: true, failure: malformedFailure(err)}
	if err.Finding.Requirement != wire.ReqReceiveSize { // a message that is too long is not inspected
		o.legacy = string(wire.InspectFrom(queue, m.raw, limits).Legacy)
	}
	return o
}
