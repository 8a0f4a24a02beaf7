package remoteevent

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redaction"
)

// maxPush and maxPushBytes limit one LPUSH, during which Redis does nothing else.
const (
	maxPush      = 1000
	maxPushBytes = 1 << 20
)

// push is the LPUSH of messages to one list. go-redis does not repeat it (SEND-5). It
// counts how often it was written to a connection.
type push struct {
	redis.IntCmd

	key      string
	messages []*outgoing
	writes   atomic.Int32

	self [1]*push // the pushes, if there is only this one
	room [3]any   // the arguments, if there is only one message
}

// NoRetry prevents a second attempt of go-redis.
func (*push) NoRetry() bool { return true }

// pushesOf groups messages by list, in the order of the first message of each list.
func pushesOf(ctx context.Context, messages []*outgoing) []*push {
	first := &push{key: messages[0].key}
	first.self[0] = first
	pushes := first.self[:]
	same := 0
	for same < len(messages) && messages[same].key == first.key {
		same++
	}
	first.messages = messages[:same:same]
	if same < len(messages) {
		byKey := map[string]*push{first.key: first}
		for _, m := range messages[same:] {
			p := byKey[m.key]
			if p == nil {
				p = &push{key: m.key}
				byKey[m.key] = p
				pushes = append(pushes, p)
			}
			p.messages = append(p.messages, m)
		}
	}
	for _, p := range pushes {
		args := p.room[:2]
		if len(p.messages) > 1 {
			args = make([]any, 2, 2+len(p.messages))
		}
		args[0], args[1] = "lpush", p.messages[0].name
		if args[1] == nil {
			args[1] = p.key
		}
		for _, m := range p.messages {
			m.push = nil
			args = append(args, m)
		}
		p.messages[len(p.messages)-1].push = p
		p.IntCmd = *redis.NewIntCmd(ctx, args...)
	}
	return pushes
}

// run sends pushes in one round trip and sets the result of each message. It
// reports whether Redis replied.
func run(ctx context.Context, client redis.UniversalClient, pushes []*push) (answered bool) {
	err := errEnded
	defer func() { // also after runtime.Goexit in a hook
		answered = settle(pushes, err)
	}()
	panicked := contain(func() {
		if len(pushes) == 1 {
			err = client.Process(ctx, pushes[0])
			return
		}
		pipeline := client.Pipeline()
		for _, p := range pushes {
			_ = pipeline.Process(ctx, p)
		}
		_, err = pipeline.Exec(ctx)
	})
	if panicked != nil { // a hook of the client panicked
		panicked.in = "a hook of the client"
		err = panicked
	}
	return answered
}

// errEnded is the cause of a push without a reply after a hook of the client ended its
// goroutine.
var errEnded = errors.New("a hook of the client ended its goroutine with runtime.Goexit")

// settle sets the result of each message, and reports whether Redis replied.
func settle(pushes []*push, err error) (answered bool) {
	answered = true
	for _, p := range pushes {
		result := p.result(err)
		for _, m := range p.messages {
			m.Result = result
		}
		answered = answered && !errors.Is(result.Err, ErrNotSent) && result.Outcome != Unknown
	}
	return answered
}

// result returns the result of the messages. They are stored if Redis replied with the
// length of the list. The absence of an error is not sufficient: if the connection was
// denied, go-redis sets the error only on the pipeline and not on its commands. An error
// does not prove the contrary either, since go-redis sets a connection error also on
// commands with a reply. Messages that were not written, or to which Redis replied with
// an error, are not stored. If a cluster redirected the command, however, the error
// may belong to an earlier attempt.
func (p *push) result(pipeline error) Result {
	if p.Val() > 0 {
		return Result{Outcome: Stored}
	}
	err := p.Err()
	if err == nil {
		err = pipeline
	}
	if err == nil {
		err = errors.New("no reply from Redis")
	}
	sure, writes := rejected(p.Err(), p.writes.Load()), p.writes.Load()
	err = redaction.Error(err)
	switch {
	case writes == 0:
		return notSent(p.key, err)
	case sure:
		return Result{Rejected, fmt.Errorf("send %q: Redis rejected the event: %w", p.key, err)}
	default:
		return unknown(p.key, err)
	}
}

// rejected reports whether an error proves that Redis did not execute a command that was
// written this many times.
func rejected(err error, writes int32) bool {
	var answer redis.Error
	redirected := redis.HasErrorPrefix(err, "MOVED") || redis.HasErrorPrefix(err, "ASK")
	return writes == 0 || errors.As(err, &answer) && (!redirected || writes == 1)
}

func notSent(key string, cause error) Result {
	return Result{Rejected, fmt.Errorf("send %q: %w: %w", key, ErrNotSent, cause)}
}

func unknown(key string, cause error) Result {
	return Result{Unknown, fmt.Errorf("send %q: %w: %w", key, ErrUnknown, cause)}
}
