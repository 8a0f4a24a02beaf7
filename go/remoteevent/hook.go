package remoteevent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/internal/nilcheck"
	"github.com/remote-events/remote-events/go/internal/redaction"
	"github.com/remote-events/remote-events/go/wire"
)

// Hook observes a [Sender] or a [Receiver]. It implements one or more of [HookSent],
// [HookRejected], [HookReceived], [HookHandled], [HookLeaseLost], [HookFailing] and
// [HookRecovered]. See [WithHooks].
//
// Methods of hooks are called synchronously: the call of the sender, or the queue of the
// receiver, waits until the method has returned. Several goroutines call them at a time.
// A panic does no harm; the first one of each method is logged. A method must not wait
// for Run to return, nor for another event of the same sender or receiver. A receiver logs a
// warning, "hook still running", about a method that takes longer than [WithSlowWarning].
//
// Run waits for the methods that it has called for its queues, until the shutdown timeout.
// Then their contexts end with the cause [ErrShutdownTimeout], and after another second Run goes on without them: it returns
// [ErrShutdownTimeout] with the names of the hooks and does not call them again. A method
// that uses the network should end with its context.
//
// The infos hold no payloads and no passwords. Their errors have the text of the log,
// and unwrap to nothing; [errors.Is] finds what it finds in the original error.
type Hook any

// HookSent is called when the outcome of an event is known, before the call that
// sent it returns.
type HookSent interface {
	OnSent(ctx context.Context, info SentInfo)
}

// SentInfo describes an event for which a [Sender] called Redis, or was about to.
type SentInfo struct {
	// Event is the name of the event and of its queue.
	Event string
	// ID is the attribute id, or "" for an event without one.
	ID string
	// Bytes is the length of the message.
	Bytes int
	// Duration is how long the call took, in a batch until all of its events had
	// an outcome.
	Duration time.Duration
	// Outcome is Stored, Rejected if the event is certainly not in Redis, or Unknown.
	Outcome Outcome
	// Err is nil for Stored.
	Err error
}

// HookRejected is called for an event that is rejected before Redis is called, because
// it violates a requirement or its schema, or its type cannot be an event.
type HookRejected interface {
	OnRejected(ctx context.Context, info RejectedInfo)
}

// RejectedInfo describes an event that a [Sender] rejected.
type RejectedInfo struct {
	// Event is the name of the event, or "" if it has none.
	Event string
	// Err is the reason.
	Err error
}

// HookReceived is called for every message that a receiver takes from Redis, before
// it is handled. Its event is not known yet.
type HookReceived interface {
	OnReceived(ctx context.Context, info ReceivedInfo)
}

// ReceivedInfo describes a message that a [Receiver] took from Redis.
type ReceivedInfo struct {
	// Queue is the list that held the message.
	Queue string
	// Delivery is the ID of the [Delivery], or "" with WithAtMostOnce.
	Delivery string
	// Bytes is the length of the message.
	Bytes int
	// Attempt counts from 1.
	Attempt int
}

// HookHandled is called once for each attempt at handling a message when its
// disposition is decided, before that is stored in Redis. It is also called for
// messages that no handler saw: malformed ones, repeated ones, those that are released
// because the receiver shuts down, the handlers are too slow or the lease is lost, and
// those that become dead letters because the processes that held them crashed. Except for
// the last, each call follows one of HookReceived for the message.
type HookHandled interface {
	OnHandled(ctx context.Context, info HandledInfo)
}

// HandledInfo describes the end of one attempt at handling a message.
type HandledInfo struct {
	// Event is the name of the event, or "" if it is not known: for a message that cannot
	// be decoded, and for one that became a dead letter because processes crashed.
	Event string
	// Queue is the list that held the message.
	Queue string
	// ID is the attribute id, or "" for an event without one.
	ID string
	// Delivery is the ID of the [Delivery], or "" with WithAtMostOnce.
	Delivery string
	// Attempt counts from 1. It is 0 for a message that became a dead letter because
	// processes crashed.
	Attempt int
	// Duration is how long the handler took, and 0 if none was called.
	Duration time.Duration
	// Disposition is what happens to the message.
	Disposition Disposition
	// RetryIn is the delay before the next attempt of an event that is Retried.
	RetryIn time.Duration
	// Code is the reason of a failure in one word, such as "failed", "panicked" or
	// "malformed" (REL-25), as queueadmin.Code has them for dead letters.
	Code string
	// Err is the failure, or nil. For an event that is Released unhandled, it is why: the
	// error of the look-up of a repeated event, or ErrLeaseLost. It is nil if the receiver
	// shuts down or the handlers are too slow.
	Err error
}

