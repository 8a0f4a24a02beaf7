package remoteevent

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/wire"
)

// outcome is what came of handling a message.
type outcome struct {
	err      error  // nil where all went well
	event    string // its name and its attribute id, where it could be decoded
	id       string
	legacy   string // what an original does with a message that nobody can decode
	repeated bool   // it was acknowledged before, and so not handled again
}

// deliver decodes a message and hands it to the listeners, unless it came before.
func (r *Receiver) deliver(ctx context.Context, queue string, m *message, came func(ctx context.Context, id string) (bool, error)) (o outcome) {
	limits := wire.Limits{ReceiveBytes: r.config.maxBytes}
	env, err := decodeFitting(m.raw, limits, r.config.schemas)
	if err != nil {
		o.err = &permanentError{err}
		var malformed *MalformedError
		// A message that is too long is not looked at any further.
		if errors.As(err, &malformed) && malformed.Finding.Requirement != wire.ReqReceiveSize {
			o.legacy = string(wire.InspectFrom(queue, m.raw, limits).Legacy)
		}
		return o
	}
	o.event, o.id = env.EventName, env.Metadata.Attributes[wire.AttributeID]
	if came != nil {
		if o.repeated, o.err = came(ctx, o.id); o.repeated || o.err != nil {
			return o
		}
	}
	delivery := &Delivery{Queue: queue, Raw: m.raw, Envelope: env, ID: m.ID, Attempt: m.attempt, FirstSeen: time.Now()}
	if m.ID != "" {
		delivery.FirstSeen = lease.FirstSeen(m.ID)
	}
	o.err = protect(r.handle)(&deliveryContext{ctx, delivery}, delivery)
	return o
}

// logLoss logs a message that was not handled and is gone.
func (r *Receiver) logLoss(ctx context.Context, queue string, m *message, o outcome) {
	text := "a listener failed"
	if o.malformed() {
		text = "a message was passed over that can be delivered to nobody"
	}
	r.config.logger.ErrorContext(ctx, text, o.attrs(queue, m)...)
}

// logDeath logs a message that has become a dead letter.
func (r *Receiver) logDeath(ctx context.Context, queue string, m *message, o outcome) {
	text := "a listener failed; the event is a dead letter now"
	if o.malformed() {
		text = "a message that can be delivered to nobody is a dead letter now"
	}
	r.config.logger.ErrorContext(ctx, text, o.attrs(queue, m)...)
}

// logRetry logs an event that will be tried again.
func (r *Receiver) logRetry(ctx context.Context, queue string, m *message, o outcome, delay time.Duration) {
	r.config.logger.WarnContext(ctx, "a listener failed; the event will be tried again", append(o.attrs(queue, m), "retry_in", delay)...)
}

func (o *outcome) malformed() bool {
	_, ok := errors.AsType[*MalformedError](o.err)
	return ok
}

// attrs says of what and why, with nothing of the payload.
func (o *outcome) attrs(queue string, m *message) []any {
	attrs := []any{"queue", brief(queue)}
	if o.malformed() {
		attrs = append(attrs, "verdict", string(wire.Malformed), "bytes", len(m.raw))
		if o.legacy != "" {
			attrs = append(attrs, "legacy", o.legacy)
		}
	} else {
		attrs = append(attrs, "event", brief(o.event), "id", brief(o.id))
	}
	if m.ID != "" {
		attrs = append(attrs, "delivery", m.ID, "attempt", m.attempt)
	}
	if names := failedListeners(o.err); len(names) > 0 {
		attrs = append(attrs, "listener", strings.Join(names, " "))
	}
	attrs = append(attrs, "error", o.err)
	if panicked, ok := errors.AsType[*PanicError](o.err); ok {
		attrs = append(attrs, "stack", string(panicked.Stack))
	}
	return attrs
}
