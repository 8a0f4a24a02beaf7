package mutant

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/go/wire"
)

// adapter is a sender or a receiver with a mutation.
type adapter struct {
	Mutation

	client    *redis.Client
	listening []string // the signals of the listeners
	report    func(protocol.Observation) error
	consumers sync.WaitGroup
}

// Run serves the adapter protocol until the input ends or a request stops it.
func Run(ctx context.Context, m Mutation, redisURL string, in io.Reader, out io.Writer) error {
	options, err := redis.ParseURL(redisURL)
	if err != nil {
		return errors.New("REDIS_URL is not a valid URL of Redis")
	}
	options.PoolSize = 100  // a queue blocks one
	options.MaxRetries = -1 // a push is never repeated
	if m.client != nil {
		m.client(options)
	}
	client := redis.NewClient(options)
	defer client.Close()
	a := &adapter{Mutation: m, client: client}
	return protocol.Serve(ctx, in, out, a)
}

func (a *adapter) Identity() protocol.Identity {
	classes := []protocol.Class{
		protocol.LegacySafeSender, protocol.Receiver, protocol.ReliableReceiver, protocol.Validator, protocol.Converter, protocol.ConfigurationReader,
	}
	switch {
	case a.class != "":
		classes = []protocol.Class{a.class}
	case a.leasing != noMistake:
		classes = classes[2:3]
	case a.Name != "":
		classes = classes[:2]
	}
	return protocol.Identity{Name: "mutant", Version: a.Name, Classes: classes}
}

// Send sends an event.
func (a *adapter) Send(ctx context.Context, message protocol.Message) error {
	env := wire.Envelope{
		EventName: message.EventName, Payload: json.RawMessage(message.PayloadText),
		Metadata: wire.Metadata{Signals: message.Chain(), Attributes: message.Metadata},
	}
	if message.Signals != nil && a.forward != nil {
		a.forward(&env)
	}
	err := a.encodeAndPush(ctx, env)
	if a.answer != nil {
		err = a.answer(err, env)
	}
	return err
}

func (a *adapter) encodeAndPush(ctx context.Context, env wire.Envelope) error {
	if a.before != nil {
		a.before(&env)
	}
	key := env.EventName
	message, err := a.encode(env)
	if err != nil {
		return err
	}
	if a.event != nil {
		a.event(&env)
		message, key = layOut(env), env.EventName
	}
	if a.write != nil {
		message = a.write(message)
	}
	if a.push != nil {
		return a.push(ctx, a.client, key, message)
	}
	return a.client.LPush(ctx, key, message).Err()
}

// encode is wire.Encode, except that it accepts the events that the mutation permits.
func (a *adapter) encode(env wire.Envelope) ([]byte, error) {
	message, _, err := wire.Encode(env, wire.Limits{})
	rejected, ok := errors.AsType[*wire.RejectedError](err)
	if !ok || len(a.permits) == 0 {
		return message, err
	}
	for _, f := range rejected.Findings {
		if f.Severity != wire.SeverityWarning && !contains(a.permits, f.Requirement) {
			return nil, err
		}
	}
	return layOut(env), nil
}

// Wait waits until no queue is consumed.
func (a *adapter) Wait() {
	if a.quits {
		os.Exit(0)
	}
	a.consumers.Wait()
}

// Receive begins to consume.
func (a *adapter) Receive(ctx context.Context, reception protocol.Reception, report func(protocol.Observation) error) error {
	queues := reception.Queues
	a.listening, a.report = reception.Signals, report
	if a.listen != nil {
		a.listening = a.listen(a.listening)
	}
	if reception.Reliable != nil {
		return a.receiveReliably(ctx, queues, *reception.Reliable)
	}
	consumed := unique(queues)
	if a.queues != nil {
		consumed = a.queues(queues)
	}
	for _, queue := range consumed {
		a.consumers.Go(func() { a.consume(ctx, queue) })
	}
	return nil
}

// receiveReliably begins to consume at least once.
func (a *adapter) receiveReliably(ctx context.Context, queues []string, settings protocol.Reliable) error {
	var suspects sync.Mutex
	var all []*leased
	for _, queue := range unique(queues) {
		r, err := a.newLeased(queue, settings, &suspects)
		if err != nil {
			return err
		}
		all = append(all, r)
	}
	for _, r := range all {
		a.consumers.Go(func() { r.consume(ctx) })
	}
	return nil
}

// consume takes messages until the adapter is stopped. It delivers the messages that it
// has taken before it returns.
func (a *adapter) consume(ctx context.Context, queue string) {
	pop := a.pop
	if pop == nil {
		pop = fromTheRight
	}
	for ctx.Err() == nil {
		raw, err := pop(ctx, a.client, queue)
		switch {
		case errors.Is(err, redis.Nil):
			continue
		case err != nil && a.failed != nil && a.failed(err):
			_ = a.report(protocol.Died{Queue: queue, Error: err.Error()})
			return
		case err != nil:
			if !a.hasty {
				pause(ctx)
			}
			continue
		}
		switch a.handle(ctx, queue, raw) {
		case lives:
		case dies:
			_ = a.report(protocol.Died{Queue: queue, Error: "an error"})
			return
		case fades:
			return
		case exits:
			os.Exit(1)
		}
	}
	if a.stopping != nil {
		a.stopping(context.WithoutCancel(ctx), a.client, queue)
	}
}

// handle delivers a message and returns the state of the receiver.
func (a *adapter) handle(ctx context.Context, queue, raw string) fate {
	message := []byte(raw)
	if a.read != nil {
		message = a.read(message)
	}
	env, err := wire.Decode(message, a.limits)
	deliverable := err == nil
	if err != nil && a.accept != nil {
		if env, deliverable = a.accept(message); len(env.Metadata.Signals) == 0 {
			env.Metadata.Signals = wire.Chain(queue)
		}
	}
	if deliverable && (a.reject == nil || !a.reject(message, env)) {
		if a.deliver != nil {
			a.deliver(&env, message)
		}
		_ = a.call(env, queue) // a failure does not affect the next message
	}
	if a.after != nil {
		a.after(ctx, a.client, queue, raw)
	}
	if a.ends != nil {
		return a.ends(message, err != nil)
	}
	return lives
}

// call calls the listeners, and returns their failures.
func (a *adapter) call(env wire.Envelope, queue string) (failures []error) {
	signals := unique(env.Metadata.Signals)
	if a.chain != nil {
		signals = a.chain(env, queue)
	}
	hears := a.hears
	if hears == nil {
		hears = func(listener, signal string) bool { return listener == signal }
	}
	attributes := env.Metadata.Attributes
	if attributes == nil {
		attributes = map[string]string{}
	}
	if a.attributes != nil {
		attributes = a.attributes(attributes)
	}
	name := env.EventName
	if a.name != nil {
		name = a.name(env, queue)
	}
	for _, signal := range signals {
		for _, listener := range a.listening {
			if hears(listener, signal) && (a.kernel || !wire.Reserved(signal)) {
				err := a.report(protocol.Event{Signal: listener, EventName: name, Signals: env.Metadata.Signals, PayloadText: string(env.Payload), Metadata: attributes})
				if err != nil {
					failures = append(failures, err)
				}
			}
		}
	}
	return failures
}
