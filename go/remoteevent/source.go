package remoteevent

import (
	"context"
	"time"

	"github.com/remote-events/remote-events/go/internal/lease"
)

// source is where the messages of a queue are taken from, and where it is reported
// what became of them. Its methods may be called at the same time, except that one
// call takes messages at a time, so that they come in their order.
type source interface {
	// exchange reports dispositions and takes messages, as many as are wanted,
	// in one round trip. It does not wait for any. After an error the report is
	// repeated, unless it was reported all the same.
	exchange(ctx context.Context, r report, w want) (taken, error)
	// await waits for a message, but no longer than that, and takes messages.
	// It may return messages with an error.
	await(ctx context.Context, wait time.Duration, w want) (taken, error)
	// interrupt ends the wait of await.
	interrupt(ctx context.Context)
	// release puts messages back that no listener has begun with, in the order in
	// which they were taken, and returns those whose claim is gone, or that are lost.
	release(ctx context.Context, r report) (lost []*message, err error)
	// extend renews claims.
	extend(ctx context.Context, claims []string) (lost []int, err error)
}

// want is how many messages to take.
type want struct {
	count    int  // 0 for none
	suspects bool // also a message of which more than one claim has expired
	retries  bool // of one message, rather a retry than a fresh one
}

// taken is what an exchange returns.
type taken struct {
	messages []*message    // in the order in which they are to be started
	died     []lease.Death // that became dead letters instead
	more     bool          // there are likely to be more
	due      time.Duration // when from now something becomes due, or negative
	reported bool          // with an error: that of taking messages, after the report was carried out
	lost     []*message    // of those reported: their claim was gone
}

// takeBytes is how much is taken in one round trip, unless the first message
// alone has more. It also bounds what waits for a slot by default.
const takeBytes = 1 << 20
