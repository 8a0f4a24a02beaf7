package remoteevent

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redaction"
)

// maxPush and maxPushBytes are how many messages one LPUSH takes: Redis does
// nothing else meanwhile.
const (
	maxPush      = 1000
	maxPushBytes = 1 << 20
)

// push is the LPUSH of messages into one list. go-redis does not repeat it by
// itself (SEND-5), and it knows how often it was written to a connection.
type push struct {
	*redis.IntCmd

	key      string
	messages []*outgoing
	writes   atomic.Int32
}

// NoRetry tells go-redis to leave it at one attempt.
func (*push) NoRetry() bool { return true }

// pushesOf groups messages by their list, in the order of the first of each.
func pushesOf(ctx context.Context, messages []*outgoing) []*push {
	first := &push{key: messages[0].key}
	pushes := []*push{first}
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
		args := make([]any, 2, 2+len(p.messages))
		args[0], args[1] = "lpush", p.key
		for _, m := range p.messages {
			m.push = nil
			args = append(args, m)
		}
		p.messages[len(p.messages)-1].push = p
		p.IntCmd = redis.NewIntCmd(ctx, args...)
	}
	return pushes
}

// run sends pushes, in one round trip, and notes what became of each message. It
// reports whether Redis answered.
func run(ctx context.Context, client redis.UniversalClient, pushes []*push) (answered bool) {
	var err error = errEnded
	defer func() { // after runtime.Goexit in a hook, too
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
	if panicked != nil { // in a hook of the client
		panicked.in = "a hook of the client"
		err = panicked
	}
	return answered
}

// errEnded is why a push has no answer where a hook of the client ended its
// goroutine.
var errEnded = errors.New("a hook of the client ended its goroutine, by runtime.Goexit")

// settle notes what became of each message, and reports whether Redis answered.
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

// result returns what became of the messages. Stored are those for which Redis
// has answered how long their list is now. That go-redis notes no error is not
// enough, since it notes none with the commands of a pipeline whose connection was
// denied: then the error is the pipeline's. Nor is an error a sign of the contrary,
// since go-redis gives one of the connection to the commands that were answered
// before it, too. What was never written is not in Redis, nor is what Redis
// answered with an error; but where a cluster redirected the command, the error
// may be that of an earlier attempt than the last.
func (p *push) result(pipeline error) Result {
	if p.Val() > 0 {
		return Result{Outcome: Stored}
	}
	err := p.Err()
	if err == nil {
		err = pipeline
	}
	if err == nil {
		err = errors.New("there was no answer")
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

// rejected reports whether the error of a command that was written so often says for
// certain that Redis did not do it.
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
