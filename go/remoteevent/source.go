package remoteevent

import (
	"context"
	"time"

	"github.com/remote-events/remote-events/go/internal/lease"
)

// source provides the messages of a queue and accepts reports of their dispositions. Its
// methods may be called concurrently. However, only one call at a time takes messages, so
// that the messages keep their order.
type source interface {
	// exchange reports dispositions and takes up to the wanted number of messages, in one
	// round trip. It does not wait for messages. After an error the report must be
	// repeated, unless taken.reported is set.
	exchange(ctx context.Context, r report, w want) (taken, error)
	// await waits up to wait for a message, and takes messages. It may return messages
	// and an error.
	await(ctx context.Context, wait time.Duration, w want) (taken, error)
	// interrupt ends the wait of await.
	interrupt(ctx context.Context)
	// release returns messages to the queue that were not started, in the order in which
	// they were taken. It returns the messages whose claim has ended, or that are lost.
	release(ctx context.Context, r report) (lost []*message, err error)
	// extend renews claims. It returns the indices of claims that have ended.
	extend(ctx context.Context, claims []string) (lost []int, err error)
}

// want describes the messages to take.
type want struct {
	count    int  // the maximum number; 0 for none
	suspects bool // also a suspect
	retries  bool // retries rather than fresh messages
}

// taken is what an exchange returns.
type taken struct {
	messages []*message    // in the order in which they are to be started
	died     []lease.Death // messages that the claim moved to the dead letters
	more     bool          // there are probably more messages
	due      time.Duration // the time until a message becomes due, or negative
	reported bool          // if there is an error: Redis applied the report, and only taking failed
	lost     []*message    // the reported messages whose claim had ended
}

// takeBytes is the maximum size of the messages of one round trip, unless the first
// message alone is larger. By default, it also limits the size of the waiting messages.
const takeBytes = 1 << 20
