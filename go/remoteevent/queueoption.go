package remoteevent

import (
	"errors"
	"fmt"
	"time"

	"github.com/remote-events/remote-events/go/internal/lease"
)

// QueueOption configures how queues are consumed. Passed to [NewReceiver] it is a default for
// all queues; passed to [WithQueue] it applies to one queue.
type QueueOption interface {
	ReceiverOption
	applyToQueue(c *queueConfig)
}

// queueConfig is the configuration of a queue.
type queueConfig struct {
	atMostOnce  bool
	deadLetters bool
	concurrency int
	weight      int
	weighted    bool // the weight was set
	adaptive    bool // the speed of the listeners determines the prefetch, not the option
	prefetch    int
	lease       time.Duration
	maxAttempts int
	maxCrashes  int // maximum of attempts that end with their process
	firstDelay  time.Duration
	lastDelay   time.Duration
	window      lease.Window
	slowAfter   time.Duration // duration of a listener, or 0
	maxDead     int           // maximum of dead letters, or 0
	maxDeadAge  time.Duration

	own bool // options of this queue were applied
	// reliable names an option without effect at most once, which was set for this
	// queue, or for all queues if this is their configuration.
	reliable string
}

// inherited returns the configuration for a queue with options of its own. An option for all
// queues may have no effect on this one.
func (c queueConfig) inherited() queueConfig {
	c.reliable = ""
	return c
}

func defaultQueueConfig() queueConfig {
	return queueConfig{
		concurrency: 1, weight: 1, adaptive: true, lease: 30 * time.Second, maxAttempts: 25, maxCrashes: 5,
		firstDelay: time.Second, lastDelay: 10 * time.Minute, slowAfter: time.Minute,
	}
}

func (c *queueConfig) validate() error {
	switch {
	case c.concurrency < 1 || c.concurrency > maxConcurrency:
		return fmt.Errorf("WithConcurrency(%d): the concurrency is between 1 and %d", c.concurrency, maxConcurrency)
	case c.weight < 1 || c.weight > maxWeight:
		return fmt.Errorf("WithWeight(%d): the weight is between 1 and %d", c.weight, maxWeight)
	case c.prefetch < 0 || c.prefetch > maxPrefetch:
		return fmt.Errorf("WithPrefetch(%d): the number is between 0 and %d", c.prefetch, maxPrefetch)
	case c.lease < minLease || c.lease > maxLease:
		return fmt.Errorf("WithLease(%v): the lease is between %v, so that it can be renewed in time, and %v", c.lease, minLease, maxLease)
	case c.maxAttempts < 1 || c.maxAttempts > maxCount:
		return fmt.Errorf("WithMaxAttempts(%d): the number is between 1 and %d", c.maxAttempts, maxCount)
	case c.firstDelay < 0 || c.lastDelay < c.firstDelay || c.lastDelay > maxTime:
		return fmt.Errorf("WithBackoff(%v, %v): the first delay is not negative, and the last is between the first and %v", c.firstDelay, c.lastDelay, maxTime)
	case c.window.Time < 0 || c.window.Time > maxTime || c.window.Time > 0 && (c.window.Count < 1 || c.window.Count > maxCount):
		return fmt.Errorf("WithDeduplication(%v, %d): the window is between 0 and %v, and the number of events between 1 and %d",
			c.window.Time, c.window.Count, maxTime, maxCount)
	case c.slowAfter < 0 || c.slowAfter > 0 && c.slowAfter < time.Second || c.slowAfter > maxTime:
		return fmt.Errorf("WithSlowWarning(%v): the time is between %v and %v; 0 means no warning", c.slowAfter, time.Second, maxTime)
	case c.maxDead < 0 || c.maxDead > maxCount:
		return fmt.Errorf("WithDeadLetterLimit(%d): the limit is between 1 and %d; 0 means no limit", c.maxDead, maxCount)
	case c.maxDeadAge < 0 || c.maxDeadAge > maxTime:
		return fmt.Errorf("WithDeadLetterAge(%v): the age is at most %v; 0 means no limit", c.maxDeadAge, maxTime)
	case c.atMostOnce && !c.deadLetters && c.bounded():
		return errors.New("WithDeadLetterLimit, WithDeadLetterAge: WithAtMostOnce() keeps dead letters only with WithDeadLetters()")
	case c.atMostOnce && c.reliable != "":
		return fmt.Errorf("WithAtMostOnce() and %s: an event that is received at most once has no lease, is not retried and is not remembered: remove one of the two", c.reliable)
	}
	return nil
}

// attempts returns the maximum number of attempts of an event.
func (c *queueConfig) attempts() int {
	if c.atMostOnce {
		return 1
	}
	return c.maxAttempts
}

