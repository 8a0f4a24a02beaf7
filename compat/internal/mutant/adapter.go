package mutant

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/wire"
)

// line is a line of the adapter protocol, in either direction.
type line struct {
	Op       string            `json:"op"`
	ID       int               `json:"id"`
	Protocol int               `json:"protocol,omitempty"`
	Error    string            `json:"error,omitempty"`
	Name     string            `json:"name,omitempty"`
	Version  string            `json:"version,omitempty"`
	Roles    []string          `json:"roles,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`

	EventName   string   `json:"event_name,omitempty"`
	Parents     []string `json:"parents,omitempty"`
	PayloadText string   `json:"payload_text,omitempty"`
	Queues      []string `json:"queues,omitempty"`
	Signals     []string `json:"signals,omitempty"`
}

// event is a call of a listener. Everything in it may be empty.
type event struct {
	Op          string            `json:"op"`
	Signal      string            `json:"signal"`
	Signals     []string          `json:"signals"`
	PayloadText string            `json:"payload_text"`
	Metadata    map[string]string `json:"metadata"`
}

// died is the end of a queue.
type died struct {
	Op    string `json:"op"`
	Queue string `json:"queue"`
	Error string `json:"error"`
}

// adapter is a sender or a receiver at work.
type adapter struct {
	Mutation

	client    *redis.Client
	listening []string // the signals of the listeners
	consumers sync.WaitGroup

	mu  sync.Mutex // several queues report
	out *json.Encoder
}

// Run serves the adapter protocol until the input ends or says stop.
func Run(ctx context.Context, m Mutation, redisURL string, in io.Reader, out io.Writer) error {
	options, err := redis.ParseURL(redisURL)
	if err != nil {
		return errors.New("REDIS_URL is no URL of a Redis")
	}
	options.PoolSize = 100  // a queue blocks one
	options.MaxRetries = -1 // a push is never repeated
	client := redis.NewClient(options)
	defer client.Close()
	a := &adapter{Mutation: m, client: client, out: json.NewEncoder(out)}
	ctx, cancel := context.WithCancel(ctx)
	defer a.consumers.Wait()
	defer cancel()
	return a.serve(ctx, in)
}

func (a *adapter) serve(ctx context.Context, in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		text, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var request line
		if err := json.Unmarshal(text, &request); err != nil {
			return err
		}
		answer := line{ID: request.ID}
		switch request.Op {
		case "hello":
			answer = line{Op: "hello", Protocol: 1, Name: "mutant", Version: a.Name, Roles: []string{"send", "receive"}}
		case "send":
			answer.Op, err = "sent", a.send(ctx, request)
		case "receive":
			answer.Op = "ready"
			a.receive(ctx, request)
		case "stop":
			return nil
		default:
			err = errors.New("unknown op")
		}
		if err != nil {
			answer = line{Op: "failed", ID: request.ID, Error: err.Error()}
		}
		if err := a.emit(answer); err != nil {
			return err
		}
	}
}

func (a *adapter) emit(message any) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.out.Encode(message)
}

// send sends an event.
func (a *adapter) send(ctx context.Context, request line) error {
	env := wire.Envelope{
		EventName: request.EventName, Payload: json.RawMessage(request.PayloadText),
		Metadata: wire.Metadata{Signals: wire.Chain(request.EventName, request.Parents...), Attributes: request.Metadata},
	}
	err := a.encodeAndPush(ctx, env)
	if a.answer != nil {
		err = a.answer(err)
	}
	return err
}

func (a *adapter) encodeAndPush(ctx context.Context, env wire.Envelope) error {
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

// encode is wire.Encode, but for what the mutation permits.
func (a *adapter) encode(env wire.Envelope) ([]byte, error) {
	message, _, err := wire.Encode(env, wire.Limits{})
	refused, ok := errors.AsType[*wire.RejectedError](err)
	if !ok || len(a.permits) == 0 {
		return message, err
	}
	for _, f := range refused.Findings {
		if f.Severity != wire.SeverityWarning && !contains(a.permits, f.Requirement) {
			return nil, err
		}
	}
	return layOut(env), nil
}

// receive begins to consume.
func (a *adapter) receive(ctx context.Context, request line) {
	a.listening = request.Signals
	if a.listen != nil {
		a.listening = a.listen(a.listening)
	}
	queues := unique(request.Queues)
	if a.queues != nil {
		queues = a.queues(request.Queues)
	}
	for _, queue := range queues {
		a.consumers.Go(func() { a.consume(ctx, queue) })
	}
}

// consume takes messages until the adapter is stopped. What was taken is
// delivered first.
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
			_ = a.emit(died{"died", queue, err.Error()})
			return
		case err != nil:
			pause(ctx)
			continue
		}
		switch a.handle(ctx, queue, raw) {
		case lives:
		case dies:
			_ = a.emit(died{"died", queue, "an error"})
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

// handle delivers a message, and says what becomes of the receiver.
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
	if deliverable && (a.refuse == nil || !a.refuse(message, env)) {
		if a.deliver != nil {
			a.deliver(&env, message)
		}
		a.call(env, queue)
	}
	if a.after != nil {
		a.after(ctx, a.client, queue, raw)
	}
	if a.ends != nil {
		return a.ends(message, err != nil)
	}
	return lives
}

// call calls the listeners.
func (a *adapter) call(env wire.Envelope, queue string) {
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
	for _, signal := range signals {
		for _, listener := range a.listening {
			if hears(listener, signal) && !wire.Reserved(signal) {
				_ = a.emit(event{"event", listener, env.Metadata.Signals, string(env.Payload), attributes})
			}
		}
	}
}
