package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// oneAtATime is the client of a receiver that must not take a message from
// Redis before the last one is dealt with, however many queues it has, and none
// once its context has ended.
//
// A [remoteevent.Receiver] blocks on each of its queues. Here these blocks meet:
// when all queues ask for a message, and so none is being dealt with, one
// command asks Redis for a message of any of them.
type oneAtATime struct {
	*redis.Client
	// ending is the context of the receiver's Run.
	ending context.Context //nolint:containedctx // BRPop is given one that outlives it
	// answered is called with the error, or nil, of every answer of Redis.
	answered func(error)

	mu      sync.Mutex
	queues  []string // each once
	waiting map[string]chan *redis.StringSliceCmd
	popping bool
	taken   []string // queue and message of the last answer
}

func newOneAtATime(ending context.Context, client *redis.Client, queues []string, answered func(error)) *oneAtATime {
	return &oneAtATime{
		Client: client, ending: ending, answered: answered,
		queues: append([]string(nil), queues...), waiting: map[string]chan *redis.StringSliceCmd{},
	}
}

// BRPop waits until every queue asks, and then for a message of this queue.
func (c *oneAtATime) BRPop(ctx context.Context, timeout time.Duration, keys ...string) *redis.StringSliceCmd {
	queue := keys[0]
	answer := make(chan *redis.StringSliceCmd, 1)
	c.mu.Lock()
	c.waiting[queue] = answer
	last := len(c.waiting) == len(c.queues)
	c.popping = c.popping || last
	c.mu.Unlock()
	if last {
		c.pop(ctx, timeout)
	}
	select {
	case a := <-answer:
		return a
	case <-c.ending.Done():
	}
	c.mu.Lock()
	if c.waiting[queue] == answer && !c.popping {
		delete(c.waiting, queue) // the other queues have stopped asking
		answer <- nothing(ctx)
	}
	c.mu.Unlock()
	return <-answer
}

// pop asks Redis, and answers the queue that has a message, or all if none has.
func (c *oneAtATime) pop(ctx context.Context, timeout time.Duration) {
	reply := nothing(ctx)
	if c.ending.Err() == nil {
		reply = c.Client.BRPop(ctx, timeout, c.queues...)
		err := reply.Err()
		if errors.Is(err, redis.Nil) {
			err = nil
		}
		c.answered(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.popping = false
	if reply.Err() == nil {
		c.taken = reply.Val()
		queue := c.taken[0]
		c.waiting[queue] <- reply
		delete(c.waiting, queue)
		c.queues = append(c.queues[1:], c.queues[0]) // Redis serves the first that has a message
		if c.ending.Err() == nil {
			return // the others go on waiting
		}
		reply = nothing(ctx)
	}
	for queue, answer := range c.waiting {
		answer <- reply
		delete(c.waiting, queue)
	}
}

// putBack returns the last message to the place from which it was taken.
func (c *oneAtATime) putBack(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.RPush(ctx, c.taken[0], c.taken[1]).Err()
}

// nothing is the answer of an empty queue.
func nothing(ctx context.Context) *redis.StringSliceCmd {
	reply := redis.NewStringSliceCmd(ctx)
	reply.SetErr(redis.Nil)
	return reply
}