// fetchesAhead reports whether the speed of the listeners determines the prefetch. With
// deduplication, an event must be acknowledged before a copy of it is recognised.
func (c *queueConfig) fetchesAhead() bool { return c.adaptive && c.window.Time == 0 }

// Limits of options. No sum or product of permitted values overflows.
const (
	maxConcurrency = 100_000
	maxPrefetch    = 1_000_000
	maxWeight      = 1000
	// minLease is the minimum of a lease: a third of it must exceed a round trip.
	minLease = 30 * time.Millisecond
	maxLease = 24 * time.Hour
	maxCount = 1_000_000_000
	maxTime  = 10 * 365 * 24 * time.Hour
)

var errWeight = errors.New("WithWeight has an effect only with WithTotalConcurrency: add that, or remove WithWeight")

type queueOption func(*queueConfig)

func (o queueOption) applyToQueue(c *queueConfig)       { o(c) }
func (o queueOption) applyToReceiver(c *receiverConfig) { o(&c.queueConfig) }

// reliableOption returns an option that has no effect with [WithAtMostOnce].
func reliableOption(name string, set func(c *queueConfig)) QueueOption {
	return queueOption(func(c *queueConfig) {
		set(c)
		c.reliable = name
	})
}

// WithAtMostOnce receives as an original does: an event is removed from Redis when it is
// taken, and is not retried. It is the fastest way to receive.
//
// A crash loses every event that was taken and not handled: those being handled, and
// those fetched ahead. By default, these are as many as the listeners of the queue
// handle in about 20 ms; more or fewer with [WithPrefetch]. A connection that breaks loses
// the events in transit. WithPrefetch(0) limits the loss of a crash to the events
// being handled, as in an original, and is about ten times slower with short
// listeners. When Run shuts down, it waits for the reply to its last pop, and the events
// fetched ahead are still handled; those left after the shutdown timeout are released to
// the tail of the queue. If Redis does not reply until then, the popped events are lost.
func WithAtMostOnce() QueueOption {
	return queueOption(func(c *queueConfig) { c.atMostOnce = true })
}

// WithDeadLetters keeps malformed messages and events that a listener failed to handle
// as dead letters with [WithAtMostOnce] too. Without it they are logged and dropped. At
// least once, they are always kept.
func WithDeadLetters() QueueOption {
	return queueOption(func(c *queueConfig) { c.deadLetters = true })
}

// WithDeadLetterLimit limits the dead letters of each queue. The receiver deletes the
// oldest beyond the limit and logs their number (REL-36, REL-37). By default, and with 0,
// all are kept until an operator handles them, and use the memory of their messages in
// Redis. With too low a limit, dead letters are deleted before an operator sees them.
func WithDeadLetterLimit(limit int) QueueOption {
	return queueOption(func(c *queueConfig) { c.maxDead = limit })
}

// WithDeadLetterAge deletes dead letters that are older than the age, to within about a
// minute, and logs their number (REL-36, REL-37). By default, and with 0, they are kept
// for ever. Too short an age leaves an operator no time to see them.
func WithDeadLetterAge(age time.Duration) QueueOption {
	return queueOption(func(c *queueConfig) { c.maxDeadAge = age })
}

// WithConcurrency sets how many events of each queue are handled at a time, 1 by
// default and 100,000 at most. Queues wait for each other
// only with [WithTotalConcurrency].
//
// With 1, the events of a queue are handled in the order of the list, except for
// retries and for events that another receiver takes; with more, there is no order. A
// crash of the process interrupts as many deliveries as events are being handled.
func WithConcurrency(n int) QueueOption {
	return queueOption(func(c *queueConfig) { c.concurrency = n })
}

// WithWeight sets the share of each queue in the limit of [WithTotalConcurrency], 1 by
// default and 1000 at most: while there are more events than the receiver may handle at a
// time, a queue of weight 3 gets three times the listener time of a queue of weight 1,
// summed over the slots. Where listeners take more than a minute, it starts three times as
// many. No queue starves, whatever the weights are: while it has events, it gets a slot
// after the others have used their slots in proportion to their weights. A listener that
// has begun is never interrupted, so a queue may wait for listeners of other queues to
// return.
//
// Too high a weight delays the events of other queues. WithWeight without
// WithTotalConcurrency is an error.
func WithWeight(n int) QueueOption {
	return queueOption(func(c *queueConfig) { c.weight, c.weighted = n, true })
}

