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

// Await waits for a message, but no longer than that, and claims, in one round trip:
// the message is moved to staging, and the claim runs as soon as the wait ends,
// also where it ends without a message or by an error. The commands run on the
// connection, which is blocked meanwhile. What was claimed counts also where the wait
// failed.
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
		claim.SetErr(err) // it never got a reply
	}
	if redis.HasErrorPrefix(claim.Err(), "NOSCRIPT") {
		claim = q.run(ctx, "exchange", args)
	}
	answer, claimErr := readAnswer(claim)
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
	return answer.Claimed, err
}

type onceString struct{ *redis.StringCmd }

func (onceString) NoRetry() bool { return true }
