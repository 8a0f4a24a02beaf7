package remoteevent

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// prompt is how fast Redis answers where a caller may wait for its command in its
// own goroutine although its context may be cancelled.
const prompt = 10 * time.Millisecond

// link is a sender's way to Redis.
type link struct {
	client  redis.UniversalClient
	bounded redis.UniversalClient // as client, bounded by deadlines of contexts, too; nil where there is no such
	alone   bool                  // one server has all lists
	prompt  atomic.Bool           // Redis answered promptly the last time
}

// newLink makes the link of a sender through a client.
func newLink(client redis.UniversalClient) *link {
	k := &link{client: client}
	single, ok := client.(*redis.Client)
	if !ok {
		return k
	}
	// A copy with the same connections and hooks, and options of its own.
	k.alone = true
	own := single.WithTimeout(single.Options().ReadTimeout)
	own.Options().WriteTimeout = single.Options().WriteTimeout
	own.Options().ContextTimeoutEnabled = true
	k.bounded = own
	return k
}

// direct returns the client for a caller that waits for its command in its own
// goroutine, or nil where it must be able to leave: where its context may end,
// unless a deadline bounds the command as well and Redis is prompt. To change
// goroutines takes about as long as a command takes a Redis on the same machine.
func (k *link) direct(ctx context.Context) redis.UniversalClient {
	switch {
	case ctx.Done() == nil:
		return k.client
	case k.prompt.Load():
		return k.bounded
	}
	return nil
}

// run sends messages in the caller's goroutine, for a call that began at start.
func (k *link) run(ctx context.Context, client redis.UniversalClient, messages []*outgoing, start time.Time) {
	k.note(run(ctx, client, pushesOf(ctx, messages)), start)
}

// fly sends a round, whose callers may leave.
func (k *link) fly(r *round) {
	start := time.Now()
	k.note(r.fly(k.client), start)
}

// note remembers whether Redis is prompt.
func (k *link) note(answered bool, start time.Time) {
	if now := answered && time.Since(start) < prompt; now != k.prompt.Load() {
		k.prompt.Store(now)
	}
}
