package remoteevent

import (
	"errors"
	"fmt"
	"time"

	"github.com/remote-events/remote-events/go/internal/lease"
)

// QueueOption is an option of [NewReceiver], for all queues, and of [Handle] and
// [Receiver.Queue], for one.
type QueueOption interface {
	ReceiverOption
	applyToQueue(c *queueConfig)
}

// queueConfig is how a queue is consumed.
type queueConfig struct {
	atMostOnce  bool
	deadLetters bool
	concurrency int
	adaptive    bool // the listeners' pace decides what is fetched ahead, not prefetch
	prefetch    int
	lease       time.Duration
	maxAttempts int
	firstDelay  time.Duration
	lastDelay   time.Duration
	window      lease.Window
	maxDead     int // dead letters, or 0
	maxDeadAge  time.Duration

	// reliable names an option that has no effect at most once, and was given
	// for this very queue, or for all where the config is that of all.
	reliable string
}

// inherited returns the config for a queue that has options of its own. An option
// for all queues may have no effect on this one.
func (c queueConfig) inherited() queueConfig {
	c.reliable = ""
	return c
}

func defaultQueueConfig() queueConfig {
	return queueConfig{
		concurrency: 1, adaptive: true, lease: 30 * time.Second, maxAttempts: 5,
		firstDelay: time.Second, lastDelay: 5 * time.Minute,
	}
}

func (c *queueConfig) validate() error {
	switch {
	case c.concurrency < 1 || c.concurrency > maxConcurrency:
		return fmt.Errorf("WithConcurrency(%d): between 1 and %d events are handled at a time", c.concurrency, maxConcurrency)
	case c.prefetch < 0 || c.prefetch > maxPrefetch:
		return fmt.Errorf("WithPrefetch(%d): between 0 and %d events are fetched ahead", c.prefetch, maxPrefetch)
	case c.lease < minLease || c.lease > maxLease:
		return fmt.Errorf("WithLease(%v): a lease is between %v, or it cannot be renewed in time, and %v", c.lease, minLease, maxLease)
	case c.maxAttempts < 1 || c.maxAttempts > maxCount:
		return fmt.Errorf("WithMaxAttempts(%d): there are between 1 and %d attempts", c.maxAttempts, maxCount)
	case c.firstDelay < 0 || c.lastDelay < c.firstDelay || c.lastDelay > maxTime:
		return fmt.Errorf("WithBackoff(%v, %v): the delays grow from one that is not negative, up to %v at most", c.firstDelay, c.lastDelay, maxTime)
	case c.window.Time < 0 || c.window.Time > maxTime || c.window.Time > 0 && (c.window.Count < 1 || c.window.Count > maxCount):
		return fmt.Errorf("WithDeduplication(%v, %d): the window is not negative nor longer than %v, and has room for between 1 and %d events",
			c.window.Time, c.window.Count, maxTime, maxCount)
	case c.maxDead < 0 || c.maxDead > maxCount:
		return fmt.Errorf("WithDeadLetterLimit(%d): between 1 and %d dead letters are kept, and 0 is without a limit", c.maxDead, maxCount)
	case c.maxDeadAge < 0 || c.maxDeadAge > maxTime:
		return fmt.Errorf("WithDeadLetterAge(%v): the time is not negative nor longer than %v, and 0 is without a limit", c.maxDeadAge, maxTime)
	case c.atMostOnce && !c.deadLetters && c.bounded():
		return errors.New("WithDeadLetterLimit, WithDeadLetterAge: AtMostOnce() keeps dead letters only with WithDeadLetters()")
	case c.atMostOnce && c.reliable != "":
		return fmt.Errorf("AtMostOnce() and %s: an event that is received at most once has no lease, is not tried again and is not remembered: leave out one of the two", c.reliable)
	}
	return nil
}

// fetchesAhead reports whether the listeners' pace decides what is fetched ahead. With
// a window, an event has to be acknowledged before a repeated one can be known.
func (c *queueConfig) fetchesAhead() bool { return c.adaptive && c.window.Time == 0 }

// Bounds of options. No sum or product of what they admit overflows.
const (
	maxConcurrency = 100_000
	maxPrefetch    = 1_000_000
	// minLease is the shortest lease: a third of it has to be longer than a round
	// trip.
	minLease = 30 * time.Millisecond
	maxLease = 24 * time.Hour
	maxCount = 1_000_000_000
	maxTime  = 10 * 365 * 24 * time.Hour
)

type queueOption func(*queueConfig)

func (o queueOption) applyToQueue(c *queueConfig)       { o(c) }
func (o queueOption) applyToReceiver(c *receiverConfig) { o(&c.queueConfig) }

// reliableOption is an option that [AtMostOnce] leaves without effect.
func reliableOption(name string, set func(c *queueConfig)) QueueOption {
	return queueOption(func(c *queueConfig) {
		set(c)
		c.reliable = name
	})
}

// AtMostOnce receives as an original does: an event is out of Redis when it is
// taken, and is not tried again. It is the fastest way to receive.
//
// A crash loses every event that was taken and not handled: those being handled, and
// those fetched ahead, which by default are as many as the listeners of the queue
// handle in about 20 ms, and more with [WithPrefetch]. A connection that breaks loses
// the events on their way. WithPrefetch(0) limits the loss of a crash to the events
// being handled, as in an original, and is some ten times slower with short
// listeners. When Run stops, the events fetched ahead are still handled; those left
// after the drain timeout go back to the tail of the queue.
func AtMostOnce() QueueOption {
	return queueOption(func(c *queueConfig) { c.atMostOnce = true })
}

