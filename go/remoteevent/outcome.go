package remoteevent

import (
	"context"
	"strings"
	"time"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/wire"
)

// outcome is the result of delivering a message. It is plain data and calls no user
// code.
type outcome struct {
	failure   *failure         // nil if the message was handled
	delivery  *Delivery        // nil if the message could not be decoded
	context   *deliveryContext // of the handler; nil if the message could not be decoded
	called    time.Time        // when the handler was called, or zero
	malformed bool             // the message is malformed or violates its schema
	legacy    string           // the legacy verdict of a malformed message
	repeated  bool             // the event was acknowledged before, and not handled again
}

// The failures if user code ends the goroutine.
var (
	endedByListener = &failure{text: "a listener ended its goroutine, by runtime.Goexit or a test's FailNow", code: lease.Failed}
	endedBySchema   = &failure{text: "the check of the payload schemas ended its goroutine, by runtime.Goexit or a test's FailNow", code: lease.Failed}
)

// ok reports whether the message is to be acknowledged.
func (o *outcome) ok() bool { return o.failure == nil }

// released reports whether the message is to be released.
func (o *outcome) released() bool { return o.failure != nil && o.failure.released }

// permanent reports whether another attempt would fail as well.
func (o *outcome) permanent() bool { return o.failure != nil && o.failure.permanent }

// delay returns the delay before the next attempt: a listener's, or the backoff.
func (o *outcome) delay(backoff time.Duration) time.Duration {
	if o.failure.delay != nil {
		return *o.failure.delay
	}
	return backoff
}

// observers returns the context of the hooks and log messages about the attempt.
func (o *outcome) observers(work context.Context) context.Context {
	if o.context == nil {
		return work
	}
	return o.context.observers(work)
}

// id returns the event's attribute id, or "".
func (o *outcome) id() string {
	if o.delivery == nil {
		return ""
	}
	return o.delivery.Attribute(wire.AttributeID)
}

// reason returns the text that is stored with a failed message.
func (o *outcome) reason() string { return o.failure.reason() }

// outcomeTexts are the log messages for a failed message.
type outcomeTexts struct{ retried, dead, dropped string }

// texts returns the log messages. They name what failed.
func (o *outcome) texts() outcomeTexts {
	switch {
	case o.malformed: // never retried
		return outcomeTexts{dead: "malformed message moved to dead letters", dropped: "malformed message dropped"}
	case o.failure.code == lease.Schema: // never retried
		return outcomeTexts{dead: "payload does not fit event type; event moved to dead letters", dropped: "payload does not fit event type; event dropped"}
	case o.called.IsZero():
		return outcomeTexts{
			retried: "schema check failed; event will be retried",
			dead:    "schema check failed; event moved to dead letters", dropped: "schema check failed; event dropped",
		}
	}
	return outcomeTexts{
		retried: "listener failed; event will be retried",
		dead:    "listener failed; event moved to dead letters", dropped: "listener failed; event dropped",
	}
}

// logLoss logs a failed message that is dropped.
func (r *Receiver) logLoss(ctx context.Context, queue string, m *message, o outcome) {
	r.config.logger.ErrorContext(ctx, o.texts().dropped, o.attrs(queue, m)...)
}

// logDeath logs a message that becomes a dead letter.
func (r *Receiver) logDeath(ctx context.Context, queue string, m *message, o outcome) {
	r.config.logger.ErrorContext(ctx, o.texts().dead, o.attrs(queue, m)...)
}

// logRetry logs an event that is retried after the delay.
func (r *Receiver) logRetry(ctx context.Context, queue string, m *message, o outcome, delay time.Duration) {
	r.config.logger.WarnContext(ctx, o.texts().retried, append(o.attrs(queue, m), "retry_in", delay)...)
}

// attrs returns the attributes of a failed message for the log, without its payload.
func (o *outcome) attrs(queue string, m *message) []any {
	attrs := []any{"queue", truncateName(queue)}
	if o.malformed {
		attrs = append(attrs, "verdict", string(wire.Malformed), "bytes", len(m.raw))
		if o.legacy != "" {
			attrs = append(attrs, "legacy", o.legacy)
		}
	}
	if o.delivery != nil {
		attrs = append(attrs, "event", truncateName(o.delivery.EventName()), "id", truncateName(o.id()))
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
