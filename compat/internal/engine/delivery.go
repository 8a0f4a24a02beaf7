package engine

import (
	"slices"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/suite"
	"github.com/remote-events/remote-events/go/wire"
)

// delivery is a message for receivers: the message of a case, or the message that a
// sender made of its event.
type delivery struct {
	c      *suite.Case
	sender string // "" for the message of the case
	queue  string
	spare  bool   // any other queue can be used instead
	listen string // the signal of the canary
	// listeners has the signals with a listener, nil for all signals of the message.
	listeners []string
	fails     []bool // by the index of the listener; nil if none fails
	// message and want.payload are nil until whole is called, unless a sender made the
	// message.
	message []byte
	length  int // of the message
	want    want
}

// whole returns the delivery with its message. The deliveries of all receivers exist at the
// same time, and some messages have 64 MiB: until its delivery, the message of a case stays
// in the parts of its vector.
func (d delivery) whole() delivery {
	if d.message == nil {
		d.message = d.c.Delivery.Message.Bytes()
		d.want.payload = wanted(d.c, d.message).payload
	}
	return d
}

// want is the result of a delivery that the specification requires.
type want struct {
	delivered bool
	calls     []string
	// eventName is not compared if nameless is set: an original has no name of a received
	// event other than its signals.
	eventName string
	nameless  bool
	signals   []string // of the message
	payload   []byte
	metadata  map[string]string
}

// receiveCases returns the deliveries of the cases that are messages, without the messages.
// Their queue may have any name, because listeners are selected by the signals of a message.
func (r *run) receiveCases(prefix string) []delivery {
	var deliveries []delivery
	for i := range r.cases {
		c := &r.cases[i]
		if c.Delivery == nil {
			continue
		}
		want := wanted(c, c.Delivery.Message.Bytes())
		want.payload = nil
		deliveries = append(deliveries, delivery{
			c: c, queue: prefix + c.Delivery.Key, spare: true, listen: canary(c.Delivery.Key), length: c.Delivery.Message.Len(), want: want,
			listeners: c.Delivery.Listeners, fails: c.Delivery.Fails,
		})
	}
	return deliveries
}

// canary returns the signal of the canaries in a queue.
func canary(key string) string {
	if wire.Reserved(key) || key == wire.SignalEvent || key == wire.SignalRemoteEvent {
		return "e" // no event has such a name, nor has the canary
	}
	return key
}

// wanted returns the result that the specification requires for a case with a message.
func wanted(c *suite.Case, message []byte) want {
	if c.Delivery.Verdict == string(wire.Malformed) {
		return want{}
	}
	w := want{delivered: true}
	if d := c.Delivery.Delivered; d != nil {
		w.eventName, w.signals, w.payload, w.metadata = d.EventName, d.Signals, d.Payload.Bytes(), d.Attributes
	} else if env, err := wire.Decode(message, wire.Limits{}); err == nil {
		w.eventName, w.signals, w.payload, w.metadata = env.EventName, env.Metadata.Signals, env.Payload, env.Metadata.Attributes
	}
	w.calls = called(w.signals)
	if c.Delivery.Calls != nil {
		w.calls = c.Delivery.Calls
	}
	return w
}

// called returns the signals whose listeners are called: each once, without the signals of
// the kernel.
func called(signals []string) []string {
	var calls []string
	for _, signal := range signals {
		if !wire.Reserved(signal) && !slices.Contains(calls, signal) {
			calls = append(calls, signal)
		}
	}
	return calls
}

// batch is a group of deliveries for one process. If the process ends, another one
// continues the batch.
type batch struct {
	queues, signals []string
	maxLine         int
	alone           bool // takes no other delivery
	hold            bool // each call of a listener returns when the engine ends it
	reliably        bool // the receiver delivers at least once
	deliveries      []delivery
}

// The limits of a batch: the number of queues, because an original serves five for each
// CPU, and the number of deliveries, so that the batches of one implementation run in
// parallel.
const (
	batchQueues     = originalQueues
	batchDeliveries = 400
	batchMessages   = 40
)

// ordinaryMessage is the longest message whose reports fit into ordinaryLine.
const (
	ordinaryMessage = 1<<20 + 4096
	ordinaryLine    = 8 << 20
)

// batches groups deliveries into as few batches as possible.
func batches(deliveries []delivery, reliably bool) []batch {
	var all []*batch
	for _, d := range deliveries {
		maxLine := ordinaryLine
		if d.length > ordinaryMessage {
			maxLine = adapter.LargeLine
		}
		limit := batchDeliveries
		if d.spare {
			limit = batchMessages
		}
		// Several listeners for one signal, a failing one, or one that the receiver may reject
		// needs a separate process.
		several := len(union(nil, d.listeners...)) < len(d.listeners) || d.fails != nil || slices.ContainsFunc(d.listeners, wire.Reserved)
		i := slices.IndexFunc(all, func(b *batch) bool {
			return !several && !b.alone && b.maxLine == maxLine && len(b.deliveries) < limit && (slices.Contains(b.queues, d.queue) || len(b.queues) < batchQueues)
		})
		if i < 0 {
			i = len(all)
			all = append(all, &batch{maxLine: maxLine, alone: several, hold: d.fails != nil, reliably: reliably})
		}
		b := all[i]
		if maxLine != ordinaryLine {
			// Each listener reports the whole message, so one listener is sufficient.
			d.want.calls = slices.DeleteFunc(slices.Clone(d.want.calls), func(signal string) bool { return signal != d.listen })
		}
		b.deliveries = append(b.deliveries, d)
		b.queues = union(b.queues, d.queue)
		if several {
			b.signals = d.listeners
		}
		b.signals = union(b.signals, d.listeners...)
		b.signals = union(b.signals, d.listen)
		b.signals = union(b.signals, d.want.calls...)
	}
	var result []batch
	for _, b := range all {
		result = append(result, *b)
	}
	return result
}

func union(names []string, more ...string) []string {
	for _, name := range more {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
