package pairing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
	"github.com/remote-events/remote-events/compat/internal/value"
	"github.com/remote-events/remote-events/go/wire"
)

// Runner plays cases between implementations. Redis belongs to it while it runs,
// as far as the queues of the cases go.
type Runner struct {
	// Server is where the adapters meet.
	Server *redisserver.Server
	// Commands start the adapters, one for each implementation.
	Commands [][]string
	// Cases are what each sends to each.
	Cases []Case
	// Progress, if set, is told what is about to be done.
	Progress func(doing string)
}

// deadline is how long a receiver may take from a push to the canary.
const deadline = 10 * time.Second

// sent is what one sender made of one case.
type sent struct {
	raw      string
	problems []string
	outcome  Outcome // Passed so far, or what it came to without a receiver
}

// Run plays every case from each implementation to each. Its error is that the
// run could not be made; failures of implementations are in the report.
func (r *Runner) Run(ctx context.Context) (*Report, error) {
	options, err := redis.ParseURL(r.Server.URL())
	if err != nil {
		return nil, errors.New("the server has no usable URL")
	}
	client := redis.NewClient(options)
	defer client.Close()
	for _, queue := range queues(r.Cases) {
		if n, err := client.Exists(ctx, queue).Result(); err != nil || n > 0 {
			return nil, errors.Join(err, fmt.Errorf("the key %q is in use on this Redis, and the run needs it", queue))
		}
	}
	defer client.Del(context.WithoutCancel(ctx), queues(r.Cases)...)

	report := &Report{Redis: r.Server.String()}
	messages := make([][]sent, len(r.Commands))
	for i, command := range r.Commands {
		who, result, err := r.collect(ctx, client, command)
		if err != nil {
			return nil, err
		}
		report.Participants = append(report.Participants, who)
		messages[i] = result
	}
	for i, command := range r.Commands {
		results, err := r.deliver(ctx, client, command, report.Participants, i, messages)
		if err != nil {
			return nil, err
		}
		report.Results = append(report.Results, results...)
	}
	return report, nil
}

// collect has one implementation send every case, and takes what it pushed.
func (r *Runner) collect(ctx context.Context, client *redis.Client, command []string) (Participant, []sent, error) {
	a, who, err := r.start(ctx, command)
	if err != nil {
		return Participant{}, nil, err
	}
	defer func() { _ = a.Close() }()
	r.progress(who.String() + " sends")
	result := make([]sent, len(r.Cases))
	for i, c := range r.Cases {
		result[i] = judgeSender(ctx, client, a, c)
		if ctx.Err() != nil {
			return who, nil, context.Cause(ctx)
		}
	}
	return who, result, nil
}

func judgeSender(ctx context.Context, client *redis.Client, a *adapter.Adapter, c Case) sent {
	s := sent{outcome: Passed}
	fail := func(format string, args ...any) { s.problems = append(s.problems, fmt.Sprintf(format, args...)) }
	if err := a.Send(ctx, c.Message); err != nil {
		s.problems = []string{err.Error()}
		s.outcome = Failed
		var failed *adapter.FailedError
		if errors.As(err, &failed) && failed.Unsupported() {
			s.outcome = Unsupported
		}
		return s
	}
	raws, err := client.LRange(ctx, c.EventName, 0, -1).Result()
	client.Del(ctx, c.EventName)
	if err != nil || len(raws) != 1 {
		fail("the list holds %d messages after one event (%v)", len(raws), err)
		s.outcome = Failed
		return s
	}
	s.raw = raws[0]
	judged := wire.InspectFrom(c.EventName, []byte(s.raw), wire.Limits{})
	if judged.Verdict != wire.Safe {
		fail("the message is %s: %v", judged.Verdict, judged.Findings)
	}
	if judged.Legacy != wire.Delivers {
		fail("of the message an original %s", judged.Legacy)
	}
	if env, err := wire.Decode([]byte(s.raw), wire.Limits{}); err == nil {
		if !slices.Equal(env.Metadata.Signals, c.chain()) {
			fail("its signals are %q", env.Metadata.Signals)
		}
		if same, err := value.Equal(env.Payload, []byte(c.PayloadText)); !same {
			fail("its payload is another: %s (%v)", env.Payload, err)
		}
		for name, want := range c.Metadata {
			if got := env.Metadata.Attributes[name]; got != want {
				fail("its attribute %s is %q", name, got)
			}
		}
	}
	if len(s.problems) > 0 {
		s.outcome = Failed
	}
	return s
}

