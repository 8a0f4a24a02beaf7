package engine

import (
	"slices"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/suite"
	"github.com/remote-events/remote-events/go/wire"
)

// delivery is a message for receivers: that of a case, or one that a sender
// made of a case.
type delivery struct {
	c      *suite.Case
	sender string // "" where the message is the case's own
	queue  string
	spare  bool   // any other queue does as well
	listen string // the signal of the canary
	// listeners are the signals to listen to, nil for all of the message.
	listeners []string
	message   []byte
	want      want
}

// want is what the specification wants of a delivery.
type want struct {
	delivered bool
	calls     []string
	signals   []string // of the message
	payload   []byte
	metadata  map[string]string
}

// receiveCases are the deliveries of the cases that are messages. Their queue
// may have any name, since listeners go by the signals in a message.
func (r *run) receiveCases(prefix string) []delivery {
	var deliveries []delivery
	for i := range r.cases {
		c := &r.cases[i]
		if c.Delivery == nil {
			continue
		}
		message := c.Delivery.Message.Bytes()
		deliveries = append(deliveries, delivery{
			c: c, queue: prefix + c.Delivery.Key, spare: true, listen: canary(c.Delivery.Key), message: message, want: wanted(c, message),
			listeners: c.Delivery.Listeners,
		})
	}
	return deliveries
}

// canary is the signal of the canaries in a queue.
func canary(key string) string {
	if wire.Reserved(key) || key == wire.SignalEvent || key == wire.SignalRemoteEvent {
		return "e" // no event has such a name, nor has the canary
	}
	return key
}

// wanted is what the specification wants of a case that is a message.
func wanted(c *suite.Case, message []byte) want {
	if c.Delivery.Verdict == string(wire.Malformed) {
		return want{}
	}
	w := want{delivered: true}
	if d := c.Delivery.Delivered; d != nil {
		w.signals, w.payload, w.metadata = d.Signals, d.Payload.Bytes(), d.Attributes
	} else if env, err := wire.Decode(message, wire.Limits{}); err == nil {
		w.signals, w.payload, w.metadata = env.Metadata.Signals, env.Payload, env.Metadata.Attributes
	}
	w.calls = called(w.signals)
	if c.Delivery.Calls != nil {
		w.calls = c.Delivery.Calls
	}
	return w
}

// called are the signals whose listeners are called: each once, and none of
// the kernel's.
func called(signals []string) []string {
	var calls []string
	for _, signal := range signals {
		if !wire.Reserved(signal) && !slices.Contains(calls, signal) {
			calls = append(calls, signal)
		}
	}
	return calls
}

// batch is what is played with one process, as long as it lives.
type batch struct {
	queues, signals []string
	maxLine         int
	alone           bool // takes no other delivery
	deliveries      []delivery
}

// The most of a batch: queues, because an original serves five a CPU, and
// deliveries, so that those of one implementation are played side by side.
const (
	batchQueues     = 5
	batchDeliveries = 400
	batchMessages   = 40
)

// ordinaryMessage is the longest message whose reports fit into ordinaryLine.
const (
	ordinaryMessage = 1<<20 + 4096
	ordinaryLine    = 8 << 20
)

// batches sorts deliveries into as few batches as serve them.
func batches(deliveries []delivery) []batch {
	var all []*batch
	for _, d := range deliveries {
		maxLine := ordinaryLine
		if len(d.message) > ordinaryMessage {
			maxLine = adapter.LargeLine
		}
		most := batchDeliveries
		if d.spare {
			most = batchMessages
		}
		several := len(union(nil, d.listeners...)) < len(d.listeners) // to one signal: they need a process of their own
		i := slices.IndexFunc(all, func(b *batch) bool {
			return !several && !b.alone && b.maxLine == maxLine && len(b.deliveries) < most && (slices.Contains(b.queues, d.queue) || len(b.queues) < batchQueues)
		})
		if i < 0 {
			i = len(all)
			all = append(all, &batch{maxLine: maxLine, alone: several})
		}
		b := all[i]
		if maxLine != ordinaryLine {
			// Every listener reports it whole: one has to do.
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
