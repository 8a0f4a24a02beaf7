package lease

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// Conn is a connection, or a client, that runs commands in one pipeline.
type Conn interface {
	Pipeline() redis.Pipeliner
}

// Await waits for a message and claims, in one round trip: Redis moves the message to
// staging, and the claim runs when the wait ends, even after an error or without a
// message. Await blocks conn for at most wait. With an error it may still return
// claimed messages.
func (q *Queue) Await(ctx context.Context, conn Conn, wait time.Duration, c *Claim) (Claimed, error) {
	seconds := strconv.FormatFloat(max(wait, time.Millisecond).Seconds(), 'f', 3, 64)
	stage := redis.NewStringCmd(ctx, "blmove", q.Name, q.Key(Staging), "right", "left", seconds)
	if q.old.Load() {
		stage = redis.NewStringCmd(ctx, "brpoplpush", q.Name, q.Key(Staging), seconds)
	}
	args := append([]any{0, 0, 0, 0, 0}, c.args()...)
	claim := q.command(ctx, "evalsha", q.scripts["exchange"].digest, args)
	pipeline := conn.Pipeline()
	_ = pipeline.Process(ctx, onceString{stage})
	_ = pipeline.Process(ctx, once{claim})
	if _, err := pipeline.Exec(ctx); err != nil && claim.Err() == nil && claim.Val() == nil {
		claim.SetErr(err) // the pipeline failed before its reply
	}
	if redis.HasErrorPrefix(claim.Err(), "NOSCRIPT") {
		claim = q.run(ctx, "exchange", args)
	}
	reply, claimErr := readReply(claim)
	err := stage.Err()
	switch {
	case errors.Is(err, redis.Nil):
		err = nil
	case isUnknownCommand(err) && !q.old.Swap(true):
		err = nil
	}
	if err == nil {
		err = claimErr
	}
	return reply.Claimed, err
}

type onceString struct{ *redis.StringCmd }

func (onceString) NoRetry() bool { return true }