// Disposition is what happens to a message after an attempt at handling it.
type Disposition int

const (
	// Acknowledged events are handled. With WithAtMostOnce, Redis has no part in it.
	Acknowledged Disposition = iota
	// Retried events failed, and are tried again later.
	Retried
	// Released events are put back unhandled, for any receiver to take.
	Released
	// DeadLettered messages are moved to the dead letters.
	DeadLettered
	// Dropped messages failed with WithAtMostOnce and are lost.
	Dropped
	// Duplicate events were acknowledged before, and are acknowledged again without
	// being handled. See WithDeduplication.
	Duplicate
)

// String returns the disposition in lower case, or "Disposition(7)" for a value that
// is none.
func (d Disposition) String() string {
	names := [...]string{"acknowledged", "retried", "released", "dead-lettered", "dropped", "duplicate"}
	if d < 0 || int(d) >= len(names) {
		return fmt.Sprintf("Disposition(%d)", int(d))
	}
	return names[d]
}

// HookLeaseLost is called when events may have gone to another receiver while they
// were held: their lease could not be renewed or had ended when they were acknowledged.
type HookLeaseLost interface {
	OnLeaseLost(ctx context.Context, info LeaseLostInfo)
}

// LeaseLostInfo describes a lease that was lost.
type LeaseLostInfo struct {
	// Queue is the list that held the messages.
	Queue string
	// Events is the number of events that may be handled twice.
	Events int
	// Err is why the lease was not renewed, or nil if Redis had ended it.
	Err error
}

// HookFailing is called when a call of Redis for a queue fails and the last one did
// not: the connection is lost, or Redis denies a command. The receiver tries again
// until [HookRecovered].
type HookFailing interface {
	OnFailing(ctx context.Context, info FailingInfo)
}

// FailingInfo describes the start of an outage of a queue.
type FailingInfo struct {
	// Queue is the list that is consumed.
	Queue string
	// Err is the error of Redis or of the connection.
	Err error
}

// HookRecovered is called when calls of Redis for a queue succeed again.
type HookRecovered interface {
	OnRecovered(ctx context.Context, info RecoveredInfo)
}

// RecoveredInfo describes the end of an outage of a queue.
type RecoveredInfo struct {
	// Queue is the list that is consumed.
	Queue string
	// Since is when the outage began.
	Since time.Time
	// Failures is the number of calls of Redis that failed.
	Failures int
}

// WithHooks adds hooks to a sender or a receiver. Each of them has to implement at
// least one of the interfaces of [Hook]; one value may observe senders and receivers.
// Without hooks, nothing is measured and nothing is allocated for them.
func WithHooks(hooks ...Hook) Option { return hooksOption(hooks) }

type hooksOption []Hook

func (o hooksOption) applyToSender(c *senderConfig)     { c.hooks = append(c.hooks, o...) }
func (o hooksOption) applyToReceiver(c *receiverConfig) { c.hooks = append(c.hooks, o...) }

// hooks are the methods to be called, by interface.
type hooks struct {
	log        *slog.Logger
	impatience *impatience // of a receiver; nil for a sender, whose hooks may end the goroutine of their caller
	sent       hookMethods[SentInfo]
	rejected   hookMethods[RejectedInfo]
	received   hookMethods[ReceivedInfo]
	handled    hookMethods[HandledInfo]
	leaseLost  hookMethods[LeaseLostInfo]
	failing    hookMethods[FailingInfo]
	recovered  hookMethods[RecoveredInfo]

	mu      sync.Mutex
	running map[*hookCall]bool // of a receiver
}

// hookCall is a call of a hook that has not returned.
type hookCall struct {
	hook     *hookValue
	method   string
	begun    time.Time
	warnings int // that it is slow
}

// hookValue is a hook of the user.
type hookValue struct {
	hook Hook
	hung atomic.Bool // it is not called any more
}

// String returns the name of the hook's type.
func (v *hookValue) String() string { return fmt.Sprintf("%T", v.hook) }

