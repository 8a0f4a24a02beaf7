package remoteevent

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// prompt is the maximum time of a reply after which the next caller may wait for its
// command in its own goroutine, although its context may be cancelled.
const prompt = 10 * time.Millisecond

// link is the connection of a sender to Redis.
type link struct {
	client  redis.UniversalClient
	bounded redis.UniversalClient // client with the deadlines of contexts, or nil
	alone   bool                  // all lists are on one server
	prompt  atomic.Bool           // the last reply was fast
}

// newLink returns the link of a sender with a client.
func newLink(client redis.UniversalClient) *link {
	k := &link{client: client}
	single, ok := client.(*redis.Client)
	if !ok {
		return k
	}
	// Copy the client, with the same connections and hooks but separate options.
	k.alone = true
	own := single.WithTimeout(single.Options().ReadTimeout)
	own.Options().WriteTimeout = single.Options().WriteTimeout
	own.Options().ContextTimeoutEnabled = true
	k.bounded = own
	return k
}

// direct returns the client for a caller that waits for its command in its own
// goroutine. It returns nil if the caller must use another goroutine to be able to leave:
// its context may end, and Redis is not prompt. A change of goroutines takes about as
// long as a command to a Redis on the same machine.
func (k *link) direct(ctx context.Context) redis.UniversalClient {
	switch {
	case ctx.Done() == nil:
		return k.client
	case k.prompt.Load():
		return k.bounded
	}
	return nil
}

// run sends messages in the caller's goroutine. start is the start of the call.
func (k *link) run(ctx context.Context, client redis.UniversalClient, messages []*outgoing, start time.Time) {
	k.note(run(ctx, client, pushesOf(ctx, messages)), start)
}

// fly sends a round. Its callers may leave before it ends.
func (k *link) fly(r *round) {
	start := time.Now()
	k.note(r.fly(k.client), start)
}

// note records whether Redis is prompt.
func (k *link) note(answered bool, start time.Time) {
	if now := answered && time.Since(start) < prompt; now != k.prompt.Load() {
		k.prompt.Store(now)
	}
}
