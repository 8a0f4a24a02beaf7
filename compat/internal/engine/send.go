package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/compat/internal/suite"
	"github.com/remote-events/remote-events/go/wire"
)

// outbox is a sender in a lane. It starts a new process after a failure.
type outbox struct {
	run     *run
	turn    turn
	p       *participant
	lane    *lane
	trace   *trace
	process Process
}

// outgoing has the messages of senders for receivers, by sender. Its method may be called
// concurrently.
type outgoing struct {
	mu sync.Mutex
	by map[string][]delivery
}

func (o *outgoing) add(d delivery) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.by[d.sender] = append(o.by[d.sender], d)
}

// sendingOf returns the cases of events in which a participant takes part.
func (r *run) sendingOf(p *participant) []*suite.Case {
	var cases []*suite.Case
	for i := range r.cases {
		if c := &r.cases[i]; p.takes(c) && (c.Event != nil || c.Sending != nil) {
			cases = append(cases, c)
		}
	}
	return cases
}

// send runs the cases with an event with one sender.
func (r *run) send(ctx context.Context, l *lane, p *participant, out *outgoing) error {
	o := &outbox{run: r, turn: r.first(), p: p, lane: l, trace: &trace{}}
	defer o.drop()
	for _, c := range r.sendingOf(p) {
		result := o.result(ctx, c, out)
		if err := context.Cause(ctx); err != nil {
			return err
		}
		r.conclude(result, []*participant{p}, func(ctx context.Context, l *lane, t turn) (report.Result, error) {
			alone := &outbox{run: r, turn: t, p: p, lane: l, trace: &trace{}}
			defer alone.drop()
			return alone.result(ctx, c, out), context.Cause(ctx)
		})
	}
	return nil
}

// result runs one case, and adds its message for the receivers.
func (o *outbox) result(ctx context.Context, c *suite.Case, out *outgoing) report.Result {
	var event suite.Event
	if c.Sending != nil {
		event = c.Sending.Event
	} else {
		event = c.Event.Named(o.lane.prefix)
	}
	pushed, err := o.send(ctx, event)
	err = o.turn.judged(err)
	var result report.Result
	if c.Sending != nil {
		result = o.p.judgeSending(c.ID, c.Sending, pushed, err)
	} else {
		result = judgeEvent(event, pushed, err)
	}
	result.Case, result.Server, result.Sender = c.ID, o.lane.server, o.p.ID
	var raw []byte
	if len(pushed) == 1 {
		raw = pushed[0].raw
	}
	if c.Event != nil && raw != nil && pushed[0].in(event.EventName) == nil && !unknown(result.Outcome) {
		out.add(sentBy(o.p, c, event, raw))
	}
	return o.run.complete(result, raw, o.trace)
}

// sentBy returns the delivery of a message that a sender pushed.
func sentBy(p *participant, c *suite.Case, event suite.Event, raw []byte) delivery {
	chain := event.Chain()
	w := want{delivered: true, calls: called(chain), eventName: event.EventName, signals: chain, payload: []byte(event.PayloadText)}
	if env, err := wire.Decode(raw, wire.Limits{}); err == nil {
		w.metadata = env.Metadata.Attributes // with the attributes that the sender adds
	}
	return delivery{c: c, sender: p.ID, queue: event.EventName, listen: event.EventName, message: raw, length: len(raw), want: w}
}

// marker is an element that the list has before the event is sent. The message must be to
// the left of the marker.
const marker = "an older message"

// pushed is a message that a sender pushed.
type pushed struct {
	key   string
	right bool // of the marker
	raw   []byte
}

// in returns nil if the message is in the right place.
func (p pushed) in(key string) error {
	switch {
	case p.key != key:
		return fmt.Errorf("it was pushed to %q, not to %q (SEND-3)", p.key, key)
	case p.right:
		return errors.New("it was pushed to the right of the list, not to the left (SEND-3)")
	}
	return nil
}

// send makes the process send an event and returns the pushed messages.
func (o *outbox) send(ctx context.Context, event suite.Event) ([]pushed, error) {
	o.trace.begin()
	if err := o.ready(ctx); err != nil {
		return nil, err
	}
	if err := o.lane.redis.LPush(ctx, event.EventName, marker).Err(); err != nil {
		return nil, fmt.Errorf("prepare the list: %w", err)
	}
	sending := o.process.Send(ctx, event.Message)
	o.p.punctual(sending)
	if _, failed := errors.AsType[*protocol.FailedError](sending); sending != nil && !failed {
		o.drop() // its state is unknown
	}
	found, err := o.collect(ctx, event.EventName)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the lists: %w", err)
	case sending != nil && len(found) > 0:
		return found, fmt.Errorf("%w; but a message was pushed", sending)
	case sending == nil && len(found) != 1:
		return found, wrong("%d messages were pushed after one event", len(found))
	}
	return found, sending
}

// collect returns the pushed messages and clears the lane. On a shared Redis it reads and
// removes the key of the event only.
func (o *outbox) collect(ctx context.Context, key string) ([]pushed, error) {
	keys := []string{key}
	if o.lane.prefix == "" {
		var err error
		if keys, err = o.lane.redis.Keys(ctx, "*").Result(); err != nil {
			return nil, err
		}
	}
	var found []pushed
	for _, k := range keys {
		raws, err := o.lane.redis.LRange(ctx, k, 0, -1).Result()
		if err != nil {
			return nil, err
		}
		right := false
		for _, raw := range raws {
			o.trace.add("redis", "LRANGE "+k, []byte(raw))
			if k == key && raw == marker {
				right = true
				continue
			}
			found = append(found, pushed{key: k, right: right, raw: []byte(raw)})
		}
	}
	if o.lane.prefix != "" {
		return found, o.lane.redis.Del(ctx, key).Err()
	}
	return found, o.lane.clear(ctx)
}

func (o *outbox) ready(ctx context.Context) error {
	if o.process != nil {
		return nil
	}
	if err := o.p.ready(o.turn); err != nil {
		return err
	}
	process, _, err := o.p.implementation.Launch(ctx, Setting{RedisURL: o.lane.url, Timeout: o.turn.timeout, MaxLine: ordinaryLine, Trace: o.trace.of(o.p.ID)})
	if err != nil {
		o.p.punctual(err)
		return err
	}
	o.process = process
	return nil
}

func (o *outbox) drop() {
	if o.process != nil {
		shut(o.process)
		o.process = nil
	}
}