// newHooks sorts hooks by what they implement.
func newHooks(all []Hook, log *slog.Logger, impatience *impatience) (*hooks, error) {
	h := &hooks{log: log, impatience: impatience, running: map[*hookCall]bool{}}
	for i, hook := range all {
		if hook == nil || nilcheck.IsPointer(hook) {
			return nil, fmt.Errorf("WithHooks: hook %d is nil", i+1)
		}
		known := false
		value := &hookValue{hook: hook}
		if hook, ok := hook.(HookSent); ok {
			known = h.sent.add(value, "OnSent", hook.OnSent)
		}
		if hook, ok := hook.(HookRejected); ok {
			known = h.rejected.add(value, "OnRejected", hook.OnRejected)
		}
		if hook, ok := hook.(HookReceived); ok {
			known = h.received.add(value, "OnReceived", hook.OnReceived)
		}
		if hook, ok := hook.(HookHandled); ok {
			known = h.handled.add(value, "OnHandled", hook.OnHandled)
		}
		if hook, ok := hook.(HookLeaseLost); ok {
			known = h.leaseLost.add(value, "OnLeaseLost", hook.OnLeaseLost)
		}
		if hook, ok := hook.(HookFailing); ok {
			known = h.failing.add(value, "OnFailing", hook.OnFailing)
		}
		if hook, ok := hook.(HookRecovered); ok {
			known = h.recovered.add(value, "OnRecovered", hook.OnRecovered)
		}
		if !known {
			return nil, fmt.Errorf("WithHooks: hook %d is a %T, which implements none of HookSent, HookRejected, HookReceived, HookHandled, HookLeaseLost, HookFailing and HookRecovered", i+1, hook)
		}
	}
	return h, nil
}

// hookMethods are the methods of one interface, in the order of the hooks.
type hookMethods[Info any] []*hookMethod[Info]

type hookMethod[Info any] struct {
	hook   *hookValue
	name   string
	call   func(context.Context, Info)
	logged atomic.Bool // a panic
}

// add appends a method and returns true.
func (m *hookMethods[Info]) add(hook *hookValue, name string, call func(context.Context, Info)) bool {
	*m = append(*m, &hookMethod[Info]{hook: hook, name: name, call: call})
	return true
}

// observe calls the methods with each of the infos. The caller holds no mutex that
// is taken by exported methods.
func (m hookMethods[Info]) observe(ctx context.Context, h *hooks, infos ...Info) {
	for _, method := range m {
		for _, info := range infos {
			if err := method.observe(ctx, h, info); err != nil && !method.logged.Swap(true) {
				attrs := []any{"hook", method.hook.String(), "method", method.name, "error", err}
				if panicked, ok := err.(*PanicError); ok { //nolint:errorlint // it is the very one
					attrs = append(attrs, "stack", string(panicked.Stack))
				}
				h.log.ErrorContext(ctx, "hook panicked; logged once for each method", attrs...)
			}
		}
	}
}

// observe calls the method and returns why it did not return, unless it hung.
func (m *hookMethod[Info]) observe(ctx context.Context, h *hooks, info Info) error {
	call := func() error {
		if panicked := contain(func() { m.call(ctx, info) }); panicked != nil {
			panicked.in = "a hook"
			return panicked
		}
		return nil
	}
	if h.impatience == nil {
		return call()
	}
	if m.hook.hung.Load() {
		return nil
	}
	c := &hookCall{hook: m.hook, method: m.name, begun: time.Now()}
	h.note(c, true)
	defer h.note(c, false)
	err, how := apart(h.impatience, call)
	switch how {
	case callEnded:
		return errHookEnded
	case callHung:
		m.hook.hung.Store(true)
		h.impatience.note(fmt.Sprintf("the hook %s does not return from %s", m.hook, m.name))
	case callReturned:
	}
	return err
}

// note notes the begin or the end of a call.
func (h *hooks) note(c *hookCall, running bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if running {
		h.running[c] = true
	} else {
		delete(h.running, c)
	}
}

var errHookEnded = errors.New("a hook ended its goroutine, by runtime.Goexit or a test's FailNow")

// infoError is an error for hooks: the text of another, which cannot quote a payload.
type infoError struct {
	text   string
	causes *causes // nil where nothing else is known
}

func (e *infoError) Error() string { return e.text }

// Is has [errors.Is] compare the causes of the original.
func (e *infoError) Is(target error) bool { return e.causes != nil && e.causes.is(target) }

// redactedError returns an error for hooks.
func redactedError(err error) error {
	if err == nil {
		return nil
	}
	c := causesOf(err)
	text, _ := c.texts()
	return &infoError{text, c}
}

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

// observeRejectedEvent calls the hooks for an event that is no message yet.
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

// observeReleased calls the hooks for messages that go to other receivers without having
// been started.
func (f *feeder) observeReleased(messages []*message, why error) {
	f.observeUnhandled(messages, Released, why)
}

// observeUnhandled calls the hooks for those of the messages that were not started.
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

// leaseLost returns what is told of events of a queue whose lease is lost.
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
	h.handled.observe(c.work, h, info)
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