// WithPrefetch sets how many events of each queue are fetched ahead of those being
// handled, up to 1,000,000; 0 fetches none.
//
// Without this option, the receiver fetches ahead as many events as the listeners of
// the queue have recently handled in about 20 ms, but at most 2,000 events and about
// 1 MiB. Short listeners are then several times faster, since one round trip serves
// many events, and slow listeners withhold nothing from other receivers. If a listener
// suddenly takes much longer, the events that wait behind it are released to the tail of
// the queue, in their order, after about 40 ms. With [WithDeduplication] none is
// fetched ahead unless this option sets a number.
//
// Events fetched ahead with this option are unavailable to other receivers until they
// are handled, and use memory, however long the listeners take. Too many delay events
// that idle receivers could handle; too few cost a round trip for each event.
//
// Fetching ahead keeps the order. When Run shuts down, events that no listener has
// started are released at once to the tail of the queue, in their order and without a
// counted attempt. After a crash, other receivers take them when their lease expires;
// [WithMaxAttempts] describes how a crash counts. For at most once, see
// [WithAtMostOnce].
func WithPrefetch(n int) QueueOption {
	return queueOption(func(c *queueConfig) { c.adaptive, c.prefetch = false, n })
}

// WithLease sets the time for which a receiver holds the events that it has taken without a
// renewal, 30 seconds by default, between 30 ms and 24 hours. Events that are taken
// together share one lease. It is renewed at each third of its length until all of
// them are acknowledged, retried or released, so a listener may take any time.
//
// After a crash, other receivers take the events when the lease expires: too long a
// lease delays them; too short a lease is lost during a pause of the process or of
// Redis, and events are handled twice. If the lease is lost, the contexts of its
// listeners are cancelled with [ErrLeaseLost]. A shutdown ends the leases at once.
func WithLease(d time.Duration) QueueOption {
	return reliableOption("WithLease", func(c *queueConfig) { c.lease = d })
}

// WithMaxAttempts sets how often an event is tried before it becomes a dead letter, 25
// times by default and 1,000,000,000 at most (REL-22). With the default delays of
// [WithBackoff], an event that always fails is retried for at least 78 minutes, for 1 hour
// and 58 minutes on average, and for at most 2 hours and 38 minutes. Too few attempts turn
// a passing fault, such as a database that restarts, into work for an operator; too many
// repeat what never succeeds.
//
// A crash of the process is not an attempt of the events that it held. An event that was
// held in two crashes may be their cause: a receiver handles one such event at a time,
// and each further crash counts as an attempt of it. By default, if the process also crashes
// in the event's fifth attempt or a later one, the event becomes a dead letter: an event
// that ends every process ends seven, not 27. WithMaxAttempts(n) sets this number, too: n
// instead of five.
func WithMaxAttempts(n int) QueueOption {
	return reliableOption("WithMaxAttempts", func(c *queueConfig) { c.maxAttempts, c.maxCrashes = n, n })
}

// WithBackoff sets the delays between the attempts of an event (REL-21). The delay is 1
// second after the first attempt by default and doubles with each attempt, up to 10
// minutes by default and 10 years at most; a random part of up to one half is subtracted.
// A first delay of 0 stays 0: the event is due again at once.
// A listener sets another delay with [RetryAfter]. Too short a first delay uses up the
// attempts before a fault has passed; too long a last delay leaves events waiting after it
// has passed.
func WithBackoff(first, last time.Duration) QueueOption {
	return reliableOption("WithBackoff", func(c *queueConfig) { c.firstDelay, c.lastDelay = first, last })
}

// WithSlowWarning sets after which time the receiver logs a warning, "listener still
// running", about an event that is being handled, 1 minute by default; 0 turns the warning
// off. The warning is repeated after twice the time, four times the time and so on. It has
// the event, the queue and the time so far. Hooks of [WithHooks] that have not returned after
// the time of the receiver are logged in the same way, as "hook still running". A listener that never returns keeps one of the
// slots of [WithConcurrency] for ever and, with the default of one slot, blocks its queue in
// this process: its lease is renewed, so no other receiver gets the event. [Timeout] ends
// the contexts of listeners. The time is between 1 second and 10 years. Too short a time
// fills the log; too long a time hides a queue that is blocked.
func WithSlowWarning(after time.Duration) QueueOption {
	return queueOption(func(c *queueConfig) { c.slowAfter = after })
}

// WithDeduplication drops an event whose attribute id was acknowledged within the
// window. It remembers up to limit events of each queue and forgets the oldest
// first. By default no event is dropped. Redis uses about 100 bytes for each event, and
// the look-up costs a round trip for every event with an id. There is no guarantee: two
// copies that are handled at the same time are both handled.
func WithDeduplication(window time.Duration, limit int) QueueOption {
	return reliableOption("WithDeduplication", func(c *queueConfig) { c.window = lease.Window{Time: window, Count: limit} })
}
