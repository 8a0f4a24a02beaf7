package remoteevent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// errWithdrawn stops a command before it is written, because a caller no longer waits.
var errWithdrawn = errors.New("a caller has withdrawn its event")

// errLate stops a command before it is written: its caller waits in its own goroutine, and
// the client's timeouts end after the caller's deadline.
var errLate = errors.New("the deadline is too near")

// round is a group of messages that share a round trip. The end of a caller's context does
// not stop the round.
type round struct {
	ctx      context.Context //nolint:containedctx // of the first caller, for its values
	messages []*outgoing
	bytes    int
	done     chan struct{} // closed when each message has its result

	mu        sync.Mutex
	written   bool // a byte of a command may have been written
	withdrawn bool // a message was withdrawn since the command was made
	stopped   bool // the command was stopped for that reason
}

func newRound(ctx context.Context) *round { return &round{ctx: ctx, done: make(chan struct{})} }

// takes reports whether the round has room for a message.
func (r *round) takes(m *outgoing) bool {
	return len(r.messages) < maxPush && (r.bytes+len(m.text) <= maxPushBytes || len(r.messages) == 0)
}

func (r *round) add(m *outgoing) {
	r.messages = append(r.messages, m)
	r.bytes += len(m.text)
}

// beginWrite reports whether the first byte of a command may be written. The caller
// writes it next.
func (r *round) beginWrite() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.withdrawn && !r.written {
		r.stopped = true
		return false
	}
	r.written = true
	return true
}

// withdraw removes messages from a round, all or none. It returns false if a command of
// the round may have been written already.
func (r *round) withdraw(messages ...*outgoing) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.written {
		return false
	}
	for _, m := range messages {
		m.withdrawn = true
	}
	r.withdrawn = true
	return true
}

// remaining returns the messages that have not been withdrawn.
func (r *round) remaining() []*outgoing {
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

// send sends a round and reports whether Redis replied. If a command was stopped before
// its first byte, send makes a new one without the withdrawn messages.
func (r *round) send(client redis.UniversalClient) (answered bool) {
	defer close(r.done)
	ctx := context.WithoutCancel(r.ctx)
	for {
		present := r.remaining()
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

// wait waits for the results of a round or for the end of the caller's context. It
// reports whether the round has its results.
func (r *round) wait(ctx context.Context) (done bool) {
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

// left returns the result of a message whose caller no longer waits for the round.
func (m *outgoing) left(ctx context.Context, withdrawn bool) Result {
	if withdrawn {
		return notSent(m.key, context.Cause(ctx))
	}
	return unknown(m.key, context.Cause(ctx))
}

// finish waits for the round and returns the result of one of its messages.
func (r *round) finish(ctx context.Context, m *outgoing) Result {
	if !r.wait(ctx) {
		return m.left(ctx, r.withdraw(m))
	}
	result := m.Result
	m.free()
	return result
}

// withCause adds the cause of the context's end to the error of an event that was not
// sent, or whose outcome is unknown. A connection may reach the deadline before the
// context ends.
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
