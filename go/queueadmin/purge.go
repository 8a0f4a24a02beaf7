package queueadmin

import (
	"context"
	"errors"
)

// Purge deletes the queued and the staged messages permanently, the oldest first, and
// returns their number, with an error as well. It deletes as many as there are when it
// starts: if a receiver takes some meanwhile, it deletes as many newer ones. Messages
// that a receiver has taken, retrying ones included, and dead letters stay.
func (q *Queue) Purge(ctx context.Context) (deleted int64, err error) {
	const operation = "purge"
	if err := q.usable(ctx, operation); err != nil {
		return 0, err
	}
	for _, staged := range []bool{true, false} {
		n, err := q.queue.Purge(ctx, staged)
		deleted += n
		if err != nil {
			return deleted, q.failed(operation, err)
		}
	}
	return deleted, nil
}

// Move moves queued messages to another queue, the oldest first, and returns their number,
// with an error as well. It moves at most limit messages; a limit of 0 or less moves as
// many as there are when it starts. They follow the messages that wait there, in their order,
// byte for byte: their signals still name the event that was sent, and receivers dispatch
// by these (DISP-1). Each message is in exactly one of the queues at any time.
//
// In a cluster, both queues must be in one slot; otherwise Redis replies with the error
// CROSSSLOT, and nothing is moved.
func (q *Queue) Move(ctx context.Context, to *Queue, limit int) (moved int64, err error) {
	const operation = "move messages of"
	if err := q.usable(ctx, operation); err != nil {
		return 0, err
	}
	if err := to.usable(ctx, "move messages to"); err != nil {
		return 0, err
	}
	if q.Name() == to.Name() {
		return 0, q.wrapped(operation, errors.New("the destination is the same queue"))
	}
	moved, err = q.queue.Move(ctx, to.queue, int64(limit))
	return moved, q.failed(operation, err)
}
