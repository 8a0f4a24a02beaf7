package remoteevent

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

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

// maxPush and maxPushBytes are how many messages one LPUSH takes: Redis does
// nothing else meanwhile.
const (
	maxPush      = 1000
	maxPushBytes = 1 << 20
)

// batch collects messages into as few commands as keep their order.
type batch struct {
	pushes []push
}

// push is one LPUSH: messages that follow each other and go to one list.
type push struct {
	key      string
	messages []any
	indexes  []int
	bytes    int
}

// takes reports whether a message may go along.
func (p *push) takes(key string, message []byte) bool {
	return p.key == key && len(p.messages) < maxPush && p.bytes+len(message) <= maxPushBytes
}

func newBatch(size int) *batch { return &batch{pushes: make([]push, 0, min(size, 16))} }

func (b *batch) add(index int, key string, message []byte) {
	if n := len(b.pushes); n == 0 || !b.pushes[n-1].takes(key, message) {
		b.pushes = append(b.pushes, push{key: key})
	}
	last := &b.pushes[len(b.pushes)-1]
	last.bytes += len(message)
	last.messages = append(last.messages, message)
	last.indexes = append(last.indexes, index)
}

// store sends what was collected and notes the outcome of each message.
func (b *batch) store(ctx context.Context, client redis.UniversalClient, results []Result) {
	commands := make([]lpush, len(b.pushes))
	for i, p := range b.pushes {
		commands[i] = newLPush(ctx, p.key, p.messages)
	}
	var err error
	switch len(commands) {
	case 0:
		return
	case 1:
		err = client.Process(ctx, commands[0])
	default:
		pipeline := client.Pipeline()
		for _, c := range commands {
			_ = pipeline.Process(ctx, c)
		}
		_, err = pipeline.Exec(ctx)
	}
	for i, p := range b.pushes {
		outcome, err := commands[i].outcome(p.key, err)
		for _, index := range p.indexes {
			results[index] = Result{outcome, err}
		}
	}
}

// lpush is an LPUSH that go-redis does not repeat by itself (SEND-5), and that
// knows how often it was written to a connection.
type lpush struct {
	*redis.IntCmd

	writes *atomic.Int32
}

func newLPush(ctx context.Context, key string, messages []any) lpush {
	writes := new(atomic.Int32)
	args := make([]any, 0, 2+len(messages))
	args = append(args, "lpush", key)
	args = append(args, messages...)
	last := len(args) - 1
	if message, ok := args[last].([]byte); ok {
		args[last] = counted{message, writes}
	}
	return lpush{redis.NewIntCmd(ctx, args...), writes}
}

// NoRetry tells go-redis to leave it at one attempt.
func (lpush) NoRetry() bool { return true }

// counted is an argument that counts how often go-redis writes it.
type counted struct {
	message []byte
	writes  *atomic.Int32
}

// MarshalBinary is called as the argument is written, and not before.
func (c counted) MarshalBinary() ([]byte, error) {
	c.writes.Add(1)
	return c.message, nil
}

// outcome tells what became of the messages. Stored are those of which Redis has
// said how long their list is now; that go-redis notes no error is not enough,
// since it notes none with the commands of a pipeline whose connection was
// refused its password: then the error is the pipeline's. What was never written
// is not in Redis, nor is what Redis answered with an error; but where a cluster
// redirected the command, the error may be that of an earlier attempt than the
// last.
func (c lpush) outcome(key string, pipeline error) (Outcome, error) {
	err := c.Err()
	if err == nil && c.Val() > 0 {
		return Stored, nil
	}
	if err == nil {
		err = pipeline
	}
	if err == nil {
		err = errors.New("there was no answer")
	}
	var answer redis.Error
	redirected := redis.HasErrorPrefix(err, "MOVED") || redis.HasErrorPrefix(err, "ASK")
	switch writes := c.writes.Load(); {
	case writes == 0:
		return Refused, fmt.Errorf("event %q: %w: %w", key, ErrNotSent, err)
	case errors.As(c.Err(), &answer) && (!redirected || writes == 1):
		return Refused, fmt.Errorf("event %q: Redis refused it: %w", key, err)
	default:
		return Unknown, fmt.Errorf("event %q: %w: %w", key, ErrUnknown, err)
	}
}
