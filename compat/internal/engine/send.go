package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/compat/internal/suite"
	"github.com/remote-events/remote-events/compat/internal/value"
	"github.com/remote-events/remote-events/go/wire"
)

// outbox is a sender in a lane, started anew where it fails.
type outbox struct {
	run    *run
	p      *participant
	lane   *lane
	trace  *trace
	player Player
	slow   int
}

// send has one implementation send every event of the cases, and returns what
// it made of those that receivers are to get.
func (r *run) send(ctx context.Context, l *lane, p *participant) ([]delivery, error) {
	o := &outbox{run: r, p: p, lane: l, trace: &trace{}}
	defer o.drop()
	var deliveries []delivery
	for i := range r.Cases {
		c := &r.Cases[i]
		if c.Event == nil {
			continue
		}
		event := c.Event.Named(l.prefix)
		result := report.Result{Case: c.ID, Server: l.server, Sender: p.ID, Expected: "sends " + Text([]byte(event.PayloadText), 200)}
		raw, err := o.send(ctx, event)
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		switch refusal, ok := errors.AsType[*adapter.FailedError](err); {
		case ok && refusal.Unsupported():
			result.Outcome, result.Observed, result.Problems = report.Unsupported, "unsupported", []string{refusal.Error()}
		case err != nil:
			line, _, _ := strings.Cut(err.Error(), "\n")
			result.Outcome, result.Observed, result.Problems = report.Failed, "fault: "+line, []string{err.Error()}
			if ok {
				result.Observed = "refuses: " + line
			}
		default:
			result.Observed = "sends " + Text(raw, 300)
			result.Outcome, result.Problems = report.Passed, faults(event, raw)
			if len(result.Problems) > 0 {
				result.Outcome = report.Failed
			}
		}
		r.add(result, raw, o.trace)
		if raw != nil {
			deliveries = append(deliveries, sentBy(p, c, event, raw))
		}
	}
	return deliveries, nil
}

// sentBy is what receivers are to get of a message that was sent.
func sentBy(p *participant, c *suite.Case, event suite.Event, raw []byte) delivery {
	chain := wire.Chain(event.EventName, event.Parents...)
	w := want{delivered: true, calls: called(chain), signals: chain, payload: []byte(event.PayloadText)}
	if env, err := wire.Decode(raw, wire.Limits{}); err == nil {
		w.metadata = env.Metadata.Attributes // with those that the sender adds
	}
	return delivery{c: c, sender: p.ID, queue: event.EventName, listen: event.EventName, message: raw, want: w}
}

// marker lies in the list before the event is sent, to its right.
const marker = "what is older"

// send has an event sent and returns the message.
func (o *outbox) send(ctx context.Context, event suite.Event) ([]byte, error) {
	o.trace.begin()
	if err := o.ready(ctx); err != nil {
		return nil, err
	}
	if err := o.lane.redis.LPush(ctx, event.EventName, marker).Err(); err != nil {
		return nil, fmt.Errorf("the list cannot be prepared: %w", err)
	}
	sending := o.player.Send(ctx, event.Message)
	o.late(sending)
	raws, err := o.lane.redis.LRange(ctx, event.EventName, 0, -1).Result()
	if err != nil {
		return nil, fmt.Errorf("the list cannot be read: %w", err)
	}
	for _, raw := range raws {
		o.trace.add("redis", "LRANGE "+event.EventName, []byte(raw))
	}
	strays, err := o.strays(ctx, event.EventName)
	if err != nil {
		return nil, err
	}
	if _, refused := errors.AsType[*adapter.FailedError](sending); sending != nil && !refused {
		o.drop() // it is in no state to be asked again
	}
	switch {
	case sending != nil && len(raws) > 1:
		return nil, fmt.Errorf("%w; and yet something is in the list", sending)
	case sending != nil:
		return nil, sending
	case len(raws) == 2 && raws[1] == marker:
		return []byte(raws[0]), nil
	case len(raws) == 2 && raws[0] == marker:
		return nil, errors.New("it was pushed to the right of the list, not to the left (SEND-3)")
	case len(strays) > 0:
		return nil, fmt.Errorf("it was pushed to %q, not to %q (SEND-3)", strays, event.EventName)
	}
	return nil, fmt.Errorf("the list has %d messages after one event", len(raws)-1)
}

// strays empties the lane and returns the keys that should not have been there.
// Where others use the Redis, their keys are none of our business.
func (o *outbox) strays(ctx context.Context, key string) ([]string, error) {
	if o.lane.prefix != "" {
		return nil, o.lane.redis.Del(ctx, key).Err()
	}
	keys, err := o.lane.redis.Keys(ctx, "*").Result()
	if err != nil {
		return nil, err
	}
	keys = slices.DeleteFunc(keys, func(k string) bool { return k == key })
	return keys, o.lane.clear(ctx)
}

func (o *outbox) ready(ctx context.Context) error {
	if o.player != nil {
		return nil
	}
	if o.slow >= tooSlow {
		return fmt.Errorf("not played: the sender ran into %d deadlines, one after the other", o.slow)
	}
	player, err := o.p.start(ctx, Setting{RedisURL: o.lane.url, Timeout: o.run.Timeout, MaxLine: ordinaryLine, Trace: o.trace.of(o.p.ID)})
	if err != nil {
		return err
	}
	if _, err := player.Hello(ctx); err != nil {
		o.late(err)
		_ = player.Close()
		return err
	}
	o.player = player
	return nil
}

// late counts the deadlines that it ran into.
func (o *outbox) late(err error) {
	if errors.Is(err, adapter.ErrTimeout) {
		o.slow++
	} else {
		o.slow = 0
	}
}

func (o *outbox) drop() {
	if o.player != nil {
		_ = o.player.Close()
		o.player = nil
	}
}

// faults are what is wrong with a message that was made of an event.
func faults(event suite.Event, raw []byte) []string {
	var problems []string
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	judged := wire.InspectFrom(event.EventName, raw, wire.Limits{})
	if judged.Verdict != wire.Safe {
		say("the message is %s: %v", judged.Verdict, judged.Findings)
	}
	if judged.Legacy != wire.Delivers {
		say("of the message an original %s", judged.Legacy)
	}
	env, err := wire.Decode(raw, wire.Limits{})
	if err != nil {
		return problems
	}
	if chain := wire.Chain(event.EventName, event.Parents...); !slices.Equal(env.Metadata.Signals, chain) {
		say("its signals are %q, not %q", env.Metadata.Signals, chain)
	}
	if same, err := value.Equal(env.Payload, []byte(event.PayloadText)); err != nil || !same {
		say("its payload is another: %s", Text(env.Payload, 300))
	}
	for _, name := range slices.Sorted(maps.Keys(event.Metadata)) {
		if got, ok := env.Metadata.Attributes[name]; !ok {
			say("its attribute %s is not there", name)
		} else if got != event.Metadata[name] {
			say("its attribute %s is %q", name, got)
		}
	}
	return problems
}
