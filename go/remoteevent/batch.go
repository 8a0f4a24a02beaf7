package remoteevent

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/redis/go-redis/v9"
)

// Outcome is what became of one event of a batch.
type Outcome int

const (
	// Stored events are in Redis.
	Stored Outcome = iota
	// Refused events are certainly not: they violate a requirement, Redis
	// answered with an error, or no command for them was sent.
	Refused
	// Unknown events were sent, and the answer was lost.
	Unknown
)

// String returns the outcome as one lower-case word.
func (o Outcome) String() string { return [...]string{"stored", "refused", "unknown"}[o] }

// Result is the outcome of one event, with the error where it is not stored.
type Result struct {
	Outcome Outcome
	Err     error
}

// BatchError says that some events of a batch are not, or perhaps not, stored.
type BatchError struct {
	// Results has the outcome of each event, at its index in the batch.
	Results []Result
}

// Count returns how many events of the batch came to an outcome.
func (e *BatchError) Count(o Outcome) int {
	n := 0
	for _, r := range e.Results {
		if r.Outcome == o {
			n++
		}
	}
	return n
}

// Error counts the outcomes and quotes the first error.
func (e *BatchError) Error() string {
	for i, r := range e.Results {
		if r.Err != nil {
			return fmt.Sprintf("of %d events %d are stored, %d refused, %d unknown; the first at fault is number %d: %v",
				len(e.Results), e.Count(Stored), e.Count(Refused), e.Count(Unknown), i+1, r.Err)
		}
	}
	return "all events are stored"
}

// Unwrap returns the errors of the events that are not stored.
func (e *BatchError) Unwrap() []error {
	var all []error
	for _, r := range e.Results {
		if r.Err != nil {
			all = append(all, r.Err)
		}
	}
	return all
}

func batchError(results []Result) error {
	for _, r := range results {
		if r.Err != nil {
			return &BatchError{Results: results}
		}
	}
	return nil
}

// maxPush is how many messages one LPUSH takes: Redis does nothing else
// meanwhile.
const maxPush = 1000

// batch collects messages into as few commands as keep their order.
type batch struct {
	pushes []push
}

// push is one LPUSH: messages that follow each other and go to one list.
type push struct {
	key      string
	messages []any
	indexes  []int
}

func newBatch(size int) *batch { return &batch{pushes: make([]push, 0, min(size, 16))} }

func (b *batch) add(index int, key string, message []byte) {
	if n := len(b.pushes); n == 0 || b.pushes[n-1].key != key || len(b.pushes[n-1].messages) == maxPush {
		b.pushes = append(b.pushes, push{key: key})
	}
	last := &b.pushes[len(b.pushes)-1]
	last.messages = append(last.messages, message)
	last.indexes = append(last.indexes, index)
}

// store sends what was collected and notes the outcome of each message.
func (b *batch) store(ctx context.Context, client redis.UniversalClient, results []Result) {
	commands := make([]*lpush, len(b.pushes))
	for i, p := range b.pushes {
		commands[i] = newLPush(ctx, p.key, p.messages)
	}
	switch len(commands) {
	case 0:
		return
	case 1:
		_ = client.Process(ctx, commands[0])
	default:
		pipeline := client.Pipeline()
		for _, c := range commands {
			_ = pipeline.Process(ctx, c)
		}
		_, _ = pipeline.Exec(ctx)
	}
	for i, p := range b.pushes {
		outcome, err := outcomeOf(p.key, commands[i].Err())
		for _, index := range p.indexes {
			results[index] = Result{outcome, err}
		}
	}
}

// lpush is an LPUSH that go-redis does not repeat by itself (SEND-5).
type lpush struct{ *redis.IntCmd }

func newLPush(ctx context.Context, key string, messages []any) *lpush {
	args := make([]any, 0, 2+len(messages))
	args = append(args, "lpush", key)
	return &lpush{redis.NewIntCmd(ctx, append(args, messages...)...)}
}

// NoRetry tells go-redis to leave it at one attempt.
func (*lpush) NoRetry() bool { return true }

// outcomeOf tells the errors apart after which a message is certainly not in
// Redis from those after which it may be.
func outcomeOf(key string, err error) (Outcome, error) {
	var answer redis.Error
	var dial *net.OpError
	switch {
	case err == nil:
		return Stored, nil
	case errors.As(err, &answer):
		return Refused, fmt.Errorf("event %q: Redis refused it: %w", key, err)
	case errors.As(err, &dial) && dial.Op == "dial",
		errors.Is(err, redis.ErrPoolTimeout), errors.Is(err, redis.ErrPoolExhausted), errors.Is(err, redis.ErrClosed):
		return Refused, fmt.Errorf("event %q: %w: %w", key, ErrNotSent, err)
	default:
		return Unknown, fmt.Errorf("event %q: %w: %w", key, ErrUnknown, err)
	}
}
