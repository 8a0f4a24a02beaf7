package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/engine"
	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/go/wire"
)

// fakeProcess is an implementation in this process that does something wrong.
type fakeProcess struct {
	redis *redis.Client
	ctx   context.Context //nolint:containedctx // its life, as a process has one
	end   context.CancelFunc

	push     func(p *fakeProcess, message protocol.Message) error
	observe  func(raw string) []protocol.Observation
	left     bool // it takes from the left
	poll     bool // it does not wait for messages
	fragile  bool // it ends with its connection
	observed chan protocol.Observation
}

func (p *fakeProcess) Hello(context.Context) (protocol.Identity, error) {
	return protocol.Identity{Name: "fake", Version: "1", Classes: []protocol.Class{protocol.LegacySafeSender, protocol.Receiver}}, nil
}

func (p *fakeProcess) Send(_ context.Context, message protocol.Message) error {
	return p.push(p, message)
}

func (p *fakeProcess) Receive(_ context.Context, reception protocol.Reception) error {
	go func() {
		defer close(p.observed)
		for p.ctx.Err() == nil {
			pop := p.redis.BRPop
			if p.left {
				pop = p.redis.BLPop
			}
			var answer []string
			var err error
			if p.poll {
				answer = []string{reception.Queues[0], ""}
				answer[1], err = p.redis.RPop(p.ctx, reception.Queues[0]).Result()
			} else {
				answer, err = pop(p.ctx, time.Second, reception.Queues...).Result()
			}
			if err != nil {
				if p.fragile && !errors.Is(err, redis.Nil) {
					<-p.ctx.Done()
				}
				continue
			}
			for _, o := range p.observe(answer[1]) {
				if e, ok := o.(protocol.Event); !ok || slices.Contains(reception.Signals, e.Signal) {
					p.observed <- o
				}
			}
		}
	}()
	return nil
}

func (p *fakeProcess) Next(ctx context.Context) (protocol.Observation, error) {
	select {
	case o := <-p.observed:
		return o, nil
	case <-ctx.Done():
		return nil, &adapter.Error{Kind: adapter.ErrTimeout}
	case <-p.ctx.Done():
		return nil, &adapter.Error{Kind: adapter.ErrClosed}
	}
}

func (p *fakeProcess) Kill() { p.end() }

func (p *fakeProcess) Close() error {
	p.end()
	return p.redis.Close()
}

// start starts a copy of the process.
func (p *fakeProcess) start(_ context.Context, s engine.Setting) (engine.Process, error) {
	options, err := redis.ParseURL(s.RedisURL)
	if err != nil {
		return nil, err
	}
	started := *p
	started.redis = redis.NewClient(options)
	started.ctx, started.end = context.WithCancel(context.Background()) // Close ends it
	started.observed = make(chan protocol.Observation, 1000)
	return &started, nil
}

// observations returns the reports of a correct receiver for a message.
func observations(raw string) []protocol.Observation {
	env, err := wire.Decode([]byte(raw), wire.Limits{})
	if err != nil {
		return nil
	}
	attributes := env.Metadata.Attributes
	if attributes == nil {
		attributes = map[string]string{}
	}
	var all []protocol.Observation
	for _, signal := range env.Metadata.Signals {
		all = append(all, protocol.Event{Signal: signal, EventName: env.EventName, Signals: env.Metadata.Signals, PayloadText: string(env.Payload), Metadata: attributes})
	}
	return all
}

// edited returns the observations with a change to each call.
func edited(edit func(*protocol.Event)) func(string) []protocol.Observation {
	return func(raw string) []protocol.Observation {
		all := observations(raw)
		for i := range all {
			e, _ := all[i].(protocol.Event)
			if !strings.Contains(e.PayloadText, "canary") {
				edit(&e)
			}
			all[i] = e
		}
		return all
	}
}

func pushed(name func(string) string, edit func(string) string, right bool) func(*fakeProcess, protocol.Message) error {
	return func(p *fakeProcess, m protocol.Message) error {
		message, _, err := wire.Encode(wire.Envelope{
			EventName: m.EventName, Payload: []byte(m.PayloadText),
			Metadata: wire.Metadata{Signals: wire.Chain(m.EventName, m.Parents...), Attributes: m.Metadata},
		}, wire.Limits{})
		if err != nil {
			return &protocol.FailedError{Op: "send", Reason: err.Error()}
		}
		push := p.redis.LPush
		if right {
			push = p.redis.RPush
		}
		return push(p.ctx, name(m.EventName), edit(string(message))).Err()
	}
}

func same(text string) string { return text }

