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
	case c.concurrency < 1:
		return fmt.Errorf("WithConcurrency(%d): at least one event has to be handled at a time", c.concurrency)
	case c.prefetch < 0:
		return fmt.Errorf("WithPrefetch(%d): no fewer than 0 events can be fetched ahead", c.prefetch)
	case c.lease < minLease:
		return fmt.Errorf("WithLease(%v): a lease is %v at least, or it cannot be renewed in time", c.lease, minLease)
	case c.maxAttempts < 1:
		return fmt.Errorf("WithMaxAttempts(%d): there is at least one attempt", c.maxAttempts)
	case c.firstDelay < 0 || c.lastDelay < c.firstDelay:
		return fmt.Errorf("WithBackoff(%v, %v): the delays grow from one that is not negative", c.firstDelay, c.lastDelay)
	case c.window.Time < 0 || c.window.Time > 0 && c.window.Count < 1:
		return fmt.Errorf("WithDeduplication(%v, %d): the window has a length, and room for one event at least", c.window.Time, c.window.Count)
	case c.maxDead < 0:
		return fmt.Errorf("WithDeadLetterLimit(%d): no fewer than 0 dead letters can be kept, and 0 is without a limit", c.maxDead)
	case c.maxDeadAge < 0:
		return fmt.Errorf("WithDeadLetterAge(%v): the time is not negative, and 0 is without a limit", c.maxDeadAge)
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

// minLease is the shortest lease: a third of it has to be longer than a round
// trip.
const minLease = 30 * time.Millisecond

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

// AtMostOnce receives as the original does: an event is out of Redis when it
// is taken, and lost if the process dies before it is handled, or if the
// connection breaks while it is on its way. Nothing is tried again. Up to the
// numbers of [WithConcurrency] and [WithPrefetch] together may be lost for each
// queue. It is the fastest way to receive.
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

// WithConcurrency sets how many events of each queue are handled at a time, 1
// by default. With 1, the events of a queue are handled in their order, as the
// original does, except for those that are tried again; with more, the order is
// lost. Queues never wait for each other. Where many events wait, as many as
// there is room for are taken from Redis together, as far as they come to about
// 1 MiB.
func WithConcurrency(n int) QueueOption {
	return queueOption(func(c *queueConfig) { c.concurrency = n })
}

// WithPrefetch sets how many events of each queue are taken ahead of those that
// are handled, 0 by default. Some hundreds make short listeners several times
// faster, since a round trip then serves many events. Each is kept from other
// receivers meanwhile, holds up to its size of memory, and counts an attempt if
// the process dies.
func WithPrefetch(n int) QueueOption {
	return queueOption(func(c *queueConfig) { c.adaptive, c.prefetch = false, n })
}

// WithLease sets for how long an event belongs to a receiver that does not renew
// its lease, 30 seconds by default. It is renewed at each third of it for as long
// as a listener works, which may be any time. After a crash, others get the event
// when the lease has run out: too long a lease delays it, too short a one is lost
// to a pause of the process or of Redis, and the event is handled twice.
func WithLease(d time.Duration) QueueOption {
	return reliableOption("WithLease", func(c *queueConfig) { c.lease = d })
}

// WithMaxAttempts sets how often an event is tried before it becomes a dead
// letter, 5 times by default. A crash of the process is an attempt as well. Too
// few turn a passing fault, such as a database that restarts, into work for an
// operator; too many repeat what will never succeed.
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
