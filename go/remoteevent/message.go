package remoteevent

import (
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/remote-events/remote-events/go/internal/lease"
)

// message is a message that a source has taken and that is not settled yet.
type message struct {
	lease.Handle // empty at most once

	raw     []byte
	attempt int
	number  uint64 // in the order in which the queue's messages were taken, from 1
	pardons int    // attempts that do not count
	suspect bool   // more than one claim of it has expired
	claim   *claim // the claim that holds it; nil at most once

	begun          time.Time                       // when a listener began
	context        atomic.Pointer[deliveryContext] // while its listeners work
	warnings       int                             // number of warnings that they are slow
	earlier, later *message                        // the neighbours among the messages that are being handled, in the order of their begin
	disposition    disposition
	uncertain      bool // it was reported, and the reply was lost
}

// disposition is the result of a message that is reported to Redis.
type disposition struct {
	kind   dispositionKind
	event  string        // the event id to remember, for an acknowledgement
	delay  time.Duration // the delay of the retry, for a nack; negative for no retry
	reason string        // the reason of a nack
}

type dispositionKind int

const (
	// settled needs no report.
	settled dispositionKind = iota
	acknowledged
	nacked
	released
)

// dispose derives a message's disposition from its outcome, and logs a failure.
func (c *consumer) dispose(m *message, o outcome) disposition {
	atMostOnce := c.config.atMostOnce
	switch {
	case o.ok() && atMostOnce:
		return disposition{}
	case o.ok():
		d := disposition{kind: acknowledged}
		if c.repeated != nil {
			if id := o.id(); memorable(id) {
				d.event = id
			}
		}
		return d
	case o.released():
		return disposition{kind: released}
	case atMostOnce && !c.config.deadLetters:
		c.receiver.logLoss(o.observers(c.work), c.queue, m, o)
		return disposition{}
	}
	d := disposition{kind: nacked, delay: -1, reason: o.reason()}
	if !atMostOnce && !o.permanent() && m.attempt-m.pardons < c.config.attempts() {
		d.delay = o.delay(c.config.retryDelay(m.attempt))
		c.receiver.logRetry(o.observers(c.work), c.queue, m, o, d.delay)
	} else {
		c.receiver.logDeath(o.observers(c.work), c.queue, m, o)
	}
	return d
}

// memorable reports whether an id is short enough to be remembered (REL-30).
func memorable(id string) bool { return id != "" && len(id) <= 256 }

// bytesOf returns the bytes of a reply's text without copying them. The caller must not
// use the reply again, because a listener may change the bytes.
func bytesOf(text string) []byte {
	return unsafe.Slice(unsafe.StringData(text), len(text)) //nolint:gosec // the text has no other user
}
