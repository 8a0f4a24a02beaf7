package remoteevent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// errWithdrawn stops a command before it is written, because its caller has left.
var errWithdrawn = errors.New("a caller has withdrawn its event")

// errLate stops a command before it is written, because the client's timeouts go beyond
// the deadline of the caller, which waits in its own goroutine.
var errLate = errors.New("the deadline is too near")

// round is a group of messages that share a round trip. Its callers may leave;
// the round goes on.
type round struct {
	ctx      context.Context //nolint:containedctx // of the first caller, for its values
	messages []*outgoing
	bytes    int
	done     chan struct{} // closed when each message has its result

	mu        sync.Mutex
	departed  bool // a byte may have been written
	withdrawn bool // a message was withdrawn since the command was made
	stopped   bool // the command was stopped for that
}

func newRound(ctx context.Context) *round { return &round{ctx: ctx, done: make(chan struct{})} }

// takes reports whether a message may join.
func (r *round) takes(m *outgoing) bool {
	return len(r.messages) < maxPush && (r.bytes+len(m.text) <= maxPushBytes || len(r.messages) == 0)
}

func (r *round) add(m *outgoing) {
	r.messages = append(r.messages, m)
	r.bytes += len(m.text)
}

// depart is called as the first byte of a command is about to be written, and
// reports whether it may be.
func (r *round) depart() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.withdrawn && !r.departed {
		r.stopped = true
		return false
	}
	r.departed = true
	return true
}

// withdraw takes messages out of a round, all or none, and reports whether it came in
// time.
func (r *round) withdraw(messages ...*outgoing) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.departed {
		return false
	}
	for _, m := range messages {
		m.withdrawn = true
	}
	r.withdrawn = true
	return true
}

// board returns the messages that have not been withdrawn.
func (r *round) board() []*outgoing {
	r.mu.Lock()
	defer r.mu.Unlock()
	present := r.messages
	if r.withdrawn {
		present = make([]*outgoing, 0, len(r.messages))
		for _, m := range r.messages {
			if !m.withdrawn {
				present = append(present, m)
			}
		}
	}
	r.withdrawn, r.stopped = false, false
	return present
}

// fly sends a round, and reports whether Redis replied. A command that was
// stopped before its first byte is made anew without what was withdrawn.
func (r *round) fly(client redis.UniversalClient) (answered bool) {
	defer close(r.done)
	ctx := context.WithoutCancel(r.ctx)
	for {
		present := r.board()
		if len(present) == 0 {
			return true
		}
		pushes := pushesOf(ctx, present)
		for _, p := range pushes {
			p.messages[0].round = r
		}
		answered = run(ctx, client, pushes)
		r.mu.Lock()
		stopped := r.stopped
		r.mu.Unlock()
		if !stopped {
			return answered
		}
	}
}

// wait waits for the results of a round, or for the end of the caller's context,
// and reports which.
func (r *round) wait(ctx context.Context) (landed bool) {
	select {
	case <-r.done:
		return true
	case <-ctx.Done():
	}
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// left returns the result of a message whose caller does not wait for it.
func (m *outgoing) left(ctx context.Context, withdrawn bool) Result {
	if withdrawn {
		return notSent(m.key, context.Cause(ctx))
	}
	return unknown(m.key, context.Cause(ctx))
}

// finish waits for a message that shares a round with those of other callers.
func (r *round) finish(ctx context.Context, m *outgoing) Result {
	if !r.wait(ctx) {
		return m.left(ctx, r.withdraw(m))
	}
	result := m.Result
	m.free()
	return result
}

// withCause adds to a result the end of the context that may have brought it about.
// A connection may know of a deadline before the context does.
func withCause(ctx context.Context, result Result) Result {
	if result.Err == nil || !errors.Is(result.Err, ErrNotSent) && !errors.Is(result.Err, ErrUnknown) {
		return result
	}
	cause := context.Cause(ctx)
	if deadline, ok := ctx.Deadline(); cause == nil && ok && !time.Now().Before(deadline) {
		cause = context.DeadlineExceeded
	}
	if cause == nil {
		return result
	}
	return Result{result.Outcome, fmt.Errorf("%w: %w", result.Err, cause)}
}
