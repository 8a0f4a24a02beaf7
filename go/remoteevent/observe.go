package remoteevent

import (
	"context"
	"slices"
	"time"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/internal/nilcheck"
	"github.com/remote-events/remote-events/go/internal/redaction"
	"github.com/remote-events/remote-events/go/wire"
)

// observeSent calls the hooks for events that have an outcome.
func (s *Sender) observeSent(ctx context.Context, infos ...SentInfo) {
	infos = slices.DeleteFunc(infos, func(info SentInfo) bool { return info.Bytes == 0 }) // rejected before
	for i := range infos {
		infos[i].Err = redactedError(infos[i].Err)
	}
	s.hooks.sent.observe(ctx, s.hooks, infos...)
}

// observeRejected calls the hooks for an event that is rejected.
func (s *Sender) observeRejected(ctx context.Context, name string, err error) {
	if s.hooks.rejected != nil {
		s.hooks.rejected.observe(ctx, s.hooks, RejectedInfo{Event: name, Err: redactedError(err)})
	}
}

// observeRejectedEvent calls the hooks for an event that was rejected before it was encoded.
func (s *Sender) observeRejectedEvent(ctx context.Context, event Event, err error) {
	if s.hooks.rejected != nil {
		name, _ := nameFrom(event)
		s.observeRejected(ctx, name, err)
	}
}

// observeReceived calls the hooks for messages that were taken.
func (f *feeder) observeReceived(messages []*message) {
	h := f.running.receiver.hooks
	if h.received == nil {
		return
	}
	infos := make([]ReceivedInfo, len(messages))
	for i, m := range messages {
		infos[i] = ReceivedInfo{Queue: f.queue, Delivery: m.ID, Bytes: len(m.raw), Attempt: m.attempt}
	}
	h.received.observe(f.running.work, h, infos...)
}

// deliveringCall is the argument of one call of OnDelivering, and its result.
type deliveringCall struct {
	delivery *Delivery
	derived  chan context.Context // has room for one
}

// observeDelivering calls the hooks before a delivery is handled, and returns the context
// of its handler.
func (r *Receiver) observeDelivering(base *deliveryContext) *deliveryContext {
	if r.hooks.delivering == nil {
		return base
	}
	handling := base
	for i := range r.hooks.delivering {
		call := &deliveringCall{base.delivery, make(chan context.Context, 1)}
		r.hooks.delivering[i:i+1].observe(handling, r.hooks, call)
		select {
		case derived := <-call.derived:
			if derived != nil && !nilcheck.IsPointer(derived) {
				handling = &deliveryContext{base.Context, base.delivery, derived}
			}
		default: // it panicked or hangs
		}
	}
	return handling
}

// observeReleased calls the hooks for messages that are released to other receivers without
// having been started.
func (f *feeder) observeReleased(messages []*message, why error) {
	f.observeUnhandled(messages, Released, why)
}

// observeUnhandled calls the hooks for the messages that were not started.
func (f *feeder) observeUnhandled(messages []*message, disposition Disposition, why error) {
	h := f.running.receiver.hooks
	if h.handled == nil {
		return
	}
	var infos []HandledInfo
	for _, m := range messages {
		if !m.begun.IsZero() {
			continue
		}
		info := HandledInfo{Queue: f.queue, Delivery: m.ID, Attempt: m.attempt, Disposition: disposition, Err: redactedError(why)}
		if scanned, err := wire.Scan(m.raw, wire.Limits{ReceiveBytes: f.running.receiver.config.maxBytes}); err == nil {
			info.Event = scanned.EventName()
			info.ID, _ = scanned.Attribute(wire.AttributeID)
		}
		infos = append(infos, info)
	}
	h.handled.observe(f.running.work, h, infos...)
}

// observeDied calls the hooks for messages that became dead letters in a claim.
func (f *feeder) observeDied(died []lease.Death) {
	h := f.running.receiver.hooks
	if h.handled == nil {
		return
	}
	infos := make([]HandledInfo, len(died))
	for i, d := range died {
		reason := lease.ParseReason(d.Reason)
		infos[i] = HandledInfo{
			Queue: f.queue, Delivery: d.ID, Disposition: DeadLettered, Code: string(reason.Code), Err: &infoError{text: reason.Error},
		}
	}
	h.handled.observe(f.running.work, h, infos...)
}

// leaseLost returns the info about events of a queue whose lease is lost.
func (r *Receiver) leaseLost(queue string) func(ctx context.Context, events int, err error) {
	return func(ctx context.Context, events int, err error) {
		if r.hooks.leaseLost != nil {
			r.hooks.leaseLost.observe(ctx, r.hooks, LeaseLostInfo{Queue: queue, Events: events, Err: redactedError(redaction.Error(err))})
		}
	}
}

// observeHandled calls the hooks for a message with a disposition.
func (c *consumer) observeHandled(m *message, o *outcome) {
	h := c.receiver.hooks
	if h.handled == nil {
		return
	}
	info := HandledInfo{Queue: c.queue, ID: o.id(), Delivery: m.ID, Attempt: m.attempt, Disposition: dispositionOf(m, o)}
	if o.delivery != nil {
		info.Event = o.delivery.EventName()
	}
	if !o.called.IsZero() {
		info.Duration = time.Since(o.called)
	}
	if info.Disposition == Retried {
		info.RetryIn = m.disposition.delay
	}
	if f := o.failure; f != nil && (info.Disposition != Released || o.called.IsZero()) {
		info.Code, info.Err = string(f.code), &infoError{f.text, f.all}
	}
	h.handled.observe(o.observers(c.work), h, info)
}

// dispositionOf returns the disposition of a message that was delivered.
func dispositionOf(m *message, o *outcome) Disposition {
	switch {
	case o.repeated:
		return Duplicate
	case o.ok():
		return Acknowledged
	case m.disposition.kind == released:
		return Released
	case m.disposition.kind == settled:
		return Dropped
	case m.disposition.delay < 0:
		return DeadLettered
	}
	return Retried
}