// deliver has one implementation receive what all have sent. One whose consumer
// dies is started anew for the next message: that it died is what was observed.
func (r *Runner) deliver(ctx context.Context, client *redis.Client, command []string, participants []Participant, receiver int, messages [][]sent) ([]Result, error) {
	var (
		results []Result
		a       *adapter.Adapter
	)
	defer func() {
		if a != nil {
			_ = a.Close()
		}
	}()
	r.progress(participants[receiver].String() + " receives")
	for i, bySender := range messages {
		for j, c := range r.Cases {
			s := bySender[j]
			result := Result{
				Case: c.ID, Sender: participants[i].String(), Receiver: participants[receiver].String(),
				Outcome: s.outcome, Problems: s.problems, Message: s.raw,
			}
			if s.raw != "" {
				if a == nil {
					var err error
					if a, err = r.startReceiver(ctx, command); err != nil {
						return nil, err
					}
				}
				var alive bool
				result.Observed, alive = observe(ctx, client, a, c, s.raw, &result)
				if !alive {
					_ = a.Close()
					a = nil
					client.Del(ctx, c.EventName)
				}
			}
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			results = append(results, result)
		}
	}
	return results, nil
}

// canary is the payload that follows each message.
const canary = `{"canary": true}`

// observe pushes a message and its canary, and notes in the result what is
// wrong with what the receiver reports until the canary has come. It returns
// the reports, and whether the receiver still consumes.
func observe(ctx context.Context, client *redis.Client, a *adapter.Adapter, c Case, raw string, result *Result) (observed []string, alive bool) {
	fail := func(format string, args ...any) {
		result.Outcome = Failed
		result.Problems = append(slices.Clip(result.Problems), fmt.Sprintf(format, args...))
	}
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	barrier, _, err := wire.Encode(wire.Envelope{EventName: c.EventName, Payload: []byte(canary)}, wire.Limits{})
	if err == nil {
		err = client.LPush(ctx, c.EventName, raw, barrier).Err()
	}
	if err != nil {
		fail("the message could not be pushed: %v", err)
		return nil, false
	}
	want := c.chain()
	heard := 0
	for {
		o, err := a.Next(ctx)
		if err != nil {
			fail("the receiver reports no more: %v", err)
			return observed, false
		}
		switch o := o.(type) {
		case adapter.Died:
			observed = append(observed, "died: "+o.Error)
			fail("the consumer of %q died: %s", o.Queue, o.Error)
			return observed, false
		case adapter.Event:
			if same, _ := value.Equal([]byte(o.PayloadText), []byte(canary)); same {
				if o.Signal != wire.SignalEvent {
					continue
				}
				if heard != len(want) {
					fail("listeners heard it %d times instead of %d", heard, len(want))
				}
				return observed, true
			}
			observed = append(observed, fmt.Sprintf("%s heard %s", o.Signal, o.PayloadText))
			if heard < len(want) && o.Signal != want[heard] {
				fail("call %d is of the listener to %q, not to %q", heard+1, o.Signal, want[heard])
			}
			if !slices.Equal(o.Signals, want) {
				fail("it came with the signals %q", o.Signals)
			}
			if same, err := value.Equal([]byte(o.PayloadText), []byte(c.PayloadText)); !same {
				fail("its payload came as another (%v)", err)
			}
			heard++
		}
	}
}

func (r *Runner) startReceiver(ctx context.Context, command []string) (*adapter.Adapter, error) {
	a, _, err := r.start(ctx, command)
	if err != nil {
		return nil, err
	}
	if err := a.Receive(ctx, queues(r.Cases), signals(r.Cases)); err != nil {
		_ = a.Close()
		return nil, err
	}
	return a, nil
}

func (r *Runner) start(ctx context.Context, command []string) (*adapter.Adapter, Participant, error) {
	a, err := adapter.Start(ctx, adapter.Options{Command: command, RedisURL: r.Server.URL()})
	if err != nil {
		return nil, Participant{}, err
	}
	identity, err := a.Hello(ctx)
	if err != nil {
		_ = a.Close()
		return nil, Participant{}, err
	}
	return a, Participant{Name: identity.Name, Version: identity.Version, Details: identity.Details}, nil
}

func (r *Runner) progress(doing string) {
	if r.Progress != nil {
		r.Progress(doing)
	}
}
