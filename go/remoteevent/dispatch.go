package remoteevent

import (
	"context"
	"strings"
	"time"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/wire"
)

// outcome is what handling a message came to. It is plain data: nothing of it is
// code of the user.
type outcome struct {
	failure   *failure  // nil where the message was handled
	delivery  *Delivery // nil where the message is malformed
	malformed bool      // it cannot be delivered, and no listener was called
	legacy    string    // what an original does with a malformed message
	repeated  bool      // it was acknowledged before, and so not handled again
}

// endedOutcome is what handling comes to where a listener never returns.
var endedOutcome = outcome{failure: &failure{
	text: "a listener ended its goroutine, by runtime.Goexit or a test's FailNow", code: lease.Failed,
}}

// ok reports whether the message is handled: it is acknowledged.
func (o *outcome) ok() bool { return o.failure == nil }

// released reports whether the listener returned ErrGiveBack.
func (o *outcome) released() bool { return o.failure != nil && o.failure.released }

// permanent reports whether another attempt would fail as well.
func (o *outcome) permanent() bool { return o.failure != nil && o.failure.permanent }

// id returns the event's attribute id, or "".
func (o *outcome) id() string {
	if o.delivery == nil {
		return ""
	}
	return o.delivery.Attribute(wire.AttributeID)
}

// reason is what is stored with a message that failed.
func (o *outcome) reason() string { return o.failure.reason() }

// deliver decodes a message and hands it to the listeners, unless it came before.
// It does not panic; runtime.Goexit in code of the user passes through it. An event of
// which came does not know whether it did is released.
func (r *Receiver) deliver(ctx context.Context, queue string, m *message, came func(id string) (repeated, known bool)) (o outcome) {
	limits := wire.Limits{ReceiveBytes: r.config.maxBytes}
	scanned, err := wire.Scan(m.raw, limits)
	if err == nil {
		err = checkReceived(r.config.schemas, &scanned)
	}
	if malformed, ok := err.(*MalformedError); ok { //nolint:errorlint // deliver alone decides
		o.malformed, o.failure = true, malformedFailure(malformed)
		// A message that is too long is not looked at any further.
		if malformed.Finding.Requirement != wire.ReqReceiveSize {
			o.legacy = string(wire.InspectFrom(queue, m.raw, limits).Legacy)
		}
		return o
	}
	dc := &deliveryContext{
		Context:  ctx,
		delivery: Delivery{Queue: queue, Raw: m.raw, ID: m.ID, Attempt: m.attempt, FirstSeen: m.begun, message: scanned},
	}
	o.delivery = &dc.delivery
	if m.ID != "" {
		o.delivery.FirstSeen = lease.FirstSeen(m.ID)
	}
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
		err = r.handle(dc, o.delivery)
	}
	if err != nil {
		o.failure = failureOf(err)
	}
	return o
}

// logLoss logs a message that was not handled and is gone.
func (r *Receiver) logLoss(ctx context.Context, queue string, m *message, o outcome) {
	text := "a listener failed"
	if o.malformed {
		text = "a message was passed over that can be delivered to nobody"
	}
	r.config.logger.ErrorContext(ctx, text, o.attrs(queue, m)...)
}

// logDeath logs a message that has become a dead letter.
func (r *Receiver) logDeath(ctx context.Context, queue string, m *message, o outcome) {
	text := "a listener failed; the event is a dead letter now"
	if o.malformed {
		text = "a message that can be delivered to nobody is a dead letter now"
	}
	r.config.logger.ErrorContext(ctx, text, o.attrs(queue, m)...)
}

// logRetry logs an event that will be tried again.
func (r *Receiver) logRetry(ctx context.Context, queue string, m *message, o outcome, delay time.Duration) {
	r.config.logger.WarnContext(ctx, "a listener failed; the event will be tried again", append(o.attrs(queue, m), "retry_in", delay)...)
}

// attrs says of what and why, with nothing of the payload.
func (o *outcome) attrs(queue string, m *message) []any {
	attrs := []any{"queue", brief(queue)}
	if o.malformed {
		attrs = append(attrs, "verdict", string(wire.Malformed), "bytes", len(m.raw))
		if o.legacy != "" {
			attrs = append(attrs, "legacy", o.legacy)
		}
	} else {
		attrs = append(attrs, "event", brief(o.delivery.EventName()), "id", brief(o.id()))
	}
	if m.ID != "" {
		attrs = append(attrs, "delivery", m.ID, "attempt", m.attempt)
	}
	if len(o.failure.listeners) > 0 {
		attrs = append(attrs, "listener", strings.Join(o.failure.listeners, " "))
	}
	attrs = append(attrs, "error", o.failure.text)
	if o.failure.stack != "" {
		attrs = append(attrs, "stack", o.failure.stack)
	}
	return attrs
}
