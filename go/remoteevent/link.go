package remoteevent

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// prompt is the maximum time of a reply after which the next caller may wait for its
// command in its own goroutine, although its context may be cancelled.
const prompt = 10 * time.Millisecond

// maxUninterrupted is the maximum timeout of a client that a caller may wait for in its
// own goroutine, where a cancelled context does not end a read or a write of go-redis.
const maxUninterrupted = 5 * time.Second

// link is the connection of a sender to Redis. All commands pass through the client
// itself, since copies of go-redis (WithTimeout) do not have its hooks.
type link struct {
	client  redis.UniversalClient
	alone   bool          // all lists are on one server
	longest time.Duration // the maximum time of a command from its first byte; 0 if it is long
	exact   bool          // the client ends a command at the deadline of its context
	prompt  atomic.Bool   // the last reply was fast
}

// newLink returns the link of a sender with a client.
func newLink(client redis.UniversalClient) *link {
	k := &link{client: client}
	single, ok := client.(*redis.Client)
	if !ok {
		return k
	}
	k.alone = true
	options := single.Options()
	brief := func(timeout time.Duration) bool { return 0 < timeout && timeout <= maxUninterrupted }
	if brief(options.ReadTimeout) && brief(options.WriteTimeout) {
		k.longest, k.exact = options.WriteTimeout+options.ReadTimeout, options.ContextTimeoutEnabled
	}
	return k
}

// direct reports whether a caller may wait for its command in its own goroutine, and
// until when the command must be written. Otherwise, the caller must use another goroutine
// to be able to leave: its context may end, and Redis is not prompt, or the client's
// timeouts are long or go beyond the deadline. A change of goroutines takes about as long
// as a command to a Redis on the same machine.
func (k *link) direct(ctx context.Context, now time.Time) (latest time.Time, ok bool) {
	if ctx.Done() == nil {
		return latest, true
	}
	if k.longest == 0 || !k.prompt.Load() {
		return latest, false
	}
	if deadline, limited := ctx.Deadline(); limited && !k.exact {
		latest = deadline.Add(-k.longest)
		return latest, now.Before(latest)
	}
	return latest, true
}

// run sends messages in the caller's goroutine, if it may wait there, and reports
// whether it did. start is the start of the call.
func (k *link) run(ctx context.Context, messages []*outgoing, start time.Time) bool {
	latest, ok := k.direct(ctx, start)
	if !ok {
		return false
	}
	messages[0].latest = latest
	k.note(run(ctx, k.client, pushesOf(ctx, messages)), start)
	messages[0].latest = time.Time{}
	return !errors.Is(messages[0].Err, errLate)
}

// sendRound sends a round. Its callers may leave before it ends.
func (k *link) sendRound(r *round) {
	start := time.Now()
	k.note(r.send(k.client), start)
}

// note records whether Redis is prompt.
func (k *link) note(answered bool, start time.Time) {
	if now := answered && time.Since(start) < prompt; now != k.prompt.Load() {
		k.prompt.Store(now)
	}
}