// WithDeadLetters keeps what cannot be delivered and what a listener failed at as
// dead letters with [AtMostOnce] too; without it they are logged and gone. At
// least once, they are always kept.
func WithDeadLetters() QueueOption {
	return queueOption(func(c *queueConfig) { c.deadLetters = true })
}

// WithDeadLetterLimit bounds the dead letters of each queue to most of them: where
// there are more, the receiver drops the oldest for good, and logs how many
// (REL-36, REL-37). By default, and with 0, all are kept until an operator deals with them,
// and take the memory of their messages in Redis. Where many events die at once,
// too low a limit drops some that nobody has seen.
func WithDeadLetterLimit(most int) QueueOption {
	return queueOption(func(c *queueConfig) { c.maxDead = most })
}

// WithDeadLetterAge drops dead letters for good that died longer ago than that, to
// about a minute, and logs how many (REL-36, REL-37). By default, and with 0, they are kept
// for ever. Too short an age leaves an operator no time.
func WithDeadLetterAge(age time.Duration) QueueOption {
	return queueOption(func(c *queueConfig) { c.maxDeadAge = age })
}

// WithConcurrency sets how many events of each queue are handled at a time, 1 by
// default and 100,000 at most. Queues never wait for each other.
//
// With 1, the events of a queue are handled in the order of the list, except for
// those that are tried again and those that another receiver takes; with more, the
// order is lost. A crash of the process ends as many deliveries as events are handled.
func WithConcurrency(n int) QueueOption {
	return queueOption(func(c *queueConfig) { c.concurrency = n })
}

// WithPrefetch sets how many events of each queue are fetched ahead of those being
// handled, up to 1,000,000; 0 fetches none.
//
// Without this option, the receiver fetches ahead as many events as the listeners of
// the queue have lately handled in about 20 ms, but no more than 2,000, and none
// beyond about 1 MiB. Short listeners are then several times faster, since one round
// trip serves many events, and slow listeners keep nothing from other receivers. When
// a listener suddenly takes much longer, the events that wait behind it go back to
// the tail of the queue, in their order, after about 40 ms. With [WithDeduplication]
// none is fetched ahead unless this option says so.
//
// Events fetched ahead with this option are unavailable to other receivers until they
// are handled, and use memory, however long the listeners take. Too many delay events
// that idle receivers could handle; too few cost a round trip for each event.
//
// Fetching ahead keeps the order. When Run stops, events that no listener has begun
// with go back to the tail of the queue at once, in their order and without a counted
// attempt. After a crash other receivers get them when their lease has run out, like
// events that have failed; [WithMaxAttempts] says how a crash counts. For at most once,
// see [AtMostOnce].
func WithPrefetch(n int) QueueOption {
	return queueOption(func(c *queueConfig) { c.adaptive, c.prefetch = false, n })
}

// WithLease sets how long the events that a receiver has taken belong to it without a
// renewal, 30 seconds by default, between 30 ms and 24 hours. Events that are taken
// together share one lease. It is renewed at each third of its length until all of
// them are settled, so a listener may take any time.
//
// After a crash, other receivers get the events when the lease has run out: too long a
// lease delays them; too short a lease is lost during a pause of the process or of
// Redis, and events are handled twice. A listener whose lease is lost has its context
// cancelled with [ErrLeaseLost]. When Run stops, it ends the leases: nobody waits for
// them to run out.
func WithLease(d time.Duration) QueueOption {
	return reliableOption("WithLease", func(c *queueConfig) { c.lease = d })
}

// WithMaxAttempts sets how often an event is tried before it becomes a dead
// letter, 5 times by default. Too few turn a passing fault, such as a database that
// restarts, into work for an operator; too many repeat what will never succeed.
//
// A crash of the process is no attempt of the events that it held. An event that was
// held in two crashes may be their cause: a receiver handles one such event at a time,
// and a crash is an attempt of it from then on.
func WithMaxAttempts(n int) QueueOption {
	return reliableOption("WithMaxAttempts", func(c *queueConfig) { c.maxAttempts = n })
}

// WithBackoff sets after what time an event is tried again, from 1 second up to 5
// minutes by default: the time doubles with each attempt, and between half of it
// and the whole are chosen by chance. Too short a first delay uses up the
// attempts before a fault has passed; too long a last one leaves events waiting
// when it has.
func WithBackoff(first, last time.Duration) QueueOption {
	return reliableOption("WithBackoff", func(c *queueConfig) { c.firstDelay, c.lastDelay = first, last })
}

// WithDeduplication drops an event whose attribute id was acknowledged within the
// window, for up to most events of a queue, by the oldest first where there are
// more. By default none is dropped. Redis holds some 100 bytes for each, and asking
// costs a round trip for every event with an id. It is no guarantee: two copies
// that are handled at the same time are both handled.
func WithDeduplication(window time.Duration, most int) QueueOption {
	return reliableOption("WithDeduplication", func(c *queueConfig) { c.window = lease.Window{Time: window, Count: most} })
}
