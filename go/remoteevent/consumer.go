package remoteevent

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// blockTime is how long a pop waits for a message: Redis' shortest, since a pop
// cannot be called off, and so the longest that an idle receiver takes to stop.
const blockTime = time.Second

// consumer takes the messages of one queue. Several may compete for a queue, in
// this process and in others.
type consumer struct {
	queue   string
	client  redis.UniversalClient
	log     *slog.Logger
	slots   chan struct{} // one for each message that may be under way
	deliver func(raw []byte)
	// handling is told of the messages that are under way.
	handling *sync.WaitGroup

	single bool // the server pops one message at a time (before Redis 6.2)
}

// run takes messages until the context ends.
func (c *consumer) run(ctx context.Context) {
	var retry backoff
	for {
		free := c.acquire(ctx)
		if free == 0 {
			return
		}
		messages, err := c.pop(ctx, free)
		for range free - len(messages) {
			<-c.slots
		}
		for _, raw := range messages {
			// In a goroutine of its own even where there is but one slot: a
			// listener may end it.
			c.handling.Go(func() {
				defer func() { <-c.slots }()
				c.deliver([]byte(raw))
			})
		}
		switch {
		case err == nil && retry.failures > 0:
			c.log.InfoContext(ctx, "receiving again", "failures", retry.failures)
			retry = backoff{}
		case err != nil:
			if delay := retry.next(); retry.failures == 1 || retry.failures%16 == 0 {
				c.log.WarnContext(ctx, "cannot receive for now", "error", err, "failures", retry.failures, "retry_in", delay)
			}
			retry.wait(ctx)
		}
	}
}

// acquire waits for a slot, takes all that are free, and returns how many; 0
// when ctx has ended. A message is taken only for a slot.
func (c *consumer) acquire(ctx context.Context) int {
	if ctx.Err() != nil {
		return 0
	}
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return 0
	}
	if ctx.Err() != nil { // the slot and the end may have come together
		<-c.slots
		return 0
	}
	for n := 1; ; n++ {
		select {
		case c.slots <- struct{}{}:
		default:
			return n
		}
	}
}

// pop takes up to limit messages, oldest first: it waits for one, and then
// takes those behind it. What was taken is returned even with an error. The
// context does not call it off: Redis may have taken the message out already.
func (c *consumer) pop(ctx context.Context, limit int) ([]string, error) {
	messages, err := c.first(context.WithoutCancel(ctx))
	if err != nil || len(messages) == 0 || ctx.Err() != nil {
		return messages, err
	}
	// Where messages are long, a few are enough for a round trip.
	limit = min(limit-1, takeBytes/max(1, len(messages[0])))
	if limit < 1 || c.single {
		return messages, nil
	}
	behind, cancel := context.WithTimeout(context.WithoutCancel(ctx), replyTimeout)
	defer cancel()
	more, err := c.client.RPopCount(behind, c.queue, limit).Result()
	switch {
	case errors.Is(err, redis.Nil):
		err = nil
	case err != nil && strings.Contains(err.Error(), "wrong number of arguments"):
		c.single, err = true, nil
	}
	return append(messages, more...), err
}

// takeBytes is how much is taken in one round trip, going by the length of the
// first message, unless that alone has more.
const takeBytes = 1 << 20

// first waits for one message.
func (c *consumer) first(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, blockTime+replyTimeout)
	defer cancel()
	reply, err := c.client.BRPop(ctx, blockTime, c.queue).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return reply[1:], nil
}