// TestFaults checks that each likely mistake of an implementer fails its case, and that the
// result describes the mistake. An implementation without a mistake passes.
func TestFaults(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	good := pushed(same, same, false)
	for name, test := range map[string]struct {
		process fakeProcess
		cases   string
		says    string
	}{
		"none":                    {fakeProcess{push: good, observe: observations}, "payload/readme", ""},
		"pushes to the right":     {fakeProcess{push: pushed(same, same, true), observe: observations}, "payload/readme", "to the right of the list"},
		"pushes to a prefix":      {fakeProcess{push: pushed(func(n string) string { return "q:" + n }, same, false), observe: observations}, "payload/readme", `pushed to "q:new_file_event"`},
		"pushes Data":             {fakeProcess{push: pushed(same, func(m string) string { return strings.Replace(m, `"data"`, `"Data"`, 1) }, false), observe: observations}, "payload/readme", "the message is malformed"},
		"leaves out remote_event": {fakeProcess{push: pushed(same, func(m string) string { return strings.Replace(m, `"remote_event", `, "", 1) }, false), observe: observations}, "payload/readme", "SIG-2"},
		"rounds what it sends":    {fakeProcess{push: pushed(same, func(m string) string { return strings.ReplaceAll(m, "9007199254740993", "9007199254740992") }, false), observe: observations}, "payload/integer-beyond-53-bits", "its payload is another"},
		"drops metadata": {fakeProcess{push: pushed(same, func(m string) string {
			before, _, _ := strings.Cut(m, `, "metadata"`)
			return strings.TrimSuffix(before, "}") + "}"
		}, false), observe: observations}, "payload/metadata-and-parents", "its attribute tenant is missing"},
		"sends NaN": {fakeProcess{push: func(p *fakeProcess, m protocol.Message) error {
			return p.redis.LPush(p.ctx, m.EventName, `{"data": {"a": NaN}, "signals": ["e", "remote_event", "event"]}`).Err()
		}, observe: observations}, "send/nan", "must be rejected"},
		"takes from the left":     {fakeProcess{push: good, observe: observations, left: true}, "redis/backlog", "in another order"},
		"reads a byte order mark": {fakeProcess{push: good, observe: func(raw string) []protocol.Observation { return observations(strings.TrimPrefix(raw, "\ufeff")) }}, "*/byte-order-mark*", "this message must not be delivered"},
		"rounds what it receives": {fakeProcess{push: good, observe: edited(func(e *protocol.Event) {
			e.PayloadText = strings.ReplaceAll(e.PayloadText, "9007199254740993", "9007199254740992")
		})}, "payload/integer-beyond-53-bits", "the reported payload is"},
		"forgets metadata":   {fakeProcess{push: good, observe: edited(func(e *protocol.Event) { e.Metadata = map[string]string{} })}, "payload/metadata-and-parents", "is missing"},
		"hides metadata":     {fakeProcess{push: good, observe: edited(func(e *protocol.Event) { e.Metadata = nil })}, "payload/metadata-and-parents", "the report has no metadata, but others of the receiver have"},
		"names from the key": {fakeProcess{push: good, observe: edited(func(e *protocol.Event) { e.EventName = "e" })}, "wire/another-key", `the reported name of the event is "e", not "other"`},
		"forgets signals":    {fakeProcess{push: good, observe: edited(func(e *protocol.Event) { e.Signals = e.Signals[:1] })}, "payload/readme", "the reported signals are"},
		"calls one listener": {fakeProcess{push: good, observe: func(raw string) []protocol.Observation { return observations(raw)[:1] }}, "payload/hierarchy", "were called, in this order"},
		"dies": {fakeProcess{push: good, observe: func(string) []protocol.Observation {
			return []protocol.Observation{protocol.Died{Queue: "e", Error: "ouch"}}
		}}, "wire/the-plainest", "ouch"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := run(t, engine.Config{
				Cases: selected(t, test.cases), Implementations: []engine.Implementation{{Start: test.process.start}},
				Servers: []engine.Server{serve(t, local)}, Timeout: 2 * time.Second,
			})
			var problems []string
			for _, result := range r.Results {
				if result.Outcome == report.Failed {
					problems = append(problems, result.Problems...)
				}
			}
			switch found := strings.Join(problems, "\n"); {
			case name == "none" && found != "":
				t.Errorf("it fails: %s", found)
			case name != "none" && (found == "" || !strings.Contains(found, test.says)):
				t.Errorf("got %q, want what says %q", found, test.says)
			}
		})
	}
}

// A receiver without metadata passes the cases of metadata, which do not test it.
func TestReceiverWithoutMetadata(t *testing.T) {
	t.Parallel()
	without := &fakeProcess{push: pushed(same, same, false), observe: func(raw string) []protocol.Observation {
		all := observations(raw)
		for i := range all {
			e, _ := all[i].(protocol.Event)
			e.Metadata = nil
			all[i] = e
		}
		return all
	}}
	r := run(t, engine.Config{
		Cases: selected(t, "metadata/*"), Implementations: []engine.Implementation{{Start: without.start}}, Servers: []engine.Server{serve(t, local)},
	})
	hidden := 0
	for i := range r.Results {
		result := &r.Results[i]
		at := slices.IndexFunc(r.Cases, func(c report.Case) bool { return c.ID == result.Case })
		if tests := result.Tests(&r.Cases[at]); result.Outcome != report.Passed || slices.Contains(tests, "META-6") {
			t.Errorf("%s: %s, tests %v: %v", result.Case, result.Outcome, tests, result.Problems)
		}
		if slices.Contains(r.Cases[at].Requirements, "META-6") {
			hidden++
		}
	}
	if hidden == 0 {
		t.Error("no case names META-6")
	}
}
