package remoteevent

import (
	"context"
	"fmt"
	"time"
)

// Hook observes a [Sender] or a [Receiver]. It implements one or more of [HookSent],
// [HookRejected], [HookReceived], [HookDelivering], [HookHandled], [HookLeaseLost],
// [HookFailing] and [HookRecovered]. See [WithHooks].
//
// Methods of hooks are called synchronously: the call of the sender, or the queue of the
// receiver, waits until the method has returned. Several goroutines call them at a time.
// A panic is recovered; the first panic of each method is logged. A method must not wait
// for Run to return, nor for another event of the same sender or receiver. A receiver logs a
// warning, "hook still running", about a method that takes longer than [WithSlowWarning].
//
// Run waits for the methods that it has called for its queues, until the shutdown timeout.
// Then their contexts end with the cause [ErrShutdownTimeout]. After another second, Run
// returns [ErrShutdownTimeout] with the names of the hooks, and no longer calls them. A method
// that uses the network should end with its context.
//
// The infos have no payloads and no passwords. Their errors have the text of the log,
// and wrap no error; [errors.Is] returns the same results as for the original error.
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
	// Duration is the time of the call. In a batch, it is the time until all events had
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

// HookDelivering is called for every message that could be decoded, before its schema is
// checked and its handler is called. It begins an observation that HookHandled ends, such
// as a span.
//
// The handler, the lines that the receiver logs about the attempt, and HookHandled have
// the values of the context that OnDelivering returns, which it derives from ctx. Its
// deadline and its cancellation have no effect. A nil context adds no values. The next
// hook gets the returned context.
type HookDelivering interface {
	OnDelivering(ctx context.Context, delivery *Delivery) context.Context
}

// HookHandled is called once for each attempt at handling a message when its
// disposition is decided, before that is stored in Redis. It is also called for
// messages that no handler saw: malformed messages, repeated ones, messages that are released
// because the receiver shuts down, the handlers are too slow or the lease is lost, and
// messages that become dead letters because the processes that held them crashed. Except for
// the last, each call follows one of HookReceived for the message.
//
// If HookDelivering was called for the attempt, or would have been, [DeliveryOf] returns
// the delivery from the context.
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
	// Duration is the time of the handler, and 0 if no handler was called.
	Duration time.Duration
	// Disposition is the disposition of the message.
	Disposition Disposition
	// RetryIn is the delay before the next attempt of an event that is Retried.
	RetryIn time.Duration
	// Code is the reason of a failure in one word, such as "failed", "panicked" or
	// "malformed" (REL-25). They are the codes of queueadmin.Code.
	Code string
	// Err is the failure, or nil. For an event that is Released unhandled, it is the reason: the
	// error of the look-up of a repeated event, or ErrLeaseLost. It is nil if the receiver
	// shuts down or the handlers are too slow.
	Err error
}

// Disposition is the state of a message after an attempt at handling it.
type Disposition int

const (
	// Acknowledged events are handled. With WithAtMostOnce, Redis is not informed.
	Acknowledged Disposition = iota
	// Retried events failed, and are delivered again later.
	Retried
	// Released events are returned to the queue unhandled. Any receiver may take them.
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

// HookFailing is called when a call of Redis for a queue fails and the previous call did
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
	// Since is the time when the outage began.
	Since time.Time
	// Failures is the number of calls of Redis that failed.
	Failures int
}

// WithHooks adds hooks to a sender or a receiver. Each hook must implement at
// least one of the interfaces of [Hook]; one value may observe senders and receivers.
// Without hooks, the library measures and allocates nothing for them.
func WithHooks(hooks ...Hook) Option { return hooksOption(hooks) }

type hooksOption []Hook

func (o hooksOption) applyToSender(c *senderConfig)     { c.hooks = append(c.hooks, o...) }
func (o hooksOption) applyToReceiver(c *receiverConfig) { c.hooks = append(c.hooks, o...) }
